// The engine for every system, and what the choice between engines does.

import { afterAll, describe, expect, it } from "vitest";
import { engineOpener } from "../../../../relay/udpack/engine/open.ts";
import { openPortable } from "../../../../relay/udpack/engine/portable.ts";
import { engineSuite, type Listening, listening, patterned, writeBatch } from "./engine-suite.ts";

engineSuite("openPortable", openPortable, "portable");

describe("engineOpener", () => {
  const opened: Listening[] = [];
  afterAll(() => {
    for (const { engine } of opened) engine.close();
  });

  it("gives the portable engine where offload is switched off", async () => {
    const one = await listening(engineOpener(false));
    opened.push(one);
    expect(one.engine.kind).toBe("portable");
    expect(one.engine.forbidsFragments).toBe(false);
  });

  it("gives engines of either kind that understand each other", async () => {
    const portable = await listening(engineOpener(false));
    const fastest = await listening(engineOpener(true));
    opened.push(portable, fastest);
    for (const [from, to] of [
      [portable, fastest],
      [fastest, portable],
    ] as const) {
      const parts = [patterned(1_300, 1), patterned(1_300, 2), patterned(40, 3)];
      from.engine.send(writeBatch(from.engine, parts), 1_300, to.engine.local);
      expect((await to.bytes(2_640)).equals(Buffer.concat(parts))).toBe(true);
    }
  });
});
