import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TS_LIMITS } from "../../../shared/limits.ts";
import { type Entry, Feed } from "../../../shared/ts/feed.ts";
import {
  AUDIO_PID,
  concat,
  NAL,
  PMT_PID,
  readPackets,
  type SeenPacket,
  StreamMaker,
  unmarkedJumps,
  VIDEO_PID,
} from "../../support/transport-stream.ts";

/** What a viewer gets who begins there. */
function view(feed: Feed, entry: Entry | undefined): SeenPacket[] {
  if (!entry) throw new Error("there is no way in");
  const parts = [entry.tables];
  let place = entry.place;
  for (let piece = feed.window.read(place); piece; piece = feed.window.read(place)) {
    parts.push(piece);
    place += piece.byteLength;
  }
  return readPackets(concat(parts));
}

function connected(now = 0): Feed {
  const feed = new Feed();
  feed.connect(now);
  return feed;
}

describe("Feed", () => {
  it("lets viewers in with PAT, PMT and a keyframe, in this order", () => {
    const maker = new StreamMaker();
    const feed = connected();
    feed.push(concat([maker.unit(), maker.tables(), maker.unit(), maker.unit()]), 0);
    expect(feed.entry(0, 0)).toBeUndefined();
    feed.push(maker.group(), 0);
    const [pat, pmt, key, ...rest] = view(feed, feed.entry(0, 0));
    expect([pat?.pid, pmt?.pid, key?.pid, key?.starts, key?.flagged]).toEqual([
      0,
      PMT_PID,
      VIDEO_PID,
      true,
      true,
    ]);
    expect(unmarkedJumps(rest)).toEqual([]);
  });

  it("lets a late viewer in at the last keyframe, with the tables as of then", () => {
    const maker = new StreamMaker();
    const feed = connected();
    feed.push(concat([maker.group(), maker.tables(), maker.group(), maker.unit()]), 0);
    const packets = view(feed, feed.entry(0, 0));
    expect(packets.filter(({ flagged }) => flagged)).toHaveLength(1);
    expect(packets[2]?.flagged).toBe(true);
    feed.push(maker.tables(), 0);
    expect(unmarkedJumps(view(feed, feed.entry(0, 0)))).toEqual([]);
  });

  it("finds keyframes that no flag tells of, though they show packets later", () => {
    const maker = new StreamMaker();
    const feed = connected();
    const late = concat([
      maker.packet(VIDEO_PID, [0, 0, 1, 0xe0, 0, 0, 0x80, 0, 0], { starts: true }),
      maker.unit({ pid: AUDIO_PID, packets: 1 }),
      maker.packet(VIDEO_PID, [...NAL.delimiter, ...NAL.idr]),
    ]);
    feed.push(concat([maker.tables(), maker.unit(), late, maker.unit()]), 0);
    const packets = view(feed, feed.entry(0, 0));
    expect(packets.slice(0, 5).map(({ pid }) => pid)).toEqual([0, PMT_PID, VIDEO_PID, AUDIO_PID, VIDEO_PID]);
    expect(packets[2]?.starts).toBe(true);
  });

  it("joins a new connection on at a keyframe, and says of each PID that it jumps", () => {
    const first = new StreamMaker();
    const feed = connected();
    feed.push(first.group(), 0);
    const entry = feed.entry(0, 0);
    feed.push(first.unit().subarray(0, 250), 0);
    feed.disconnect();
    expect(feed.entry(0, 0)).toBeUndefined();
    feed.fill(1);
    feed.connect(2);
    const second = new StreamMaker();
    feed.push(concat([second.unit(), second.tables(), second.unit(), second.group(), second.group()]), 2);
    const packets = view(feed, entry);
    expect(unmarkedJumps(packets)).toEqual([]);
    expect(
      packets
        .filter(({ jumps }) => jumps)
        .map(({ pid }) => pid)
        .sort(),
    ).toEqual([0, PMT_PID, VIDEO_PID, AUDIO_PID].sort());
    const after = packets.slice(packets.findIndex(({ jumps }) => jumps)).filter(({ jumps }) => !jumps);
    expect([after[0]?.pid, after[1]?.pid, after[2]?.flagged]).toEqual([0, PMT_PID, true]);
    expect(unmarkedJumps(view(feed, feed.entry(2, 2)))).toEqual([]);
  });

  it("gives up waiting for keyframes after a while", () => {
    const wait = TS_LIMITS.KEYFRAME_WAIT_MS;
    const scrambled = new StreamMaker([[0xd1, VIDEO_PID]]);
    const feed = connected();
    feed.push(concat([scrambled.tables(), scrambled.unit()]), wait - 1);
    expect(feed.isLive).toBe(false);
    feed.push(scrambled.unit(), wait);
    feed.push(scrambled.unit(), wait);
    const [pat, pmt, unit] = view(feed, feed.entry(wait, wait));
    expect([pat?.pid, pmt?.pid]).toEqual([0, PMT_PID]);
    expect(unit).toBeUndefined();
    expect(feed.isLive).toBe(true);
  });

  it("never takes what has no tables for a stream: text can have sync bytes at the right places, too", () => {
    const feed = connected();
    const late = 10 * TS_LIMITS.KEYFRAME_WAIT_MS;
    feed.push(new TextEncoder().encode("Gone. ".repeat(2_000)), late);
    feed.push(new StreamMaker().unit(), late);
    expect([feed.isLive, feed.garbageBytes < 3_000]).toEqual([false, true]);
  });

  it("lets nobody in further back than a viewer may be, but at the next keyframe", () => {
    const maker = new StreamMaker();
    const feed = connected();
    feed.push(maker.group(), 0);
    for (let bytes = 0; bytes <= TS_LIMITS.BURST_BYTES_MAX; bytes += 188 * 500)
      feed.push(maker.unit({ packets: 500 }), 1);
    expect(feed.entry(1, 1)).toBeUndefined();
    expect(feed.entry(1, 1 + TS_LIMITS.KEYFRAME_WAIT_MS)?.place).toBe(feed.window.end);
    feed.push(maker.group(), 2);
    expect(view(feed, feed.entry(2, 2))[2]?.flagged).toBe(true);
    expect(feed.entry(2, 3 + TS_LIMITS.BURST_MS_MAX)?.place).toBe(feed.window.end);
  });

  it("takes any bytes without throwing, and passes on whole packets only", () => {
    const maker = new StreamMaker();
    const parts = [maker.group(), maker.tables(), maker.unit(), new Uint8Array(400).fill(0x47)];
    const piece = fc.oneof(fc.constantFrom(...parts), fc.uint8Array({ maxLength: 400 }));
    const step = fc.oneof(piece, fc.constantFrom("connect", "disconnect", "fill"));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const feed = connected();
        steps.forEach((each, index) => {
          const now = index * 1_000;
          if (each === "connect") feed.connect(now);
          else if (each === "disconnect") feed.disconnect();
          else if (each === "fill") feed.fill(now);
          else if (typeof each !== "string") feed.push(each, now);
          feed.entry(now, now);
        });
        view(feed, { place: 0, tables: new Uint8Array(0) });
      }),
    );
  });
});
