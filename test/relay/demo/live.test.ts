import { beforeAll, describe, expect, it } from "vitest";
import {
  type Loop,
  livePlaylist,
  liveSegment,
  newestSequence,
  readLoop,
  SEGMENT_SECONDS,
  WINDOW_SEGMENTS,
} from "../../../relay/demo/live.ts";
import { readStamps } from "./mpegts.ts";

const NOW = Date.UTC(2026, 10, 21, 4, 0, 1, 500);
let loop: Loop;

beforeAll(async () => {
  loop = await readLoop();
});

describe("livePlaylist", () => {
  it("lists a window of segments that have ended by now", () => {
    const playlist = livePlaylist(NOW);
    const newest = newestSequence(NOW);
    const names = playlist.split("\n").filter((line) => line.startsWith("seg-"));
    expect(names).toHaveLength(WINDOW_SEGMENTS);
    expect(names.at(-1)).toBe(`seg-${newest}.ts`);
    expect(playlist).toContain(`#EXT-X-MEDIA-SEQUENCE:${newest - WINDOW_SEGMENTS + 1}\n`);
    expect(playlist).not.toContain("ENDLIST");
  });

  it("moves on by one segment each two seconds and says when each began", () => {
    const sequenceOf = (playlist: string) => Number(/MEDIA-SEQUENCE:(\d+)/.exec(playlist)?.[1]);
    const step = SEGMENT_SECONDS * 1_000;
    expect(sequenceOf(livePlaylist(NOW + step))).toBe(sequenceOf(livePlaylist(NOW)) + 1);
    expect(livePlaylist(NOW)).toContain("#EXT-X-PROGRAM-DATE-TIME:2026-11-21T03:59:58.000Z");
  });
});

describe("liveSegment", () => {
  it("plays on without a seam, also where the loop begins anew", () => {
    const newest = newestSequence(NOW);
    const first = newest - (newest % 8);
    for (let sequence = first + 5; sequence < first + 11; sequence++) {
      const one = readStamps(liveSegment(loop, sequence) ?? new Uint8Array());
      const next = readStamps(liveSegment(loop, sequence + 1) ?? new Uint8Array());
      for (const [pid, frames] of one.frames) {
        const gap = (next.frames.get(pid)?.[0] ?? 0) - (frames.at(-1) ?? 0);
        // A picture lasts 3,600 ticks; one PES packet of audio some frames of 1,920.
        expect(gap, `PID ${pid} after segment ${sequence}`).toBeGreaterThan(0);
        expect(gap, `PID ${pid} after segment ${sequence}`).toBeLessThanOrEqual(
          pid === 0x100 ? 3_600 : 30_720,
        );
      }
      for (const [pid, { last }] of one.continuity) {
        expect(next.continuity.get(pid)?.first, `counter of PID ${pid}`).toBe((last + 1) % 16);
      }
    }
  });

  it("keeps what a sequence number means", () => {
    const once = liveSegment(loop, 14_000_000);
    expect(liveSegment(loop, 14_000_000)).toEqual(once);
    expect(liveSegment(loop, 14_000_008)).not.toEqual(once);
  });

  it("stays small enough to be in the repository", () => {
    expect(loop.segments.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(2_000_000);
  });
});
