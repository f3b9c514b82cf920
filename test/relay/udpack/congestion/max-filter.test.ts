// The windowed maximum against a plain list.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MaxFilter } from "../../../../relay/udpack/congestion/max-filter.ts";

const LENGTH = 10;

describe("MaxFilter", () => {
  it("is never below the newest value, and never above the greatest of the window", () => {
    const values = fc.array(fc.tuple(fc.nat(1_000), fc.nat(4)), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(values, (steps) => {
        const filter = new MaxFilter();
        const seen: [at: number, value: number][] = [];
        let at = 0;
        for (const [value, step] of steps) {
          at += step;
          seen.push([at, value]);
          filter.update(value, at, LENGTH);
          const within = seen.filter(([when]) => at - when <= LENGTH).map(([, one]) => one);
          expect(filter.max).toBeGreaterThanOrEqual(value);
          expect(filter.max).toBeLessThanOrEqual(Math.max(...within));
        }
      }),
    );
  });

  it("keeps a maximum for the whole window, and then what came after it", () => {
    const filter = new MaxFilter();
    filter.update(100, 0, LENGTH);
    for (let at = 1; at <= LENGTH; at++) filter.update(50 - at, at, LENGTH);
    expect(filter.max).toBe(100);
    filter.update(1, LENGTH + 1, LENGTH);
    expect(filter.max).toBeLessThan(50);
    expect(filter.max).toBeGreaterThan(40);
  });
});
