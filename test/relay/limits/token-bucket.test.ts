import { describe, expect, it } from "vitest";
import { TokenBucket } from "../../../relay/limits/token-bucket.ts";
import { PACING_LIMITS } from "../../../shared/limits.ts";

const RATE = 1_000_000;
const BURST = (RATE * PACING_LIMITS.BURST_MS) / 1_000;

describe("TokenBucket", () => {
  it("begins with a burst and never holds more while nobody waits", () => {
    const bucket = new TokenBucket(RATE, 0);
    expect(bucket.tokens).toBe(BURST);
    bucket.fill(60_000, false);
    expect(bucket.tokens).toBe(BURST);
  });

  it("pays debts back at its rate", () => {
    const bucket = new TokenBucket(RATE, 0);
    bucket.take(BURST + RATE);
    bucket.fill(500, false);
    expect(bucket.tokens).toBe(-RATE / 2);
    bucket.fill(1_000, false);
    expect(bucket.tokens).toBe(0);
  });

  it("makes up for a late timer while somebody waits, up to a bound", () => {
    const bucket = new TokenBucket(RATE, 0);
    bucket.take(BURST);
    bucket.fill(200, true);
    expect(bucket.tokens).toBe(200_000);
    bucket.take(200_000);
    bucket.fill(60_000, true);
    expect(bucket.tokens).toBe((RATE * PACING_LIMITS.LATE_MS) / 1_000);
  });

  it("does not lose anything to a clock that goes back", () => {
    const bucket = new TokenBucket(RATE, 1_000);
    bucket.take(BURST);
    bucket.fill(0, false);
    expect(bucket.tokens).toBe(0);
  });

  it("keeps no more than the new rate's burst when the rate falls", () => {
    const bucket = new TokenBucket(RATE, 0);
    bucket.setRate(RATE / 10, 0);
    expect(bucket.tokens).toBe(BURST / 10);
  });
});
