import { beforeAll, describe, expect, it } from "vitest";
import { readLoop } from "../../../relay/demo/live.ts";
import { countPackets, shiftSegment } from "../../../relay/demo/transport-stream.ts";
import { readStamps } from "./mpegts.ts";

let segment: Uint8Array;

beforeAll(async () => {
  segment = (await readLoop()).segments[0] ?? new Uint8Array();
});

describe("shiftSegment", () => {
  it("moves every presentation stamp and clock reference by the ticks", () => {
    const before = readStamps(segment);
    const after = readStamps(shiftSegment(segment, { ticks: 90_000, packets: new Map() }));
    expect(before.clocks.length).toBeGreaterThan(10);
    expect(after.clocks).toEqual(before.clocks.map((clock) => clock + 90_000));
    for (const [pid, frames] of before.frames) {
      expect(after.frames.get(pid)).toEqual(frames.map((stamp) => stamp + 90_000));
    }
  });

  it("wraps at 2^33 ticks", () => {
    const first = readStamps(segment).frames.get(0x100)?.[0] ?? 0;
    const moved = readStamps(shiftSegment(segment, { ticks: 2 ** 33 - first, packets: new Map() }));
    expect(moved.frames.get(0x100)?.slice(0, 2)).toEqual([0, 3_600]);
  });

  it("moves continuity counters by each PID's packets, modulo 16", () => {
    const before = readStamps(segment).continuity;
    const after = readStamps(shiftSegment(segment, { ticks: 0, packets: new Map([[0x100, 21]]) })).continuity;
    expect(after.get(0x100)?.first).toBe(((before.get(0x100)?.first ?? 0) + 21) % 16);
    expect(after.get(0x101)).toEqual(before.get(0x101));
  });

  it("changes nothing when nothing is to be moved, and never its input", () => {
    const copy = Uint8Array.from(segment);
    expect(Buffer.from(shiftSegment(segment, { ticks: 0, packets: new Map() })).equals(segment)).toBe(true);
    shiftSegment(segment, { ticks: 5, packets: new Map([[0x100, 1]]) });
    expect(Buffer.from(segment).equals(copy)).toBe(true);
  });

  it("refuses what is no transport stream", () => {
    expect(() => countPackets(new Uint8Array(100))).toThrow(RangeError);
    expect(() => countPackets(new Uint8Array(188))).toThrow(RangeError);
  });
});
