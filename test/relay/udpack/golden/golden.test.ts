// The exact bytes of an exchange, made by both libraries.

import { describe, expect, it } from "vitest";
import { LIBRARIES } from "../parties.ts";
import { GOLDEN_PACKETS, type GoldenName } from "./packets.ts";
import { exchange } from "./scenario.ts";

describe.each(LIBRARIES)("an exchange by $name", (primitives) => {
  const made = exchange(primitives);

  it.each(Object.keys(GOLDEN_PACKETS) as GoldenName[])("has the golden packet %s", (name) => {
    expect(made[name]).toBe(GOLDEN_PACKETS[name]);
  });
});
