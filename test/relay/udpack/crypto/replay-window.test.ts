// The replay window against the plain definition: a set of all numbers ever recorded.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { REPLAY_WINDOW, ReplayWindow } from "../../../../relay/udpack/crypto/replay-window.ts";

describe("ReplayWindow", () => {
  it("takes each number once, and none that lies 8,192 or more below the greatest", () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: -40, max: 40 }) },
      { weight: 2, arbitrary: fc.integer({ min: -REPLAY_WINDOW - 3, max: REPLAY_WINDOW + 3 }) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 3 * REPLAY_WINDOW }) },
    );
    const start = fc.constantFrom(0, 31, 2 ** 31 - 5, 2 ** 32 - 5, 2 ** 47);
    fc.assert(
      fc.property(start, fc.array(step, { maxLength: 200 }), (from, steps) => {
        const window = new ReplayWindow();
        const recorded = new Set<number>();
        let newest = -1;
        let at = from;
        for (const by of steps) {
          at = Math.max(0, (newest < 0 ? at : newest) + by);
          const isNew = !recorded.has(at) && newest - at < REPLAY_WINDOW;
          expect(window.accepts(at)).toBe(isNew);
          if (!isNew) continue;
          window.record(at);
          recorded.add(at);
          newest = Math.max(newest, at);
          expect(window.newest).toBe(newest);
          expect(window.accepts(at)).toBe(false);
        }
      }),
    );
  });

  it("keeps what was recorded just within the window", () => {
    const window = new ReplayWindow();
    for (let number = 0; number < 3 * REPLAY_WINDOW; number += 2) window.record(number);
    const newest = window.newest;
    for (let number = newest; number > newest - REPLAY_WINDOW; number--)
      expect(window.accepts(number)).toBe(number % 2 === 1);
    expect(window.accepts(newest - REPLAY_WINDOW)).toBe(false);
    expect(window.accepts(newest - REPLAY_WINDOW - 1)).toBe(false);
  });
});
