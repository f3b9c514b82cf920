// What paths do besides losing packets by chance: reordering, duplication, bursts of loss, outages, a NAT that forgets; and
// other senders.

import { describe, expect, it } from "vitest";
import { Path, type PathOptions } from "./path.ts";
import type { Transfer } from "./transfer.ts";

const MB = 1_000_000;
const MEASURED_MS = 10_000;
const PATH: PathOptions = { rttMs: 50, rate: 12.5 * MB, loss: 0.01 };

/** Sends `bytes` over a path in several streams; the time that it took. */
function send(
  options: PathOptions,
  bytes: number,
  meanwhile?: (path: Path, transfer: Transfer) => void,
): number {
  const path = new Path(options);
  const transfer = path.transfer({ streams: 4, bytesPerStream: bytes / 4 });
  transfer.start();
  meanwhile?.(path, transfer);
  path.finish(transfer, 120_000);
  expect(transfer.faults).toEqual([]);
  expect(transfer.received).toBe(bytes);
  expect(transfer.finished).toBe(4);
  return path.agenda.now;
}

/** Time that `bytes` take at a part of the bottleneck's rate, after one second of start-up. */
function msAt(part: number, bytes: number): number {
  return 1_000 + (bytes * 1_000) / (part * PATH.rate);
}

describe("a transfer", () => {
  it("is whole and fast when a tenth of the packets comes up to 5 ms late", () => {
    const took = send({ ...PATH, reorder: { share: 0.1, ms: 5 } }, 40 * MB);
    expect(took).toBeLessThan(msAt(0.85, 40 * MB));
  });

  it("is whole and fast when a tenth of the packets comes twice", () => {
    expect(send({ ...PATH, duplicate: 0.1 }, 40 * MB)).toBeLessThan(msAt(0.85, 40 * MB));
  });

  it("is whole and fast when loss comes in bursts of 20 packets", () => {
    const took = send({ ...PATH, burst: { begins: 0.001, goesOn: 0.95 } }, 40 * MB);
    expect(took).toBeLessThan(msAt(0.7, 40 * MB));
  });

  it("goes on after an outage of 3 s, at most two seconds late", () => {
    const took = send({ ...PATH, outage: { from: 1_500, to: 4_500 } }, 40 * MB);
    expect(took).toBeGreaterThan(4_500);
    expect(took).toBeLessThan(msAt(0.85, 40 * MB) + 3_000 + 2_500);
  });

  it("goes on when its client gets another address, and that address is validated", () => {
    let validated = 0;
    const took = send(PATH, 40 * MB, (path, transfer) => {
      path.agenda.run(1_500);
      transfer.client.address = 77;
      path.agenda.run(2_000);
      validated = transfer.server.validated;
    });
    expect(validated).toBe(1);
    expect(took).toBeLessThan(msAt(0.8, 40 * MB));
  });

  it("uses a known rate, whatever is lost", () => {
    const path = new Path({ ...PATH, loss: 0.1 });
    const transfer = path.transfer({ streams: 1, rate: 10 * MB });
    transfer.start();
    path.agenda.run(1_000);
    const sent = transfer.client.session.stats().bytesSent;
    const received = transfer.received;
    path.agenda.run(3_000);
    expect(transfer.faults).toEqual([]);
    // A tenth is lost, and headers take 3 %.
    expect((transfer.received - received) / 2).toBeGreaterThan(8 * MB);
    expect((transfer.client.session.stats().bytesSent - sent) / 2).toBeLessThan(10.1 * MB);
  });

  it("takes exactly as long each time", () => {
    const once = send(PATH, 10 * MB);
    expect(send(PATH, 10 * MB)).toBe(once);
    expect(send({ ...PATH, seed: 2 }, 10 * MB)).not.toBe(once);
  });
});

describe("two transfers over one bottleneck", () => {
  it.each([20, 50, 100])("share it within 60 to 40 at %d ms, also when one comes later", (rttMs) => {
    const path = new Path({ rttMs, rate: 12.5 * MB, loss: 0.001 });
    const [a, b] = [path.transfer({ streams: 1 }), path.transfer({ streams: 4 })];
    a.start();
    path.agenda.run(1_000);
    b.start();
    // A late comer gains a quarter of its share in every eight round trips.
    path.agenda.run(2_000 + 400 * rttMs);
    const before = [a.received, b.received];
    path.agenda.run(path.agenda.now + MEASURED_MS);
    const [first = 0, second = 0] = [a.received - (before[0] ?? 0), b.received - (before[1] ?? 0)];
    expect(first + second).toBeGreaterThan((0.85 * 12.5 * MB * MEASURED_MS) / 1_000);
    expect(first / (first + second)).toBeGreaterThan(0.4);
    expect(first / (first + second)).toBeLessThan(0.6);
    for (const transfer of [a, b]) {
      transfer.stop();
      path.finish(transfer, 60_000);
      expect(transfer.faults).toEqual([]);
      expect(transfer.isDone).toBe(true);
    }
  });
});
