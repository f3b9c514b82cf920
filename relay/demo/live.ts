// The live HLS channel: an endless loop over the recorded segments, as a sliding window that follows the wall clock.
// What a sequence number means never changes, so a restart continues the channel and caches stay right.

import { readFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { ROOT } from "../root.ts";
import { countPackets, type PacketCounts, shiftSegment } from "./transport-stream.ts";

export const SEGMENT_SECONDS = 2;
export const WINDOW_SEGMENTS = 5;
const LOOP_SEGMENTS = 8;
const SEGMENT_MS = SEGMENT_SECONDS * 1_000;
const LOOP_TICKS = LOOP_SEGMENTS * SEGMENT_SECONDS * 90_000;
/** When segment 0 began: before any clock in use, on a whole second, so that program dates are round. */
const LIVE_SINCE_MS = Date.UTC(2020, 0, 1);
const MEDIA = join(ROOT, "relay/demo/media");

/** The recorded loop and how far it advances each PID's continuity counter. */
export interface Loop {
  readonly segments: readonly Uint8Array[];
  readonly packets: PacketCounts;
}

/** Reads the recorded segments, once per process. */
export async function readLoop(): Promise<Loop> {
  const names = Array.from({ length: LOOP_SEGMENTS }, (_, index) => `loop-${index}.mpegts`);
  const segments = await Promise.all(names.map((name) => readFile(join(MEDIA, name))));
  const packets = new Map<number, number>();
  for (const segment of segments) {
    for (const [pid, count] of countPackets(segment)) packets.set(pid, (packets.get(pid) ?? 0) + count);
  }
  return { segments, packets };
}

/** Sequence number of the newest complete segment at `now` (milliseconds since the epoch). */
export function newestSequence(now: number): number {
  return Math.floor((now - LIVE_SINCE_MS) / SEGMENT_MS) - 1;
}

/** The playlist as it stands at `now`. */
export function livePlaylist(now: number): string {
  const newest = newestSequence(now);
  const first = newest - WINDOW_SEGMENTS + 1;
  const lines = [
    "#EXTM3U",
    "#EXT-X-VERSION:3",
    `#EXT-X-TARGETDURATION:${SEGMENT_SECONDS}`,
    `#EXT-X-MEDIA-SEQUENCE:${first}`,
    "#EXT-X-INDEPENDENT-SEGMENTS",
  ];
  for (let sequence = first; sequence <= newest; sequence++) {
    const startedAt = new Date(LIVE_SINCE_MS + sequence * SEGMENT_MS).toISOString();
    lines.push(
      `#EXT-X-PROGRAM-DATE-TIME:${startedAt}`,
      `#EXTINF:${SEGMENT_SECONDS.toFixed(3)},`,
      `seg-${sequence}.ts`,
    );
  }
  return `${lines.join("\n")}\n`;
}

/** The segment of a sequence number: the recording, moved to its place on the channel's endless timeline. */
export function liveSegment(loop: Loop, sequence: number): Uint8Array | undefined {
  const recorded = loop.segments[sequence % LOOP_SEGMENTS];
  if (recorded === undefined) return undefined;
  const rounds = Math.floor(sequence / LOOP_SEGMENTS);
  const packets = new Map([...loop.packets].map(([pid, count]) => [pid, (rounds * count) % 16]));
  return shiftSegment(recorded, { ticks: rounds * LOOP_TICKS, packets });
}

/** Answers `/live/…`: the playlist, and segments from the window and shortly before it. */
export function answerLive(response: ServerResponse, name: string, loop: Loop, now: number): void {
  if (name === "index.m3u8") {
    send(response, 200, "application/vnd.apple.mpegurl", "no-cache", livePlaylist(now));
    return;
  }
  const sequence = Number(/^seg-(\d{1,12})\.ts$/.exec(name)?.[1] ?? Number.NaN);
  const newest = newestSequence(now);
  // Players that were paused or slow may ask for what has just left the window (RFC 8216 6.2.2).
  const kept = sequence <= newest && sequence > newest - 3 * WINDOW_SEGMENTS;
  const segment = kept ? liveSegment(loop, sequence) : undefined;
  if (segment === undefined)
    send(response, 404, "text/plain; charset=utf-8", "no-store", "No such segment\n");
  else send(response, 200, "video/mp2t", "public, max-age=60", segment);
}

function send(
  response: ServerResponse,
  status: number,
  type: string,
  cache: string,
  body: string | Uint8Array,
) {
  response.writeHead(status, {
    "content-type": type,
    "cache-control": cache,
    "content-length": Buffer.byteLength(body),
    "access-control-allow-origin": "*",
  });
  response.end(body);
}
