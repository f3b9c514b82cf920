// ReceivedPackets against a plain set, and when an ACK is due.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ReceivedPackets } from "../../../../relay/udpack/recovery/received.ts";
import { type AckView, decodeFrames, type FrameVisitor } from "../../../../relay/udpack/wire/frames.ts";

interface Told {
  largest: number;
  delayMs: number;
  ranges: [start: number, end: number][];
}

/** What a peer reads from the ACK; undefined: none was written. */
function told(received: ReceivedPackets, now: number, room = 1_200): Told | undefined {
  const frame = new Uint8Array(room);
  const end = received.writeAck(frame, 0, now);
  if (end < 0) return undefined;
  const found: Told[] = [];
  const visitor = {
    ack(ack: AckView): void {
      const ranges = Array.from({ length: ack.ranges }, (_, i): [number, number] => [
        ack.start(i),
        ack.end(i),
      ]);
      found.push({ largest: ack.largest, delayMs: ack.delayMs, ranges });
    },
  } as FrameVisitor;
  expect(decodeFrames(frame.subarray(0, end), visitor)).toBe(true);
  return found[0];
}

/** The newest 256 ranges of a set, newest first. */
function rangesOf(numbers: Iterable<number>): [number, number][] {
  const ranges: [number, number][] = [];
  for (const number of [...numbers].sort((a, b) => b - a)) {
    const last = ranges.at(-1);
    if (last && last[0] === number + 1) last[0] = number;
    else ranges.push([number, number]);
  }
  return ranges.slice(0, 256);
}

describe("ReceivedPackets", () => {
  it("tells exactly what came, in whatever order", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(300), { minLength: 1 }), (numbers) => {
        const received = new ReceivedPackets(1);
        for (const number of numbers) received.receive(number, true, 0);
        expect(told(received, 0)?.ranges).toEqual(rangesOf(numbers));
      }),
    );
  });

  it("keeps the newest 256 ranges, however many gaps there are", () => {
    const received = new ReceivedPackets(1);
    const numbers = Array.from({ length: 3_000 }, (_, i) => i * 2);
    for (const number of numbers) received.receive(number, true, 0);
    expect(received.ranges).toBe(256);
    expect(told(received, 0)?.ranges).toEqual(rangesOf(numbers));
    received.receive(1, true, 0);
    expect(told(received, 0)?.ranges).toEqual(rangesOf(numbers));
    received.receive(5_997, true, 0);
    expect(told(received, 0)?.ranges.slice(0, 2)).toEqual([
      [5_996, 5_998],
      [5_994, 5_994],
    ]);
  });

  it("puts numbers between others at the end of the slots, too", () => {
    const received = new ReceivedPackets(1);
    const numbers: number[] = [];
    for (let i = 0; i < 2_000; i++) numbers.push(i * 10 + 4, i * 10);
    for (const number of numbers) received.receive(number, true, 0);
    expect(told(received, 0)?.ranges).toEqual(rangesOf(numbers));
  });

  it("tells as many of the newest ranges as have room, and nothing where not one has", () => {
    const received = new ReceivedPackets(1);
    for (let i = 0; i < 100; i++) received.receive(i * 2, true, 0);
    expect(told(received, 0, 12)).toBeUndefined();
    expect(told(received, 0, 17)?.ranges).toEqual([
      [198, 198],
      [196, 196],
      [194, 194],
    ]);
  });

  it("forgets what the peer knows, but never the newest range", () => {
    const received = new ReceivedPackets(1);
    for (const number of [0, 1, 5, 6, 7, 20]) received.receive(number, true, 0);
    received.forget(6);
    expect(told(received, 0)?.ranges).toEqual([
      [20, 20],
      [6, 7],
    ]);
    received.forget(1_000);
    expect(told(received, 0)?.ranges).toEqual([[20, 20]]);
    received.receive(21, true, 0);
    expect(told(received, 0)?.ranges).toEqual([[20, 21]]);
  });

  it("says how long ago the largest number came", () => {
    const received = new ReceivedPackets(1);
    received.receive(0, true, 100);
    received.receive(1, true, 101.25);
    expect(told(received, 103.5)?.delayMs).toBeCloseTo(2.25, 3);
  });

  it("is due at the end of a batch, after 32 packets, or after the delay", () => {
    const received = new ReceivedPackets(1);
    received.receive(0, true, 10);
    expect(received.isDue(10.9)).toBe(false);
    expect(received.deadline()).toBe(11);
    expect(received.isDue(11)).toBe(true);
    received.batchEnd(10.5);
    expect(received.isDue(10.5)).toBe(true);
    told(received, 10.5);
    expect(received.isDue(1_000)).toBe(false);
    expect(received.deadline()).toBe(Number.POSITIVE_INFINITY);
    for (let i = 1; i <= 31; i++) received.receive(i, true, 20);
    expect(received.isDue(20)).toBe(false);
    received.receive(32, true, 20);
    expect(received.isDue(20)).toBe(true);
  });

  it("is due at once when a packet is missing or fills a gap", () => {
    const received = new ReceivedPackets(1);
    received.receive(0, true, 0);
    received.receive(2, true, 0);
    expect(received.isDue(0)).toBe(true);
    told(received, 0);
    received.receive(1, true, 0);
    expect(received.isDue(0)).toBe(true);
  });

  it("is never due for packets that ask for no ACK", () => {
    const received = new ReceivedPackets(1);
    for (const number of [0, 2, 1, 9]) received.receive(number, false, 0);
    received.batchEnd(0);
    expect(received.isPending).toBe(false);
    expect(received.isDue(1_000)).toBe(false);
    expect(told(received, 0)?.ranges).toEqual([
      [9, 9],
      [0, 2],
    ]);
  });
});
