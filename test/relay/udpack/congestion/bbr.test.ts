// The model's rules that a link does not show: bounds of bursts, outages, and the first packets.

import { describe, expect, it } from "vitest";
import { Bbr } from "../../../../relay/udpack/congestion/bbr.ts";
import { FixedRate } from "../../../../relay/udpack/congestion/fixed.ts";
import { emptySample } from "../../../../relay/udpack/recovery/rate-sample.ts";

const RATE = 10_000_000;
const RTT_MS = 40;

/** A model that has seen `rounds` round trips of a path of 10 MB/s and 40 ms. */
function trained(rounds: number): { bbr: Bbr; now: number } {
  const bbr = new Bbr({ now: 0, seed: 1 });
  const sample = emptySample();
  let now = 0;
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < 10; i++) {
      now += RTT_MS / 10;
      const acked = (RATE * RTT_MS) / 10_000;
      const inFlight = (RATE * RTT_MS) / 1_000;
      sample.priorDelivered = Math.max(0, sample.delivered - inFlight);
      sample.delivered += acked;
      Object.assign(sample, { rate: RATE, intervalMs: RTT_MS, acked, rttMs: RTT_MS, smoothedRttMs: RTT_MS });
      Object.assign(sample, { priorInFlight: inFlight, inFlight: inFlight * 0.9 });
      bbr.onSent(1_200, inFlight, now);
      bbr.onAcked(sample, now);
    }
  }
  return { bbr, now };
}

describe("Bbr", () => {
  it("begins with 32 packets that need not wait", () => {
    const bbr = new Bbr({ now: 0, seed: 1 });
    expect(bbr.window).toBe(38_400);
    expect(bbr.burst).toBeGreaterThanOrEqual(38_400);
    expect(bbr.bandwidth).toBe(0);
  });

  it("has at most twice the product of bandwidth and round-trip time in flight, and aggregated ACKs", () => {
    const { bbr } = trained(40);
    expect(bbr.bandwidth).toBe(RATE);
    const product = (RATE * RTT_MS) / 1_000;
    expect(bbr.window).toBeGreaterThanOrEqual(1.9 * product);
    expect(bbr.window).toBeLessThanOrEqual(2.2 * product);
    expect(bbr.quantum).toBeGreaterThanOrEqual(0.7 * 10_000);
    expect(bbr.quantum).toBeLessThanOrEqual(1.25 * 10_000);
  });

  it("never lets a burst take more than a quarter of the peer's buffer, but always two packets", () => {
    const { bbr } = trained(40);
    bbr.setReceiveBuffer(24_000);
    expect(bbr.quantum).toBe(6_000);
    expect(bbr.burst).toBe(6_000);
    const other = new Bbr({ now: 0, seed: 1 });
    other.setReceiveBuffer(40_000);
    expect(other.quantum).toBe(10_000);
    expect(other.burst).toBe(10_000);
    other.setReceiveBuffer(1_000);
    expect(other.quantum).toBe(2_400);
  });

  it("starts anew after an outage, up to the bandwidth that it knew", () => {
    const { bbr, now } = trained(40);
    expect(bbr.mode).not.toBe("startup");
    bbr.onOutage(now + 1_000);
    expect(bbr.mode).toBe("startup");
    expect(bbr.bandwidth).toBe(0);
    expect(bbr.window).toBe(38_400);
  });

  it("is not slowed by a first request of a few bytes: it still sends its first window within one round trip", () => {
    const bbr = new Bbr({ now: 0, seed: 1 });
    bbr.onSent(100, 0, 0);
    const sample = { ...emptySample(), rate: 2_000, appLimited: true, acked: 100, delivered: 100, rttMs: 50 };
    bbr.onAcked({ ...sample, priorDelivered: 0, intervalMs: 50, smoothedRttMs: 50 }, 50);
    expect(bbr.pacingRate * 0.05).toBeGreaterThan(38_400);
  });

  it("is not moved by samples that the application limited, unless they are greater", () => {
    const { bbr, now } = trained(40);
    const sample = emptySample();
    Object.assign(sample, {
      rate: 1_000,
      appLimited: true,
      acked: 1_000,
      delivered: 1e12,
      priorDelivered: 1e12 - 1,
    });
    for (let i = 1; i <= 40; i++) {
      Object.assign(sample, { delivered: sample.delivered + 2, priorDelivered: sample.delivered });
      bbr.onAcked(sample, now + i * RTT_MS);
    }
    expect(bbr.bandwidth).toBe(RATE);
    bbr.onAcked(Object.assign(sample, { rate: 2 * RATE }), now + 50 * RTT_MS);
    expect(bbr.bandwidth).toBe(2 * RATE);
  });
});

describe("FixedRate", () => {
  it("has twice the rate times the smoothed round-trip time in flight", () => {
    const fixed = new FixedRate({ rate: RATE });
    fixed.onAcked(Object.assign(emptySample(), { smoothedRttMs: 40 }), 0);
    expect(fixed.window).toBe(800_000);
    expect(fixed.pacingRate).toBe(RATE);
    fixed.onLost(1_000_000, 0);
    fixed.onOutage(0);
    expect(fixed.window).toBe(800_000);
    fixed.onAcked(Object.assign(emptySample(), { smoothedRttMs: 0 }), 0);
    expect(fixed.window).toBe(32 * 1_200);
  });

  it("bounds nothing without a rate", () => {
    const fixed = new FixedRate({ rate: Number.POSITIVE_INFINITY });
    fixed.setReceiveBuffer(1_000_000);
    expect(fixed.window).toBe(Number.POSITIVE_INFINITY);
    fixed.onAcked(Object.assign(emptySample(), { smoothedRttMs: 0 }), 0);
    expect(fixed.window).toBe(Number.POSITIVE_INFINITY);
  });
});
