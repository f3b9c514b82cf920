import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Series } from "../../../shared/flow/series.ts";

describe("Series", () => {
  it("spreads a report over the time it covers", () => {
    const series = new Series(2_000, 5);
    series.spread(3_000, 5_000, { up: 10, down: 100, requests: 2 });
    expect(series.points(5_000).slice(-2)).toEqual([
      [2_000, 5, 50, 1],
      [4_000, 5, 50, 1],
    ]);
  });

  it("adds up to what was reported, whatever the times", () => {
    const part = fc.record({ length: fc.nat(6_000), gap: fc.nat(500), down: fc.nat(1e12) });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
        const series = new Series(2_000, 1_000);
        let now = 1_000_000;
        for (const { length, gap, down } of parts) {
          now += gap;
          series.spread(now - length, now, { up: 0, down, requests: 1 });
        }
        const points = series.points(now);
        expect(points.reduce((sum, point) => sum + point[2], 0)).toBe(
          parts.reduce((sum, { down }) => sum + down, 0),
        );
        expect(points.reduce((sum, point) => sum + point[3], 0)).toBe(parts.length);
      }),
      { numRuns: 100 },
    );
  });

  it("drops what lies before the ring and keeps the rest of a long report", () => {
    const series = new Series(1_000, 4);
    series.spread(500, 9_500, { up: 0, down: 9_000, requests: 0 });
    expect(series.points(9_500).map((point) => point[2])).toEqual([1_000, 1_000, 1_000, 500]);
  });

  it("goes on at once when the clock was set back by more than it holds", () => {
    const series = new Series(2_000, 3);
    series.spread(3_594_000, 3_602_000, { up: 5, down: 5, requests: 5 });
    series.spread(10_000, 12_000, { up: 1, down: 2, requests: 3 });
    expect(series.points(12_000)).toEqual([
      [8_000, 0, 0, 0],
      [10_000, 1, 2, 3],
      [12_000, 0, 0, 0],
    ]);
  });

  it("counts a report of no length at its arrival", () => {
    const series = new Series(1_000, 4);
    series.spread(5_500, 5_500, { up: 1, down: 2, requests: 3 });
    expect(series.points(5_500).at(-1)).toEqual([5_000, 1, 2, 3]);
  });

  it("shows quiet steps as zeros, never the ring's previous round", () => {
    const series = new Series(1_000, 3);
    series.spread(1_000, 1_000, { up: 7, down: 7, requests: 7 });
    expect(series.points(4_000)).toEqual([
      [2_000, 0, 0, 0],
      [3_000, 0, 0, 0],
      [4_000, 0, 0, 0],
    ]);
  });

  it("takes a step for whole only when its reports have had the time to come in", () => {
    const series = new Series(2_000, 5);
    series.spread(2_000, 2_000, { up: 0, down: 20, requests: 0 });
    expect(series.whole(5_499, 1_500)[2]).toBe(0);
    expect(series.whole(5_500, 1_500)).toEqual([2_000, 0, 20, 0]);
    expect(series.whole(7_500, 1_500)[2]).toBe(0);
  });
});
