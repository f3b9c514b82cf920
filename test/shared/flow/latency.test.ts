import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addLatencies,
  addLatency,
  LATENCY_BOUNDS_MS,
  noLatencies,
  quantile,
  RecentLatencies,
} from "../../../shared/flow/latency.ts";

function latenciesOf(...times: number[]) {
  const latencies = noLatencies();
  for (const time of times) addLatency(latencies, time);
  return latencies;
}

describe("addLatency", () => {
  it("puts a time into the first bucket that holds it, and a longer one than all into one of its own", () => {
    expect(latenciesOf(0, 1, 3, 4)).toEqual({ counts: [2, 0, 2], sum: 8 });
    const long = latenciesOf(60_000);
    expect(long.counts).toHaveLength(LATENCY_BOUNDS_MS.length + 1);
    expect(long.counts.at(-1)).toBe(1);
  });

  it("takes a clock that was set back for no time at all", () => {
    expect(latenciesOf(-500)).toEqual({ counts: [1], sum: 0 });
  });
});

describe("addLatencies", () => {
  it("gives what counting all at one place would have given", () => {
    const times = fc.array(fc.nat(100_000));
    fc.assert(
      fc.property(times, times, (a, b) => {
        const sum = latenciesOf(...a);
        addLatencies(sum, latenciesOf(...b));
        expect(sum).toEqual(latenciesOf(...a, ...b));
      }),
    );
  });
});

describe("quantile", () => {
  it("lies within the bucket of the true one", () => {
    const bounds: number[] = [0, ...LATENCY_BOUNDS_MS];
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 16_384 }), { minLength: 1 }), (times) => {
        const sorted = times.toSorted((a, b) => a - b);
        const truth = sorted[Math.max(0, Math.ceil(0.95 * sorted.length) - 1)] ?? 0;
        const upper = bounds.find((bound) => truth <= bound && bound > 0) ?? 0;
        const lower = bounds.findLast((bound) => bound < upper) ?? 0;
        const found = quantile(latenciesOf(...times), 0.95) ?? -1;
        expect(found).toBeGreaterThanOrEqual(lower);
        expect(found).toBeLessThanOrEqual(upper);
      }),
    );
  });

  it("is nothing of nothing", () => {
    expect(quantile(noLatencies(), 0.95)).toBeUndefined();
  });
});

describe("RecentLatencies", () => {
  it("forgets what lies two spans back and keeps the last span whole", () => {
    const recent = new RecentLatencies(1_000);
    recent.add(latenciesOf(5), 10_000);
    recent.add(latenciesOf(7), 11_500);
    expect(recent.read(11_900).sum).toBe(12);
    expect(recent.read(12_600).sum).toBe(7);
    expect(recent.read(20_000).sum).toBe(0);
  });
});
