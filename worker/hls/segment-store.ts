// Segments: isolate memory, then the fetch under way in this isolate, then the Cache API, then R2 or whoever else in the
// world fetches it, then the origin. Bodies up to 8 MiB are buffered and shared; larger ones stream to their viewer and are
// cached on the side.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import type { Tier } from "../../shared/flow/channel.ts";
import { type ByteRange, formatByteRange } from "../../shared/hls/byte-range.ts";
import { CACHE_LIMITS, HLS_LIMITS as LIMITS } from "../../shared/limits.ts";
import { ByteLru } from "../cache/byte-lru.ts";
import { ALONE, Flights } from "../cache/flights.ts";
import { Reservations } from "../cache/reservations.ts";
import type { Exchange } from "../exchange.ts";
import { boundedStream, shareStream } from "./body.ts";
import { cacheKey } from "./cache-key.ts";
import { directoryAt } from "./directories.ts";
import { type Found, type KeyedRequest, moveOn, readFar, readNear, writeOut } from "./elsewhere.ts";
import { byteCountOf } from "./origin-meter.ts";
import { noteRefusal, refusalOf } from "./refusals.ts";
import { type Facts, isFresh, type Stored } from "./resource.ts";
import { fetchHead, fetchSegment, isReadWhole, readWhole } from "./segment-fetch.ts";
import { claim, type Fetched, failureKeptMs, type Settle } from "./shield.ts";
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

function keyed(
  x: Exchange,
  channel: ChannelConfig,
  target: Target,
  byteRange: ByteRange | undefined,
): KeyedRequest {
  const range = byteRange && formatByteRange(byteRange);
  const wholeKey = cacheKey(x, channel, target, "");
  const key = range === undefined ? wholeKey : cacheKey(x, channel, target, range);
  return { x, channel, target, range, byteRange, wholeKey, key };
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
  const wanted = keyed(x, channel, target, range);
  const kept = fromMemory(wanted);
  if (kept) return { tier: "memory", ...kept };
  const flight = flights.follow(wanted.key, followMs(channel));
  if (!flight) return lead(wanted);
  const outcome = await flight;
  if (outcome === ALONE) return fetchAlone(wanted);
  if ("code" in outcome) throw new CausewayError(outcome.code);
  return { tier: "collapsed", ...outcome.stored };
}

function followMs(channel: ChannelConfig): number {
  return Math.max(CACHE_LIMITS.FOLLOW_TIMEOUT_MS, channel.response_header_timeout + LIMITS.FOLLOW_SLACK_MS);
}

/** What HEAD tells, without fetching a body. @throws CausewayError what fetchOrigin throws */
export async function loadHead(x: Exchange, channel: ChannelConfig, target: Target): Promise<Loaded> {
  const wanted = keyed(x, channel, target, undefined);
  const kept = fromMemory(wanted);
  if (kept) return { tier: "memory", ...kept };
  try {
    return { tier: "bypass", facts: await fetchHead(wanted), body: null };
  } catch (error) {
    note(wanted, error);
    throw error;
  }
}

/** What memory has of it, for conditions that must be judged before a fetch. */
export function keptFacts(
  x: Exchange,
  channel: ChannelConfig,
  target: Target,
  range: ByteRange,
): Facts | undefined {
  return fromMemory(keyed(x, channel, target, range))?.facts;
}

/** Fetches a body that nobody has asked for yet, if it is not here already. @throws CausewayError as loadSegment */
export async function fetchAhead(
  x: Exchange,
  channel: ChannelConfig,
  target: Target,
  range: ByteRange | undefined,
): Promise<void> {
  const wanted = keyed(x, channel, target, range);
  if (flights.has(wanted.key) || fromMemory(wanted)) return;
  const { body } = await lead(wanted);
  // What is collected or copied for others goes on without this reader.
  if (body instanceof ReadableStream) await body.cancel().catch(() => undefined);
}

/** @throws CausewayError `not_found` when the origin has just said so */
function fromMemory({ wholeKey, key }: KeyedRequest): Stored | undefined {
  const kept = memory.get(wholeKey) ?? (key === wholeKey ? undefined : memory.get(key));
  const now = Date.now();
  if (kept && isFresh(kept.facts, now)) return kept;
  const refused = refusalOf(wholeKey, now);
  if (refused !== undefined) throw new CausewayError(refused);
  return undefined;
}

/** Tells those who wait, and those in the world who do. */
type Land = (outcome: Outcome | typeof ALONE, fetched: Fetched) => void;

/** Fetches for everyone who asks meanwhile. */
async function lead(wanted: KeyedRequest): Promise<Loaded> {
  const { x, channel } = wanted;
  const share = flights.lead(wanted.key, x.ctx);
  let settle: Settle | undefined;
  const land: Land = (outcome, fetched) => {
    share(outcome);
    settle?.(fetched);
  };
  try {
    const near = await readNear(wanted);
    if (near) return await take(wanted, near, land);
    const claimed = channel.shield ? await claim(x, channel, wanted.key, patienceOf(channel)) : undefined;
    if (claimed?.type === "parcel") return takeParcel(wanted, claimed.stored, land);
    if (claimed?.type === "granted") settle = claimed.settle;
    const mayBeFar = channel.shield || !directoryAt(channel, wanted.target).live;
    const far = mayBeFar ? await readFar(wanted) : undefined;
    const found = far ?? (claimed?.type === "stored" ? await readNear(wanted) : undefined);
    if (found) return await take(wanted, found, land);
    return await fromOrigin(wanted, land);
  } catch (error) {
    const code = error instanceof CausewayError ? error.code : "internal";
    const { missingMs } = directoryAt(channel, wanted.target);
    note(wanted, error);
    land({ code }, { code, keepMs: failureKeptMs(code, missingMs) });
    throw error;
  }
}

function patienceOf(channel: ChannelConfig): { headersMs: number; bodyMs: number } {
  return { headersMs: channel.response_header_timeout, bodyMs: channel.read_timeout };
}

/** Remembers for a moment that the origin does not have it. */
function note({ channel, target, wholeKey }: KeyedRequest, error: unknown): void {
  if (!(error instanceof CausewayError) || error.code !== "not_found") return;
  noteRefusal(wholeKey, error.code, directoryAt(channel, target).missingMs);
}

function takeParcel(wanted: KeyedRequest, stored: Stored, land: Land): Loaded {
  const { facts, body } = stored;
  memory.set(wanted.key, stored, body.byteLength);
  wanted.x.ctx.waitUntil(moveOn(wanted, { tier: "r2", facts, body: null }, { body, live: false }));
  land({ stored }, undefined);
  return { tier: "collapsed", ...stored };
}

async function take(wanted: KeyedRequest, found: Found, land: Land): Promise<Loaded> {
  const { tier, facts } = found;
  const written = Promise.resolve(true);
  if ((facts.length ?? Infinity) > LIMITS.SHARED_BODY_BYTES_MAX) {
    land(ALONE, { facts, written });
    return { tier, facts, body: found.body };
  }
  const body = new Uint8Array(await new Response(found.body).arrayBuffer());
  const stored = { facts, body };
  memory.set(wanted.key, stored, body.byteLength);
  const { live } = directoryAt(wanted.channel, wanted.target);
  wanted.x.ctx.waitUntil(moveOn(wanted, found, { body, live }));
  land({ stored }, { facts, body, written });
  return { tier, ...stored };
}

async function fromOrigin(wanted: KeyedRequest, land: Land): Promise<Loaded> {
  const { response, facts } = await fetchSegment(wanted);
  const { x, channel } = wanted;
  const { length } = facts;
  const tier: Tier = facts.freshMs > 0 ? "origin" : "bypass";
  if (isReadWhole(response, length)) {
    const body = await readWhole(response, length, channel.read_timeout);
    const known = { ...facts, length: body.byteLength };
    landWhole(wanted, { facts: known, body }, land);
    return { tier, facts: known, body };
  }
  const reserve = length ?? LIMITS.SHARED_BODY_BYTES_MAX;
  const sharable = response.body !== null && reserve <= LIMITS.SHARED_BODY_BYTES_MAX;
  const giveBack = sharable ? reservations.take(reserve, Date.now()) : undefined;
  if (!response.body || !giveBack) {
    const { body, written } = streamed(wanted, response, facts);
    land(ALONE, written && { facts, written });
    return { tier, facts, body };
  }
  const { readable, whole } = shareStream(response.body, { length, stallMs: channel.read_timeout });
  const landed = whole.then((body) => {
    giveBack();
    if (body) landWhole(wanted, { facts: { ...facts, length: body.byteLength }, body }, land);
    else land(ALONE, undefined);
  });
  x.ctx.waitUntil(landed);
  return { tier, facts, body: readable };
}

/** Keeps a whole body where its freshness allows, and shares it in any case with who waits in this isolate. */
function landWhole(wanted: KeyedRequest, stored: Stored, land: Land): void {
  const { facts, body } = stored;
  if (facts.freshMs <= 0) {
    land({ stored }, undefined);
    return;
  }
  const key = keyFor(wanted, facts);
  memory.set(key, stored, body.byteLength);
  const written = writeOut(wanted, key, { facts, body, length: body.byteLength });
  wanted.x.ctx.waitUntil(written);
  land({ stored }, { facts, body, written });
}

/** An origin may answer a range with the whole. */
function keyFor({ wholeKey, key }: KeyedRequest, facts: Facts): string {
  return facts.contentRange === undefined ? wholeKey : key;
}

interface Streamed {
  readonly body: ReadableStream<Uint8Array> | null;
  /** Absent for what is not stored. */
  readonly written?: Promise<boolean>;
}

/** A body too large to be shared: straight to the viewer, and by a second branch to where others can read it. */
function streamed(wanted: KeyedRequest, response: Response, facts: Facts): Streamed {
  const { x, channel } = wanted;
  const { length } = facts;
  if (length === undefined)
    return { body: response.body && boundedStream(response.body, channel.read_timeout) };
  if (facts.freshMs <= 0 || length > LIMITS.CLONED_BODY_BYTES_MAX) return { body: response.body };
  // A branch is another stream, and the cache's takes all of it whether its viewer stays or not.
  const count = byteCountOf(response.body);
  const copy = response.clone();
  if (!copy.body) return { body: response.body };
  const written = writeOut(wanted, keyFor(wanted, facts), { facts, body: copy.body, length });
  x.ctx.waitUntil(written.then(() => count?.(length)));
  return { body: response.body, written };
}

/** A follower whose leader could not share. */
async function fetchAlone(wanted: KeyedRequest): Promise<Loaded> {
  const { response, facts } = await fetchSegment(wanted);
  const { length } = facts;
  const stallMs = wanted.channel.read_timeout;
  if (isReadWhole(response, length)) {
    const body = await readWhole(response, length, stallMs);
    return { tier: "bypass", facts: { ...facts, length: body.byteLength }, body };
  }
  const body = length === undefined && response.body ? boundedStream(response.body, stallMs) : response.body;
  return { tier: "bypass", facts, body };
}
