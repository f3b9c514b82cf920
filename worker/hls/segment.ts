// Serves everything of a channel that is no playlist: segments, parts, initialisation sections, keys, documents.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { type ByteRange, contentRange, parseByteRange, sliceOf } from "../../shared/hls/byte-range.ts";
import { isNotModified, isRangeAllowed } from "../../shared/http/cache/conditions.ts";
import { type ReplyHead, replyHeaders } from "./reply.ts";
import type { Facts } from "./resource.ts";
import { keptFacts, type Loaded, loadHead, loadSegment } from "./segment-store.ts";
import type { Target } from "./target.ts";
import type { Visit } from "./visit.ts";

/** @throws CausewayError what fetchOrigin throws, `segment_too_large`, `range_unsatisfiable` */
export async function serveSegment(visit: Visit, channel: ChannelConfig, target: Target): Promise<Response> {
  const { x } = visit;
  const { headers, method } = x.request;
  if (method === "HEAD") {
    const loaded = await loadHead(x, channel, target);
    const answer = { status: 200, body: null, length: loaded.facts.length };
    return isKnown(headers, loaded.facts) ? unchanged(visit, loaded) : reply(visit, loaded, answer);
  }
  const range = parseByteRange(headers.get("range"));
  const loaded = await loadSegment(x, channel, target, fetchedRange(visit, channel, { target, range }));
  const { facts, body } = loaded;
  if (isKnown(headers, facts)) {
    if (body instanceof ReadableStream) await body.cancel().catch(() => undefined);
    return unchanged(visit, loaded);
  }
  if (facts.contentRange !== undefined) {
    const { contentRange, length } = facts;
    return reply(visit, loaded, { status: 206, body, length, contentRange });
  }
  if (range && body instanceof Uint8Array && isRangeAllowed(headers, validatorsOf(facts)))
    return replySlice(visit, loaded, body, range);
  return reply(visit, loaded, { status: 200, body, length: facts.length });
}

/**
 * What to load of the range asked for: with If-Range it must fit what the client has, which is known beforehand only of
 * what is in memory; of the whole it can be judged afterwards.
 */
function fetchedRange(
  { x }: Visit,
  channel: ChannelConfig,
  { target, range }: { readonly target: Target; readonly range: ByteRange | undefined },
): ByteRange | undefined {
  const { headers } = x.request;
  if (!range || !headers.has("if-range")) return range;
  const facts = keptFacts(x, channel, target, range);
  return facts && isRangeAllowed(headers, validatorsOf(facts)) ? range : undefined;
}

function isKnown(headers: Headers, facts: Facts): boolean {
  if (!headers.has("if-none-match") && !headers.has("if-modified-since")) return false;
  return isNotModified(headers, validatorsOf(facts), facts.at);
}

function validatorsOf({ etag, lastModified }: Facts): Headers {
  const fields = new Headers();
  if (etag !== undefined) fields.set("etag", etag);
  if (lastModified !== undefined) fields.set("last-modified", lastModified);
  return fields;
}

function unchanged(visit: Visit, loaded: Loaded): Response {
  return reply(visit, loaded, { status: 304, body: null });
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
  if (body !== null) visit.timeSegment();
  return new Response(visit.send(tier, body, length), { status, headers });
}
