// Serves everything of a channel that is no playlist: segments, parts, initialisation sections, keys, documents.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { type ByteRange, contentRange, parseByteRange, sliceOf } from "../../shared/hls/byte-range.ts";
import { matchesEtag, type ReplyHead, replyHeaders } from "./reply.ts";
import { type Loaded, loadHead, loadSegment } from "./segment-store.ts";
import type { Target } from "./target.ts";
import type { Visit } from "./visit.ts";

/** @throws CausewayError what fetchOrigin throws, `segment_too_large`, `range_unsatisfiable` */
export async function serveSegment(visit: Visit, channel: ChannelConfig, target: Target): Promise<Response> {
  const { x } = visit;
  const { headers, method } = x.request;
  // If-Range needs a validator that is known before the fetch; without Range the reply is right in any case.
  const range = headers.has("if-range") ? undefined : parseByteRange(headers.get("range"));
  const loaded =
    method === "HEAD" ? await loadHead(x, channel, target) : await loadSegment(x, channel, target, range);
  if (loaded.body instanceof Uint8Array && matchesEtag(headers.get("if-none-match"), loaded.facts.etag)) {
    return reply(visit, loaded, { status: 304, body: null });
  }
  if (method === "HEAD")
    return reply(visit, loaded, { status: 200, body: null, length: loaded.facts.length });
  if (loaded.facts.contentRange !== undefined) {
    const { contentRange, length } = loaded.facts;
    return reply(visit, loaded, { status: 206, body: loaded.body, length, contentRange });
  }
  if (range && loaded.body instanceof Uint8Array) return replySlice(visit, loaded, loaded.body, range);
  return reply(visit, loaded, { status: 200, body: loaded.body, length: loaded.facts.length });
}

function replySlice(visit: Visit, loaded: Loaded, whole: Uint8Array, range: ByteRange): Response {
  const slice = sliceOf(range, whole.byteLength);
  if (!slice) throw new CausewayError("range_unsatisfiable");
  return reply(visit, loaded, {
    status: 206,
    body: whole.subarray(slice.start, slice.end),
    length: slice.end - slice.start,
    contentRange: contentRange(slice, whole.byteLength),
  });
}

interface Answer extends Pick<ReplyHead, "length" | "contentRange"> {
  readonly status: number;
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null;
}

function reply(
  visit: Visit,
  { facts, tier }: Loaded,
  { status, body, length, contentRange }: Answer,
): Response {
  const headers = replyHeaders(visit.x, {
    contentType: facts.contentType,
    tier,
    ageMs: Date.now() - facts.at,
    freshMs: facts.freshMs,
    length,
    contentRange,
    acceptRanges: true,
    etag: facts.etag,
    lastModified: facts.lastModified,
  });
  return new Response(visit.send(tier, body, length), { status, headers });
}
