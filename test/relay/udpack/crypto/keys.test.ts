// Static keys and their text.

import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { generateKeyPair, keyPairOf, keyText, parseKey } from "../../../../relay/udpack/crypto/keys.ts";
import { LIBRARIES } from "../parties.ts";

describe.each(LIBRARIES)("keys by $name", (primitives) => {
  it("are new each time, and read from their text as they were", () => {
    const [one, other] = [generateKeyPair(primitives, randomBytes), generateKeyPair(primitives, randomBytes)];
    expect(one.public).not.toEqual(other.public);
    expect(keyText(one.secret)).toMatch(/^[\w-]{43}$/);
    const read = parseKey(keyText(one.secret));
    expect(read && keyText(keyPairOf(primitives, read).public)).toBe(keyText(one.public));
  });
});

describe("parseKey", () => {
  it.each(["", "short", "A".repeat(42), "A".repeat(44), `${"A".repeat(42)}!`])("refuses %j", (text) => {
    expect(parseKey(text)).toBeUndefined();
  });
});
