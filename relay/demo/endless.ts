// `/live.ts`: the demo's loop as one transport stream without end, sent as fast as it plays. Like the segments of the live
// channel it follows the wall clock, so that a viewer who comes back is where everybody else is.

import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { PACKET_BYTES } from "../../shared/ts/packet.ts";
import { type Loop, liveSegment, newestSequence, SEGMENT_SECONDS } from "./live.ts";

/** A segment is sent in so many parts: what a player sees of a live stream are small steps, not bursts of two seconds. */
const PARTS = 20;
const PART_MS = (SEGMENT_SECONDS * 1_000) / PARTS;

/** Streams until the client leaves. The segment under way is sent at once, so that players need not wait for its end. */
export async function answerEndless(
  request: IncomingMessage,
  response: ServerResponse,
  loop: Loop,
): Promise<void> {
  response.writeHead(200, { "content-type": "video/mp2t", "cache-control": "no-store" });
  if (request.method === "HEAD") {
    response.end();
    return;
  }
  const first = newestSequence(Date.now());
  const startedAt = Date.now();
  for (let sequence = first; !response.destroyed; sequence++) {
    const segment = liveSegment(loop, sequence);
    if (segment === undefined) break;
    for (const [index, part] of partsOf(segment).entries()) {
      const dueAt = startedAt + ((sequence - first - 1) * PARTS + index) * PART_MS;
      if (dueAt > Date.now()) await delay(dueAt - Date.now());
      if (response.destroyed) return;
      if (!response.write(part)) await Promise.race([once(response, "drain"), once(response, "close")]);
    }
  }
  response.destroy();
}

function partsOf(segment: Uint8Array): Uint8Array[] {
  const packets = segment.byteLength / PACKET_BYTES;
  return Array.from({ length: PARTS }, (_, index) => {
    const [from, to] = [index, index + 1].map((at) => Math.floor((packets * at) / PARTS) * PACKET_BYTES);
    return segment.subarray(from, to);
  });
}
