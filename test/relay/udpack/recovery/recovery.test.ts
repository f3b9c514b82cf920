// Recovery: what is lost and when, and when the tail is probed.

import { describe, expect, it } from "vitest";
import { FixedRate } from "../../../../relay/udpack/congestion/fixed.ts";
import type { RateSample } from "../../../../relay/udpack/recovery/rate-sample.ts";
import { Recovery } from "../../../../relay/udpack/recovery/recovery.ts";
import { ackOf } from "./acks.ts";

/** A controller that knows what it was told of losses. */
class Told extends FixedRate {
  lost = 0;
  sampleLost = 0;

  constructor() {
    super({ rate: Number.POSITIVE_INFINITY });
  }
  override onLost(bytes: number): void {
    this.lost += bytes;
  }
  override onAcked(sample: RateSample, now: number): void {
    this.sampleLost += sample.lost;
    super.onAcked(sample, now);
  }
}

/** A recovery whose packets carry their number, and what was told of them. */
function make(size?: { onAcked(n: number, bytes: number): void; onLost(n: number, bytes: number): boolean }) {
  const told = { acked: [] as number[], lost: [] as number[] };
  const events = {
    acked: (number: number) => told.acked.push(number),
    lost: (number: number) => told.lost.push(number),
  };
  const controller = new FixedRate({ rate: Number.POSITIVE_INFINITY });
  const recovery = new Recovery<number>({ controller, peerAckDelayMs: 1, now: 0, ...(size && { size }) });
  const send = (number: number, now: number, elicits = true) =>
    recovery.onSent(number, 1_000, elicits, number, now, false);
  return { recovery, told, events, send };
}

describe("Recovery", () => {
  it("acknowledges in order of sending, once", () => {
    const { recovery, told, events, send } = make();
    for (let n = 0; n < 6; n++) send(n, n);
    const ack = ackOf([
      [4, 5],
      [0, 2],
    ]);
    expect(recovery.onAck(ack, 50, events)).toBe(true);
    expect(recovery.onAck(ack, 51, events)).toBe(true);
    expect(told.acked).toEqual([0, 1, 2, 4, 5]);
    expect(recovery.bytesInFlight).toBe(1_000);
  });

  it("loses a packet that three later ones overtook", () => {
    const { recovery, told, events, send } = make();
    for (let n = 0; n < 5; n++) send(n, 0);
    recovery.onAck(ackOf([[1, 2]]), 50, events);
    expect(told.lost).toEqual([]);
    recovery.onAck(ackOf([[1, 3]]), 50, events);
    expect(told.lost).toEqual([0]);
  });

  it("loses an overtaken packet after 9/8 of the round-trip time", () => {
    const { recovery, told, events, send } = make();
    send(0, 0);
    send(1, 0);
    recovery.onAck(ackOf([[1, 1]]), 80, events);
    expect(recovery.deadline()).toBe(90);
    expect(recovery.onTimeout(89, events)).toBe(0);
    expect(told.lost).toEqual([]);
    expect(recovery.onTimeout(90, events)).toBe(0);
    expect(told.lost).toEqual([0]);
  });

  it("waits for as much reordering as it has seen", () => {
    const { recovery, told, events, send } = make();
    for (let n = 0; n < 20; n++) send(n, 0);
    recovery.onAck(ackOf([[1, 9]]), 50, events);
    expect(told.lost).toEqual([0]);
    recovery.onAck(ackOf([[0, 9]]), 51, events);
    expect(told.acked).not.toContain(0);
    expect(recovery.stats().packetsLate).toBe(1);
    for (let n = 20; n < 40; n++) send(n, 60);
    recovery.onAck(ackOf([[21, 28]]), 110, events);
    expect(told.lost).not.toContain(20);
    recovery.onAck(ackOf([[20, 28]]), 111, events);
    expect(told.acked).toContain(20);
  });

  it("expects little reordering again once none was seen for half a minute", () => {
    const { recovery, told, events, send } = make();
    for (let n = 0; n < 10; n++) send(n, 0);
    recovery.onAck(ackOf([[1, 9]]), 50, events);
    recovery.onAck(ackOf([[0, 9]]), 51, events);
    for (let n = 10; n < 20; n++) send(n, 40_000);
    recovery.onAck(ackOf([[11, 14]]), 40_050, events);
    expect(told.lost).toEqual([0, 10]);
  });

  it("probes the tail twice, with what the oldest packets carried, and doubles its patience up to a second", () => {
    const { recovery, told, events, send } = make();
    send(0, 0);
    recovery.onAck(ackOf([[0, 0]]), 100, events);
    for (let n = 1; n <= 4; n++) send(n, 100);
    const first = recovery.deadline();
    expect(first).toBe(100 + 100 + 200 + 1);
    expect(recovery.onTimeout(first, events)).toBe(2);
    expect(told.lost).toEqual([1, 2]);
    send(5, first);
    expect(recovery.deadline()).toBeCloseTo(first + 602);
    recovery.onTimeout(first + 602, events);
    send(6, 2_000);
    expect(recovery.deadline()).toBe(3_000);
    expect(recovery.timeouts).toBe(2);
    recovery.onAck(ackOf([[6, 6]]), 2_100, events);
    expect(recovery.timeouts).toBe(0);
  });

  it("counts an outage at the third probe without an answer", () => {
    const { recovery, events, send } = make();
    for (let n = 0; n < 8; n++) send(n, 0);
    for (let i = 0; i < 4; i++) {
      recovery.onTimeout(recovery.deadline(), events);
      send(8 + i, recovery.deadline());
    }
    expect(recovery.stats().outages).toBe(1);
  });

  it("refuses ACKs of what was never sent", () => {
    const { recovery, events, send } = make();
    send(0, 0);
    send(1, 0);
    send(4, 0);
    for (const ranges of [
      [[0, 5]],
      [[7, 9]],
      [[2, 4]],
      [
        [4, 4],
        [3, 3],
      ],
    ] as [number, number][][]) {
      expect(recovery.onAck(ackOf(ranges), 10, events)).toBe(false);
    }
  });

  it("refuses what is no list of descending ranges", () => {
    for (const ranges of [
      [],
      [[1, 0]],
      [
        [2, 3],
        [3, 3],
      ],
      [
        [0, 1],
        [2, 3],
      ],
      [[-1, 2]],
      [[Number.NaN, 1]],
    ] as [number, number][][]) {
      const { recovery, events, send } = make();
      for (let n = 0; n < 6; n++) send(n, 0);
      expect(recovery.onAck(ackOf(ranges), 10, events)).toBe(false);
    }
  });

  it("neither counts nor misses packets that ask for no ACK", () => {
    const { recovery, told, events, send } = make();
    for (let n = 0; n < 500; n++) send(n, n, false);
    expect(recovery.bytesInFlight).toBe(0);
    expect(recovery.deadline()).toBe(Number.POSITIVE_INFINITY);
    expect(recovery.onAck(ackOf([[3, 499]]), 600, events)).toBe(true);
    expect(told).toEqual({ acked: [], lost: [] });
    expect(recovery.rtt.sampled).toBe(false);
  });

  it("measures the round-trip time where the newest packet asked for no ACK, if another did", () => {
    const { recovery, events, send } = make();
    send(0, 0);
    send(1, 30, false);
    recovery.onAck(ackOf([[0, 1]]), 50, events);
    expect(recovery.rtt.latest).toBe(20);
    send(2, 60, false);
    recovery.onAck(ackOf([[0, 2]]), 500, events);
    expect(recovery.rtt.latest).toBe(20);
  });

  it("is not deceived by a first ACK for a number long out of its books", () => {
    const { recovery, events, send } = make();
    for (let n = 0; n < 300_000; n++) send(n, n / 100, false);
    send(300_000, 3_000);
    expect(recovery.onAck(ackOf([[300_000 - 131_072 * 2, 300_000 - 131_072 * 2]]), 3_050, events)).toBe(true);
    expect(recovery.rtt.sampled).toBe(false);
    expect(recovery.bytesInFlight).toBe(1_000);
  });

  it("gives the oldest packet up when its books are full, and tells so", () => {
    const { recovery, told, events, send } = make();
    send(0, 0);
    for (let n = 1; n <= 131_072; n++) send(n, 1, false);
    expect(recovery.bytesInFlight).toBe(0);
    expect(recovery.deadline()).toBe(Number.NEGATIVE_INFINITY);
    recovery.onTimeout(2, events);
    expect(told.lost).toEqual([0]);
    expect(recovery.deadline()).toBe(Number.POSITIVE_INFINITY);
  });

  it("measures nothing by packets that left over another path", () => {
    const { recovery, told, events, send } = make();
    send(0, 0);
    recovery.startPath(new FixedRate({ rate: Number.POSITIVE_INFINITY }));
    send(1, 100);
    recovery.onAck(ackOf([[0, 0]]), 500, events);
    expect(recovery.rtt.sampled).toBe(false);
    recovery.onAck(ackOf([[0, 1]]), 520, events);
    expect(recovery.rtt.latest).toBe(420);
    expect(told.acked).toEqual([0, 1]);
  });

  it("gives another path its whole window, whatever is still in flight on the one before, and probes for that", () => {
    const { recovery, told, events, send } = make();
    for (let n = 0; n < 500; n++) send(n, 0);
    recovery.startPath(new FixedRate({ rate: 1_000_000 }));
    expect(recovery.bytesInFlight).toBe(0);
    expect(recovery.allowance(1)).toBeGreaterThan(0);
    expect(recovery.deadline()).toBeLessThan(1_100);
    send(500, 1);
    expect(recovery.bytesInFlight).toBe(1_000);
    recovery.onAck(ackOf([[500, 500]]), 50, events);
    expect(told.lost.length).toBeGreaterThan(490);
    recovery.onTimeout(recovery.deadline(), events);
    expect(told.lost).toHaveLength(500);
    expect(recovery.bytesInFlight).toBe(0);
  });

  it("does not blame another path for what the one before has lost", () => {
    const { recovery, told, events, send } = make();
    for (let n = 0; n < 10; n++) send(n, 0);
    const controller = new Told();
    recovery.startPath(controller);
    send(10, 1);
    recovery.onAck(ackOf([[10, 10]]), 50, events);
    recovery.onTimeout(recovery.deadline(), events);
    expect(told.lost).toHaveLength(10);
    expect([controller.lost, controller.sampleLost]).toEqual([0, 0]);
  });

  it("does not tell the controller of a lost probe for sizes", () => {
    const controller = new Told();
    const size = { onAcked() {}, onLost: (number: number) => number === 0 };
    const recovery = new Recovery<number>({ controller, peerAckDelayMs: 1, now: 0, size });
    for (let n = 0; n < 10; n++) recovery.onSent(n, 1_000, true, n, 0, false);
    const events = { acked() {}, lost() {} };
    recovery.onAck(ackOf([[1, 4]]), 50, events);
    expect([controller.lost, controller.sampleLost]).toEqual([0, 0]);
    recovery.onAck(ackOf([[9, 9]]), 50, events);
    expect([controller.lost, controller.sampleLost]).toEqual([2_000, 2_000]);
    expect(recovery.bytesInFlight).toBe(2_000);
  });

  it("tells who watches sizes what became of each number", () => {
    const seen: string[] = [];
    const { recovery, events, send } = make({
      onAcked: (number, bytes) => seen.push(`+${number}:${bytes}`),
      onLost: (number, bytes) => seen.push(`-${number}:${bytes}`) < 0,
    });
    for (let n = 0; n < 4; n++) send(n, 0);
    recovery.onAck(ackOf([[3, 3]]), 10, events);
    expect(seen).toEqual(["+3:1000", "-0:1000"]);
  });

  it("paces by its controller, and lets bursts go after a pause", () => {
    const controller = new FixedRate({ rate: 1_000_000 });
    const recovery = new Recovery<number>({ controller, peerAckDelayMs: 1, now: 0 });
    let n = 0;
    const fill = (now: number): number => {
      const before = n;
      while (recovery.allowance(now) > 0) recovery.onSent(n, 1_000, true, n++, now, false);
      return n - before;
    };
    expect(fill(0)).toBe(5);
    const next = recovery.nextSendAt(0);
    expect(next).toBeGreaterThan(2);
    expect(next).toBeLessThan(3);
    expect(fill(next)).toBe(3);
    expect(fill(next + 100)).toBe(5);
  });
});
