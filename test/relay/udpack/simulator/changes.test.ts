// Paths that become others while a transfer goes on: longer, slower, faster. The model must forget what it knew, soon, and not
// by way of a queue that grows or a rate that collapses.

import { describe, expect, it } from "vitest";
import { Path, type PathOptions } from "./path.ts";

const MB = 1_000_000;
const BEFORE_MS = 4_000;

interface After {
  readonly goodput: number;
  readonly queueingMs: number;
}

/** Lets a path change after four seconds; what the transfer reaches in three seconds, `settleMs` later. */
function across(options: PathOptions, rate: number, rttMs: number, settleMs: number): After {
  const path = new Path(options);
  const transfer = path.transfer({ streams: 2 });
  transfer.start();
  path.agenda.run(BEFORE_MS);
  path.change(rate, rttMs);
  path.agenda.run(BEFORE_MS + settleMs);
  path.up.beginMeasuring();
  const { received } = transfer;
  path.agenda.run(path.agenda.now + 3_000);
  const goodput = (transfer.received - received) / 3 / rate;
  const queueingMs = path.up.queueingMsSum / Math.max(1, path.up.queued);
  transfer.stop();
  path.finish(transfer, 60_000);
  expect(transfer.faults).toEqual([]);
  expect(transfer.isDone).toBe(true);
  return { goodput, queueingMs };
}

describe("a path that becomes longer", () => {
  it.each([
    [20, 40, 3_000],
    [50, 100, 4_000],
    [20, 100, 4_000],
    [20, 200, 6_000],
  ])("from %d to %d ms is full again after %d ms: its length is no queue", (from, to, ms) => {
    for (const loss of [0, 0.01]) {
      const { goodput } = across({ rttMs: from, rate: 5 * MB, loss, queueMs: 100 }, 5 * MB, to, ms);
      expect(goodput).toBeGreaterThan(0.85);
    }
  });
});

describe("a path that becomes shorter", () => {
  it("is full after a second, without a queue", () => {
    const { goodput, queueingMs } = across({ rttMs: 200, rate: 5 * MB }, 5 * MB, 20, 1_000);
    expect(goodput).toBeGreaterThan(0.85);
    expect(queueingMs).toBeLessThan(10);
  });
});

describe("a bottleneck that becomes ten times slower", () => {
  it.each([
    [20, 1, 2_000],
    [50, 1, 4_000],
    [50, 8, 4_000],
    [200, 1, 8_000],
    [200, 8, 10_000],
  ])(
    "at %d ms, with a queue of %d round trips, is full and its queue is gone after %d ms",
    (rttMs, round, ms) => {
      for (const loss of [0, 0.01]) {
        const { goodput, queueingMs } = across(
          { rttMs, rate: 5 * MB, loss, queueMs: rttMs * round },
          MB / 2,
          rttMs,
          ms,
        );
        expect(goodput).toBeGreaterThan(0.8);
        expect(queueingMs).toBeLessThan(Math.max(25, rttMs / 4));
      }
    },
  );
});

describe("a bottleneck that becomes ten times faster", () => {
  it.each([
    [20, 2_000],
    [50, 3_000],
    [200, 8_000],
  ])("at %d ms is full after %d ms", (rttMs, ms) => {
    expect(across({ rttMs, rate: MB / 2 }, 5 * MB, rttMs, ms).goodput).toBeGreaterThan(0.85);
  });
});

describe("a short transfer over 12.5 MB/s and 50 ms", () => {
  it.each([
    [100_000, 2.6],
    [1024 * 1024, 5.5],
    [10 * 1024 * 1024, 6.6],
  ])("of %d bytes takes at most %d round trips more than its bytes take", (bytes, roundTrips) => {
    const path = new Path({ rttMs: 50, rate: 12.5 * MB });
    const transfer = path.transfer({ streams: 1, bytesPerStream: bytes });
    transfer.start();
    path.finish(transfer, 10_000);
    expect(transfer.finished).toBe(1);
    expect((path.agenda.now - bytes / 12_500) / 50).toBeLessThan(roundTrips);
  });
});
