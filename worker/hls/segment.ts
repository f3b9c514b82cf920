// Serves everything of a channel that is no playlist: segments, parts, initialisation sections, keys, documents.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { type ByteRange, contentRange, parseByteRange, sliceOf } from "../../shared/hls/byte-range.ts";
import { beginsAsJson, isDocumentBody, isMediaType, isNamedMedia } from "../../shared/hls/no-segment.ts";
import { isNotModified, isRangeAllowed } from "../../shared/http/cache/conditions.ts";
import { HLS_LIMITS as LIMITS } from "../../shared/limits.ts";
import { ByteLru } from "../cache/byte-lru.ts";
import type { Exchange } from "../exchange.ts";
import { cacheKey } from "./cache-key.ts";
import { directoryAt } from "./directories.ts";
import { cacheStatus, type ReplyHead, replyHeaders } from "./reply.ts";
import type { Facts, Loaded } from "./resource.ts";
import { loadHead } from "./segment-head.ts";
import { keptFacts, loadSegment } from "./segment-store.ts";
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
  const fetched = await fetchedRange(visit, channel, { target, range });
  const first = await loadSegment(x, channel, target, fetched);
  const isCut = range !== undefined && fetched === undefined && !headers.has("if-range");
  const loaded = isCut ? await partOf(visit, channel, { target, range, whole: first }) : first;
  const { facts, body } = loaded;
  if (body instanceof Uint8Array && isDocumentBody(body)) throw new CausewayError("not_found");
  if (isKnown(headers, facts)) {
    if (body instanceof ReadableStream) await body.cancel().catch(() => undefined);
    return unchanged(visit, loaded);
  }
  if (facts.contentRange !== undefined) {
    const { contentRange, length } = facts;
    return reply(visit, loaded, { status: 206, body, length, contentRange });
  }
  if (range && isRangeAllowed(headers, validatorsOf(facts))) {
    if (body instanceof Uint8Array) return replySlice(visit, loaded, body, range);
    const { length } = facts;
    if (isOpenFromStart(range) && length !== undefined && length > 0)
      return reply(visit, loaded, {
        status: 206,
        body,
        length,
        contentRange: contentRange({ start: 0, end: length }, length),
      });
  }
  return reply(visit, loaded, { status: 200, body, length: facts.length });
}

/**
 * What to load of the range asked for: with If-Range it must fit what the client has, which is known beforehand only of
 * what is in memory; of the whole it can be judged afterwards.
 */
async function fetchedRange(
  { x }: Visit,
  channel: ChannelConfig,
  { target, range }: { readonly target: Target; readonly range: ByteRange | undefined },
): Promise<ByteRange | undefined> {
  const { headers } = x.request;
  if (!range) return undefined;
  // Whole segments are what others ask for, too: one fetch is to be enough, however many ranges anybody thinks of.
  const isCutHere = isOpenFromStart(range) || !large.get(cacheKey(x, channel, target, ""));
  if (isCutHere && directoryAt(channel, target).isWhole) return undefined;
  if (headers.has("if-range")) {
    const facts = keptFacts(x, channel, target, range);
    if (!facts || !isRangeAllowed(headers, validatorsOf(facts))) return undefined;
  }
  return isNamedMedia(target.url) || (await isPartial(x, channel, target)) ? range : undefined;
}

/** Segments of which parts are asked for as such. */
const large = new ByteLru<true>(LIMITS.FUTILE_BYTES);

interface PartOfWhole {
  readonly target: Target;
  readonly range: ByteRange;
  readonly whole: Loaded;
}

/** A part of what still streams in comes from where it is collected; of what is too large for that from the origin. */
async function partOf(
  { x }: Visit,
  channel: ChannelConfig,
  { target, range, whole }: PartOfWhole,
): Promise<Loaded> {
  const { facts, body } = whole;
  const isStream = body instanceof ReadableStream && facts.contentRange === undefined;
  const isMedia = isNamedMedia(target.url) || isMediaType(facts.contentType);
  if (!isStream || isOpenFromStart(range) || !isMedia) return whole;
  const key = cacheKey(x, channel, target, "");
  if ((facts.length ?? 0) > LIMITS.SHARED_BODY_BYTES_MAX) large.set(key, true, 0);
  await body.cancel().catch(() => undefined);
  const part = await loadSegment(x, channel, target, range);
  // Of unknown length, and not collected: each further part would have it begin anew.
  if (facts.length === undefined && part.facts.contentRange !== undefined) large.set(key, true, 0);
  return part;
}

function isOpenFromStart({ first, last }: ByteRange): boolean {
  return first === 0 && last === undefined;
}

const BEGINNING: ByteRange = { first: 0, last: 15 };

/**
 * Whether parts of something may be given out: in the middle of it nobody sees what it is, so that its beginning is looked
 * at. Of what may be a document only the whole tells.
 * @throws CausewayError as loadSegment, `not_found` for a playlist
 */
async function isPartial(x: Exchange, channel: ChannelConfig, target: Target): Promise<boolean> {
  const { facts, body } = await loadSegment(x, channel, target, BEGINNING);
  if (body instanceof Uint8Array) return !beginsAsJson(body);
  await body?.cancel().catch(() => undefined);
  return isMediaType(facts.contentType);
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
  if (!slice) throw unsatisfiable(loaded, whole.byteLength);
  return reply(visit, loaded, {
    status: 206,
    body: whole.subarray(slice.start, slice.end),
    length: slice.end - slice.start,
    contentRange: contentRange(slice, whole.byteLength),
  });
}

function unsatisfiable({ tier }: Loaded, length: number): CausewayError {
  const fields = { "Content-Range": `bytes */${length}`, "Cache-Status": cacheStatus(tier) };
  return new CausewayError("range_unsatisfiable", undefined, { fields });
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
