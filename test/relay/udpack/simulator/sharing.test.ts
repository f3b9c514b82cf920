// Many sessions at one bottleneck, each of which believes in what it once got. What is reached is not perfect (docs/UDPACK.md
// section 7 says how good it is); these are the bounds.

import { describe, expect, it } from "vitest";
import { Path } from "./path.ts";

const MB = 1_000_000;
const START_MS = 100;
const SETTLE_MS = 5_000;
const MEASURED_MS = 10_000;

interface Shares {
  readonly sum: number;
  /** Jain's index: 1 is equal, 1 / count is all for one. */
  readonly fairness: number;
  readonly least: number;
  readonly dropped: number;
}

/** `count` sessions that begin one after the other; their shares of the bottleneck, and of packets that its queue dropped. */
function share(count: number, rttMs: number, rate: number, seed: number): Shares {
  const path = new Path({ rttMs, rate, seed });
  const transfers = Array.from({ length: count }, () => path.transfer({ streams: 1 }));
  for (const transfer of transfers) {
    transfer.start();
    path.agenda.run(path.agenda.now + START_MS);
  }
  path.agenda.run(path.agenda.now + SETTLE_MS);
  const before = transfers.map(({ received }) => received);
  const { sent, dropped } = path.up;
  path.agenda.run(path.agenda.now + MEASURED_MS);
  const parts = transfers.map(
    ({ received }, i) => ((received - (before[i] ?? 0)) * 1_000) / MEASURED_MS / rate,
  );
  for (const { faults } of transfers) expect(faults).toEqual([]);
  const sum = parts.reduce((a, b) => a + b, 0);
  const squares = parts.reduce((a, b) => a + b * b, 0);
  return {
    sum,
    fairness: sum ** 2 / (count * squares),
    least: (Math.min(...parts) / sum) * count,
    dropped: (path.up.dropped - dropped) / (path.up.sent - sent),
  };
}

describe("sessions that share a bottleneck of 5 MB/s", () => {
  it.each([
    [8, 50, 0.04, 0.85],
    [16, 50, 0.1, 0.7],
    [8, 100, 0.02, 0.85],
    [16, 100, 0.06, 0.8],
  ])(
    "%d at %d ms lose at most %d of their packets, and are fair to %d",
    (count, rttMs, dropped, fairness) => {
      for (const seed of [1, 2]) {
        const shares = share(count, rttMs, 5 * MB, seed);
        expect(shares.sum).toBeGreaterThan(0.85);
        expect(shares.dropped).toBeLessThan(dropped);
        expect(shares.fairness).toBeGreaterThan(fairness);
      }
    },
  );
});

describe("a session that comes later to a path of 200 ms", () => {
  it("has a quarter of what both get after three seconds, and three tenths after ten", () => {
    const path = new Path({ rttMs: 200, rate: 2.5 * MB });
    const [first, second] = [path.transfer({ streams: 1 }), path.transfer({ streams: 1 })];
    first.start();
    path.agenda.run(4_000);
    second.start();
    for (const [from, part] of [
      [7_000, 0.25],
      [14_000, 0.3],
    ] as const) {
      path.agenda.run(from);
      const before = [first.received, second.received];
      path.agenda.run(from + 6_000);
      const [a, b] = [first.received - (before[0] ?? 0), second.received - (before[1] ?? 0)];
      expect((a + b) / 6 / 2.5 / MB).toBeGreaterThan(0.85);
      expect(b / (a + b)).toBeGreaterThan(part);
    }
  });
});
