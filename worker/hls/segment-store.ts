// Segments: isolate memory, then the fetch under way in this isolate, then the Cache API, then the origin. Bodies up to
// 8 MiB are buffered and shared; larger ones stream to their viewer and are cached on the side.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { type ByteRange, formatByteRange } from "../../shared/hls/byte-range.ts";
import { isPlaylistType } from "../../shared/hls/media-type.ts";
import { HLS_LIMITS as LIMITS } from "../../shared/limits.ts";
import { ByteLru } from "../cache/byte-lru.ts";
import { ALONE, Flights } from "../cache/flights.ts";
import { Reservations } from "../cache/reservations.ts";
import type { Exchange } from "../exchange.ts";
import { bodyLength, boundedStream, readBounded, refusePlaylist, shareStream } from "./body.ts";
import { cacheKey } from "./cache-key.ts";
import { type EdgeEntry, readEdge, writeEdge } from "./edge-cache.ts";
import { discard, fetchOrigin } from "./origin.ts";
import type { Tier } from "./reply.ts";
import { type Facts, isFresh, type Stored } from "./resource.ts";
import { factsOf } from "./segment-facts.ts";
import type { Target } from "./target.ts";

export interface Loaded {
  readonly tier: Tier;
  readonly facts: Facts;
  /** Null after HEAD only. */
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null;
}

type Outcome = { readonly stored: Stored } | { readonly code: ErrorCode };

const memory = new ByteLru<Stored>(LIMITS.MEMORY_BYTES);
const flights = new Flights<Outcome>();
const reservations = new Reservations(LIMITS.FLIGHT_BYTES_MAX, LIMITS.FLIGHT_LAPSE_MS);

interface Wanted {
  readonly x: Exchange;
  readonly channel: ChannelConfig;
  readonly url: string;
  /** As it goes into headers and keys. */
  readonly range: string | undefined;
  readonly wholeKey: string;
  /** The same as wholeKey without a range. */
  readonly key: string;
}

function wantedOf(
  x: Exchange,
  channel: ChannelConfig,
  target: Target,
  byteRange: ByteRange | undefined,
): Wanted {
  const range = byteRange && formatByteRange(byteRange);
  const wholeKey = cacheKey(x, channel, target.url, "");
  const key = range === undefined ? wholeKey : cacheKey(x, channel, target.url, range);
  return { x, channel, url: target.url, range, wholeKey, key };
}

/**
 * The segment, or its `range`: then either the range (facts.contentRange is set) or the whole, as cache and origin have it.
 * @throws CausewayError what fetchOrigin throws, `segment_too_large`
 */
export async function loadSegment(
  x: Exchange,
  channel: ChannelConfig,
  target: Target,
  range: ByteRange | undefined,
): Promise<Loaded> {
  const wanted = wantedOf(x, channel, target, range);
  const kept = fromMemory(wanted);
  if (kept) return { tier: "memory", ...kept };
  const flight = flights.follow(wanted.key);
  if (!flight) return lead(wanted);
  const outcome = await flight;
  if (outcome === ALONE) return fetchAlone(wanted);
  if ("code" in outcome) throw new CausewayError(outcome.code);
  return { tier: "collapsed", ...outcome.stored };
}

/** What HEAD tells, without fetching a body. @throws CausewayError what fetchOrigin throws */
export async function loadHead(x: Exchange, channel: ChannelConfig, target: Target): Promise<Loaded> {
  const wanted = wantedOf(x, channel, target, undefined);
  const kept = fromMemory(wanted);
  if (kept) return { tier: "memory", ...kept };
  const { response } = await fetchOrigin(channel, { method: "HEAD", url: wanted.url });
  return { tier: "bypass", facts: factsOf(response, wanted.url, Date.now()), body: null };
}

function fromMemory({ wholeKey, key }: Wanted): Stored | undefined {
  const kept = memory.get(wholeKey) ?? (key === wholeKey ? undefined : memory.get(key));
  if (!kept || isFresh(kept.facts, Date.now())) return kept;
  return undefined;
}

/** Fetches for everyone who asks meanwhile. */
async function lead(wanted: Wanted): Promise<Loaded> {
  const land = flights.lead(wanted.key, wanted.x.ctx);
  try {
    return (await fromEdge(wanted, land)) ?? (await fromOrigin(wanted, land));
  } catch (error) {
    land({ code: error instanceof CausewayError ? error.code : "internal" });
    throw error;
  }
}

type Land = (outcome: Outcome | typeof ALONE) => void;

async function fromEdge(wanted: Wanted, land: Land): Promise<Loaded | undefined> {
  const entry = await readEdge("segment", wanted.key);
  if (entry && isFresh(entry.facts, Date.now())) return takeEdge(wanted, entry, land);
  if (entry) await discard(entry.response);
  if (wanted.range === undefined) return undefined;
  const part = await readEdge("segment", wanted.wholeKey, wanted.range);
  if (!part) return undefined;
  const contentRange = part.response.headers.get("content-range") ?? undefined;
  if (part.response.status !== 206 || contentRange === undefined || !isFresh(part.facts, Date.now())) {
    await discard(part.response);
    return undefined;
  }
  const facts = { ...part.facts, contentRange, length: bodyLength(part.response) };
  return takeEdge(wanted, { facts, response: part.response }, land);
}

async function takeEdge(wanted: Wanted, { facts, response }: EdgeEntry, land: Land): Promise<Loaded> {
  const { length } = facts;
  if (length !== undefined && length <= LIMITS.SHARED_BODY_BYTES_MAX) {
    const stored = { facts, body: new Uint8Array(await response.arrayBuffer()) };
    memory.set(wanted.key, stored, length);
    land({ stored });
    return { tier: "edge", ...stored };
  }
  land(ALONE);
  return { tier: "edge", facts, body: response.body };
}

async function fromOrigin(wanted: Wanted, land: Land): Promise<Loaded> {
  const { response, facts } = await fetchSegment(wanted);
  const { x } = wanted;
  const key = facts.contentRange === undefined ? wanted.wholeKey : wanted.key;
  const { length } = facts;
  const tier: Tier = facts.freshMs > 0 ? "origin" : "bypass";
  if (length !== undefined && length <= LIMITS.WHOLE_BODY_BYTES_MAX) {
    const body = await readWhole(response, length);
    land({ stored: store(x, key, facts, body) });
    return { tier, facts, body };
  }
  const reserve = length ?? LIMITS.SHARED_BODY_BYTES_MAX;
  const sharable = response.body !== null && reserve <= LIMITS.SHARED_BODY_BYTES_MAX;
  const giveBack = sharable ? reservations.take(reserve, Date.now()) : undefined;
  if (!response.body || !giveBack) {
    land(ALONE);
    return { tier, facts, body: streamed(x, key, response, facts) };
  }
  const { readable, whole } = shareStream(response.body, length);
  const landed = whole.then((body) => {
    giveBack();
    land(body ? { stored: store(x, key, { ...facts, length: body.byteLength }, body) } : ALONE);
  });
  x.ctx.waitUntil(landed);
  return { tier, facts, body: readable };
}

/** A short body. @throws CausewayError `upstream_invalid`, `upstream_timeout`, `not_found` for a playlist */
async function readWhole(response: Response, length: number): Promise<Uint8Array> {
  const body = await readBounded(response, {
    bytesMax: LIMITS.WHOLE_BODY_BYTES_MAX,
    tooLarge: "segment_too_large",
    timeoutMs: LIMITS.STALL_TIMEOUT_MS,
  });
  if (body.byteLength !== length) throw new CausewayError("upstream_invalid");
  refusePlaylist(body);
  return body;
}

async function fetchSegment(wanted: Wanted): Promise<{ response: Response; facts: Facts }> {
  const { channel, url, range } = wanted;
  const { response } = await fetchOrigin(channel, { method: "GET", url, range });
  const facts = factsOf(response, url, Date.now());
  if ((facts.length ?? 0) > LIMITS.SEGMENT_BYTES_MAX) {
    await discard(response);
    throw new CausewayError("segment_too_large");
  }
  if (response.status === 206 && (range === undefined || facts.contentRange === undefined)) {
    await discard(response);
    throw new CausewayError("upstream_invalid");
  }
  // Of a part nothing tells what the whole is, except its type.
  if (response.status === 206 && isPlaylistType(response.headers.get("content-type"))) {
    await discard(response);
    throw new CausewayError("not_found");
  }
  return { response, facts };
}

/** Keeps a whole body where its freshness allows. */
function store(x: Exchange, key: string, facts: Facts, body: Uint8Array): Stored {
  const stored = { facts, body };
  if (facts.freshMs <= 0) return stored;
  memory.set(key, stored, body.byteLength);
  const entry = { facts, body, length: body.byteLength, keepMs: facts.freshMs };
  x.ctx.waitUntil(writeEdge("segment", key, entry));
  return stored;
}

/** A body too large to be shared: straight to the viewer, and by a second branch into the data centre's cache. */
function streamed(
  x: Exchange,
  key: string,
  response: Response,
  facts: Facts,
): ReadableStream<Uint8Array> | null {
  const { length } = facts;
  if (length === undefined) return response.body && boundedStream(response.body);
  if (facts.freshMs > 0 && length <= LIMITS.CLONED_BODY_BYTES_MAX) {
    const copy = response.clone();
    if (copy.body) {
      const entry = { facts, body: copy.body, length, keepMs: facts.freshMs };
      x.ctx.waitUntil(writeEdge("segment", key, entry));
    }
  }
  return response.body;
}

/** A follower whose leader could not share. */
async function fetchAlone(wanted: Wanted): Promise<Loaded> {
  const { response, facts } = await fetchSegment(wanted);
  const { length } = facts;
  if (length !== undefined && length <= LIMITS.WHOLE_BODY_BYTES_MAX)
    return { tier: "bypass", facts, body: await readWhole(response, length) };
  const body = length === undefined && response.body ? boundedStream(response.body) : response.body;
  return { tier: "bypass", facts, body };
}
