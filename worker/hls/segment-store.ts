// Segments: isolate memory, then the fetch under way in this isolate, then the Cache API, then R2 or whoever else in the
// world fetches it, then the origin. Bodies up to 8 MiB are buffered and shared; larger ones stream to their viewer and are
// cached on the side.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import type { Tier } from "../../shared/flow/channel.ts";
import { type ByteRange, formatByteRange } from "../../shared/hls/byte-range.ts";
import { beginsAsJson } from "../../shared/hls/no-segment.ts";
import { HLS_LIMITS as LIMITS } from "../../shared/limits.ts";
import { ByteLru } from "../cache/byte-lru.ts";
import { within } from "../cache/deadline.ts";
import { ALONE, Flights } from "../cache/flights.ts";
import type { Exchange } from "../exchange.ts";
import { openBody, shareStream } from "./body.ts";
import { cacheKey } from "./cache-key.ts";
import { directoryAt } from "./directories.ts";
import { type Found, type KeyedRequest, moveOn, readFar, readNear, writeOut } from "./elsewhere.ts";
import { followMs } from "./follow-time.ts";
import { takePlace } from "./places.ts";
import { noteRefusal, refusalOf, refused } from "./refusals.ts";
import { type Facts, isFresh, type Loaded, type Stored } from "./resource.ts";
import { fetchSegment, isReadWhole, readWhole } from "./segment-fetch.ts";
import { fetchAlone, keyFor, readJson, streamed } from "./segment-stream.ts";
import { claim, type Fetched, failureKeptMs, type Settle } from "./shield.ts";
import type { Target } from "./target.ts";

type Outcome =
  | { readonly stored: Stored }
  | { readonly code: ErrorCode }
  /** Too large to be handed over: it lies in the data centre's cache, or in R2. */
  | { readonly isElsewhere: true };

const memory = new ByteLru<Stored>(LIMITS.MEMORY_BYTES);
const flights = new Flights<Outcome>();

/** What is asked for, with its names in memory and caches. */
export function keyed(
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
  for (let turn = 0; turn < LIMITS.FOLLOWS_MAX; turn++) {
    const kept = fromMemory(wanted);
    if (kept) return { tier: "memory", ...kept };
    const key = followedKey(wanted);
    if (key === undefined) return lead(wanted);
    const patienceMs = followMs(channel.response_header_timeout);
    const until = Date.now() + patienceMs;
    const outcome = await flights.follow(key, patienceMs);
    if (outcome !== undefined && outcome !== ALONE) {
      if ("code" in outcome) throw new CausewayError(outcome.code);
      if ("stored" in outcome) return { tier: "collapsed", ...outcome.stored };
      const found = (await readNear(wanted)) ?? (await readFar(wanted));
      if (found) return { ...found, tier: "collapsed" };
    }
    // Those who have waited in vain go together, too: alone they would all ask at once. What is no whole of a leader's may
    // be a part of its own.
    if (Date.now() < until && key === wanted.key) return fetchAlone(wanted);
  }
  throw new CausewayError("upstream_timeout");
}

/** The fetch under way that gives what is wanted; of what grows the whole may come long after its parts. */
function followedKey({ channel, target, key, wholeKey }: KeyedRequest): string | undefined {
  if (flights.has(key)) return key;
  return key !== wholeKey && flights.has(wholeKey) && directoryAt(channel, target).isWhole
    ? wholeKey
    : undefined;
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

/**
 * Fetches a body that nobody has asked for yet, if it is not here already. False when it was in vain: what came may not be
 * kept.
 * @throws CausewayError as loadSegment
 */
export async function fetchAhead(
  x: Exchange,
  channel: ChannelConfig,
  target: Target,
  range: ByteRange | undefined,
): Promise<boolean> {
  const wanted = keyed(x, channel, target, range);
  if (flights.has(wanted.key) || fromMemory(wanted)) return true;
  const { body, facts } = await lead(wanted);
  if (!(body instanceof ReadableStream)) return facts.freshMs > 0;
  const outcome = flights.follow(wanted.key, followMs(channel.response_header_timeout));
  // What is collected or copied for others goes on without this reader.
  await body.cancel().catch(() => undefined);
  if (facts.freshMs <= 0) return false;
  if (facts.length !== undefined) return facts.length <= LIMITS.CLONED_BODY_BYTES_MAX;
  return (await outcome) !== ALONE;
}

/** What memory has of it. @throws CausewayError what the origin has just failed with */
export function fromMemory({ channel, target, wholeKey, key }: KeyedRequest): Stored | undefined {
  const now = Date.now();
  const whole = memory.get(wholeKey);
  if (whole && isFresh(whole.facts, now)) return whole;
  const part = key === wholeKey ? undefined : memory.get(key);
  if (part && isFresh(part.facts, now)) return part;
  // Whoever asks for the next segment too early must not keep it from those who ask when it is named.
  const changedAt = () => directoryAt(channel, target).changedAt;
  const code = refusalOf(wholeKey, now, changedAt) ?? refusalOf(key, now, changedAt);
  if (code !== undefined) throw refused(code);
  return undefined;
}

/** Tells those who wait, and those in the world who do. */
type Land = (outcome: Outcome | typeof ALONE, fetched: Fetched) => void;

/** Fetches for everyone who asks meanwhile. */
async function lead(wanted: KeyedRequest): Promise<Loaded> {
  const { x, channel } = wanted;
  const share = flights.lead(wanted.key, x.ctx);
  let settle: Settle | undefined;
  let isLanded = false;
  const land: Land = (outcome, fetched) => {
    if (isLanded) return;
    isLanded = true;
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

/** Remembers for a moment that the origin does not have it, or that it fails. */
export function note({ channel, target, key, wholeKey }: KeyedRequest, error: unknown): void {
  if (!(error instanceof CausewayError)) return;
  const { code } = error;
  const { missingMs } = directoryAt(channel, target);
  // Of a part that fails nothing follows for the others.
  noteRefusal(code === "not_found" ? wholeKey : key, code, failureKeptMs(code, missingMs));
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
    land({ isElsewhere: true }, { facts, written });
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
  const landed = (body: Uint8Array): Loaded => {
    const known = { ...facts, length: body.byteLength };
    landWhole(wanted, { facts: known, body }, land);
    return { tier, facts: known, body };
  };
  if (isReadWhole(response, length)) return landed(await readWhole(response, length, channel.read_timeout));
  const place = response.body ? takePlace(length) : undefined;
  let isShared = false;
  try {
    if (!response.body || !place) {
      const { body, written } = await streamed(wanted, response, facts);
      landElsewhere(wanted, { facts, written }, land);
      return { tier, facts, body };
    }
    const opened = await openBody(response.body, channel.read_timeout);
    if (length === undefined && beginsAsJson(opened.head)) return landed(await readJson(channel, opened));
    const { readable, whole } = shareStream(opened, {
      length,
      stallMs: channel.read_timeout,
      // Those who wait for what turns out to be too much for all go their own way at once, not when the leader has it all.
      room: (bytes) => {
        const isRoom = place.room(bytes);
        if (!isRoom) land(ALONE, undefined);
        return isRoom;
      },
    });
    isShared = true;
    const shared = whole.then((body) => {
      place.giveBack();
      if (body) landed(body);
      else land(ALONE, undefined);
    });
    x.ctx.waitUntil(shared);
    return { tier, facts, body: readable };
  } finally {
    if (!isShared) place?.giveBack();
  }
}

/**
 * What streams past memory. Of a live channel everybody wants it now, and many an origin has one connection to give: those
 * who ask meanwhile wait until it is stored, which takes no longer than it plays.
 */
function landElsewhere(
  { x, channel, target }: KeyedRequest,
  { facts, written }: { readonly facts: Facts; readonly written: Promise<boolean> | undefined },
  land: Land,
): void {
  if (!written || !directoryAt(channel, target).live) {
    land(ALONE, written && { facts, written });
    return;
  }
  const stored = within(written, LIMITS.STORED_PATIENCE_MS, () => false);
  x.ctx.waitUntil(
    stored.then((isStored) => land(isStored ? { isElsewhere: true } : ALONE, { facts, written })),
  );
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
