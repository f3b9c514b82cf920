// The matrix of paths: whatever their round-trip time, loss and bottleneck, a transfer is whole, fills the bottleneck, and
// leaves its queue nearly empty. Everything is simulated, so that each run gives the same numbers.

import { describe, expect, it } from "vitest";
import { measure } from "./path.ts";

const MB = 1_000_000;
const RTTS = [0, 20, 50, 100, 200];
const LOSSES = [0, 0.001, 0.01, 0.05];

/** How long goodput is measured: long enough for several cycles of the model's gains. */
const MEASURED_MS = 3_000;

/** The least goodput as a part of the bottleneck, headers included. */
function goodputMin(loss: number): number {
  return loss <= 0.01 ? 0.85 : 0.7;
}

function check(rttMs: number, loss: number, rate: number, streams: number, ms = MEASURED_MS): void {
  const measured = measure({ rttMs, loss, rate }, streams, ms);
  expect(measured.faults).toEqual([]);
  expect(measured.isWhole).toBe(true);
  expect(measured.goodput).toBeGreaterThanOrEqual(goodputMin(loss));
  // Half a round trip, or what a coarse timer and a small queue make of a path without any.
  expect(measured.queueingMs).toBeLessThanOrEqual(Math.max(10, rttMs / 2));
}

describe.each([1.25 * MB, 12.5 * MB])("a bottleneck of %d bytes per second", (rate) => {
  describe.each(RTTS)("and %d ms", (rttMs) => {
    it.each(LOSSES.flatMap((loss) => [[loss, 1] as const, [loss, 32] as const]))(
      "is filled with %d of the packets lost, by %d streams",
      (loss, streams) => check(rttMs, loss, rate, streams),
    );
  });
});

describe("a bottleneck of 125 MB/s", () => {
  it.each([
    [0, 0, 1],
    [20, 0.01, 1],
    [50, 0.001, 32],
    [20, 0.05, 32],
  ])("and %d ms is filled with %d of the packets lost, by %d streams", (rttMs, loss, streams) =>
    check(rttMs, loss, 125 * MB, streams, 1_000),
  );
});
