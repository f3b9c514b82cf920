// RangeSet against a plain set of numbers.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RangeSet } from "../../../../relay/udpack/streams/range-set.ts";

const operation = fc.record({
  kind: fc.constantFrom("add", "remove", "removeBelow"),
  start: fc.nat(60),
  length: fc.nat(12),
});

function contents(set: RangeSet): number[] {
  const numbers: number[] = [];
  for (let i = 0; i < set.size; i++) {
    if (i > 0) expect(set.start(i)).toBeGreaterThan(set.end(i - 1));
    for (let n = set.start(i); n < set.end(i); n++) numbers.push(n);
  }
  return numbers;
}

describe("RangeSet", () => {
  it("holds exactly what was added and not removed, in ranges that never touch", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const set = new RangeSet();
        const model = new Set<number>();
        for (const { kind, start, length } of operations) {
          if (kind === "add") set.add(start, start + length);
          else if (kind === "remove") set.remove(start, start + length);
          else set.removeBelow(start);
          for (let n = 0; n < 80; n++) {
            if (kind === "removeBelow" ? n < start : n >= start && n < start + length) {
              if (kind === "add") model.add(n);
              else model.delete(n);
            }
          }
          expect(contents(set)).toEqual([...model].sort((a, b) => a - b));
        }
      }),
      { numRuns: 500 },
    );
  });

  it("refuses a range of its own beyond the allowed number, but lets ranges grow", () => {
    const set = new RangeSet();
    expect(set.add(10, 20, 1)).toBe(true);
    expect(set.add(30, 40, 1)).toBe(false);
    expect(set.add(20, 30, 1)).toBe(true);
    expect(contents(set)).toHaveLength(20);
  });
});
