// Playlists in this isolate: fetched at most once per freshness and key, shared by all viewers, served stale for a
// bounded time while the origin fails. What a player asks for by directives is kept apart: a delta update never stands for
// the whole. It never invents a playlist, and never an ENDLIST.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import type { Tier } from "../../shared/flow/channel.ts";
import { isDelta, readDelivery } from "../../shared/hls/delivery.ts";
import { playlistLifetime } from "../../shared/hls/freshness.ts";
import { lastSequence } from "../../shared/hls/newest.ts";
import { HLS_LIMITS as LIMITS, SHIELD_LIMITS } from "../../shared/limits.ts";
import { ByteLru } from "../cache/byte-lru.ts";
import { within } from "../cache/deadline.ts";
import { ALONE, Flights } from "../cache/flights.ts";
import type { Exchange } from "../exchange.ts";
import { readBucket, writeBucket } from "./bucket.ts";
import { cacheKey } from "./cache-key.ts";
import { noteDirectories } from "./directories.ts";
import { readEdge, writeEdge } from "./edge-cache.ts";
import { followMs } from "./follow-time.ts";
import { takeHold } from "./holds.ts";
import {
  type FetchedPlaylist,
  fetchPlaylist,
  type PlaylistRequest,
  parsePlaylist,
} from "./playlist-fetch.ts";
import { prefetch } from "./prefetch.ts";
import { noteRefusal, refusalOf, refused } from "./refusals.ts";
import { type Facts, isFresh, isYounger } from "./resource.ts";
import { claim, failureKeptMs, type Settle } from "./shield.ts";
import type { StoredPlaylist } from "./stored-playlist.ts";
import type { Target } from "./target.ts";

export interface LoadedPlaylist {
  readonly tier: Tier;
  readonly stored: StoredPlaylist;
  /** Why it is an old one, or the whole instead of what was asked for by directives. */
  readonly failure?: ErrorCode | undefined;
}

type Outcome =
  | { readonly ok: true; readonly tier: Tier; readonly stored: StoredPlaylist }
  | { readonly ok: false; readonly code: ErrorCode };

const memory = new ByteLru<StoredPlaylist>(LIMITS.PLAYLIST_MEMORY_BYTES);
const flights = new Flights<Outcome>();

interface Wanted {
  readonly x: Exchange;
  readonly channel: ChannelConfig;
  readonly target: Target;
  readonly key: string;
  /** Of the whole playlist as it is; the same as `key` without delivery directives. */
  readonly plainKey: string;
  readonly blocking: boolean;
  /** As in Delivery. */
  readonly awaited?: number | undefined;
  /** What others have is of use from then on: milliseconds since the epoch. */
  readonly since: number;
}

function wantedOf(x: Exchange, channel: ChannelConfig, target: Target): Omit<Wanted, "since"> {
  const variables = target.imported.size === 0 ? "" : JSON.stringify([...target.imported]);
  const key = cacheKey(x, channel, target, variables);
  const delivery = readDelivery(target.url);
  if (!delivery) return { x, channel, target, key, plainKey: key, blocking: false };
  const { plainUrl: url, awaited } = delivery;
  const plainKey = cacheKey(x, channel, { url, source: target.source }, variables);
  return { x, channel, target, key, plainKey, blocking: awaited !== undefined, awaited };
}

/** The playlist at `target` as this isolate has it, however old. */
export function keptPlaylist(
  x: Exchange,
  channel: ChannelConfig,
  target: Target,
): StoredPlaylist | undefined {
  return memory.get(wantedOf(x, channel, target).key);
}

/**
 * The playlist at `target`; one from before `since` (milliseconds since the epoch) only where the origin fails.
 * @throws CausewayError what fetchOrigin throws, `playlist_malformed`, `playlist_too_large`
 */
export async function loadPlaylist(
  x: Exchange,
  channel: ChannelConfig,
  target: Target,
  since = 0,
): Promise<LoadedPlaylist> {
  const wanted = { ...wantedOf(x, channel, target), since };
  for (let turn = 0; turn < LIMITS.FOLLOWS_MAX; turn++) {
    const kept = memory.get(wanted.key);
    const now = Date.now();
    if (kept && isFresh(kept.facts, now) && kept.facts.at >= since) return { tier: "memory", stored: kept };
    if (turn === 0 && isAnswered(wanted, now)) return loadPlaylist(x, channel, plainOf(target), since);
    const usable = isUsable(kept, now) ? kept : undefined;
    if (usable && now < usable.retryAt) return { tier: "stale", stored: usable };
    const code = refusalOf(refusalKey(wanted), now);
    if (code !== undefined) return usableInstead(wanted, refused(code));
    const work = fetched(wanted, now);
    if (!work) return loadPlaylist(x, channel, plainOf(target), since);
    if (usable) {
      const early = await within(work, LIMITS.STALE_PATIENCE_MS, () => undefined);
      // Patience may outlast what was usable when it began.
      if (early === undefined && isUsable(usable, Date.now())) return usableInstead(wanted, undefined);
    }
    const outcome = await work;
    // Those who have waited in vain for a leader go together: alone they would all ask at once.
    if (outcome !== ALONE)
      return outcome.ok ? outcome : usableInstead(wanted, new CausewayError(outcome.code));
  }
  return usableInstead(wanted, new CausewayError("upstream_timeout"));
}

/**
 * Whether a blocking reload need not reach the origin: the whole playlist as it is has the segment, is so far from it that
 * no player asks, or never said that reloads are held. Numbers can be invented without end, and each would be a request of
 * its own.
 */
function isAnswered({ plainKey, awaited, since }: Wanted, now: number): boolean {
  if (awaited === undefined) return false;
  const plain = memory.get(plainKey);
  if (plain && !plain.playlist.blocks) return true;
  if (!plain || !isUsable(plain, now) || plain.facts.at < since) return false;
  const last = lastSequence(plain.text);
  if (last === undefined) return false;
  const ahead = awaited - last;
  return ahead > LIMITS.BLOCKING_AHEAD_MAX || (ahead <= 0 && isFresh(plain.facts, now));
}

/** The fetch under way, or one that begins; undefined when the origin holds too many requests already. */
function fetched(wanted: Wanted, now: number): Promise<Outcome | typeof ALONE> | undefined {
  const headerTimeoutMs = headerTimeoutOf(wanted);
  const flight = flights.follow(wanted.key, followMs(headerTimeoutMs));
  if (flight) return flight;
  const giveBack = wanted.blocking ? takeHold(wanted.channel, headerTimeoutMs, now) : NOTHING;
  return giveBack && lead(wanted, headerTimeoutMs).finally(giveBack);
}

/** Segments' keys look alike, and what is refused as a segment may be a playlist. */
function refusalKey({ key }: Pick<Wanted, "key">): string {
  return `playlist ${key}`;
}

const NOTHING = () => undefined;

function plainOf(target: Target): Target {
  return { ...target, url: readDelivery(target.url)?.plainUrl ?? target.url };
}

function isUsable(kept: StoredPlaylist | undefined, now: number): boolean {
  return kept !== undefined && isYounger(kept.facts.at, kept.lifetime.staleMs, now);
}

/**
 * What was there before, for as long as it may be served; to who asked by directives the whole playlist, which the format
 * allows at any time.
 * @throws CausewayError `failure`, once there is nothing usable
 */
function usableInstead({ key, plainKey }: Wanted, failure: CausewayError | undefined): LoadedPlaylist {
  const now = Date.now();
  const stored = [key, plainKey].map((each) => memory.get(each)).find((each) => isUsable(each, now));
  if (!stored) throw failure ?? new CausewayError("upstream_timeout");
  const code = failure?.code;
  // What was asked by directives says nothing about the whole: anybody may ask for what cannot be.
  if (stored === memory.get(key)) {
    stored.retryAt = now + LIMITS.RETRY_AFTER_FAILURE_MS;
    if (code !== undefined) stored.failure = code;
  }
  return { tier: "stale", stored, failure: code };
}

/** An origin holds a blocking reload for up to three target durations (RFC 8216bis section 6.2.5.2). */
function headerTimeoutOf({ channel, plainKey, blocking }: Wanted): number {
  if (!blocking) return channel.response_header_timeout;
  const targetMs = memory.get(plainKey)?.playlist.targetDurationMs;
  const heldMs = targetMs === undefined ? LIMITS.BLOCKING_TIMEOUT_MS : LIMITS.BLOCKING_TARGETS * targetMs;
  return Math.max(channel.response_header_timeout, Math.min(heldMs, LIMITS.BLOCKING_TIMEOUT_MAX_MS));
}

function requestOf(
  { x, channel, target, plainKey, blocking }: Wanted,
  headerTimeoutMs: number,
): PlaylistRequest {
  return { x, channel, target, blocking, headerTimeoutMs, before: memory.get(plainKey) };
}

/** Fetches for everyone who asks meanwhile. Never rejects; the leader's outcome says so itself. */
async function lead(wanted: Wanted, headerTimeoutMs: number): Promise<Outcome> {
  const { x, channel, key } = wanted;
  const land = flights.lead(key, x.ctx);
  let settle: Settle | undefined;
  try {
    let loaded = await fromEdge(wanted);
    if (!loaded && channel.shield) {
      const patience = { headersMs: headerTimeoutMs, bodyMs: channel.read_timeout };
      const claimed = await claim(x, channel, `playlist ${key}`, patience);
      if (claimed.type === "granted") settle = claimed.settle;
      else if (claimed.type === "parcel" && claimed.stored.facts.at >= wanted.since)
        loaded = fromParcel(wanted, claimed.stored);
      else if (claimed.type === "stored") loaded = (await fromBucket(wanted)) ?? (await fromEdge(wanted));
    }
    if (!loaded) {
      const fetched = await fetchPlaylist(requestOf(wanted, headerTimeoutMs));
      const written = store(wanted, fetched);
      settle?.({ facts: fetched.stored.facts, body: fetched.bytes, written });
      loaded = { tier: "origin", stored: fetched.stored };
    }
    keep(wanted, loaded.stored);
    land({ ok: true, tier: "collapsed", stored: loaded.stored });
    return { ok: true, ...loaded };
  } catch (error) {
    const code = error instanceof CausewayError ? error.code : "internal";
    const kept = memory.get(key);
    if (kept) kept.failure = code;
    if (code !== "internal") noteRefusal(refusalKey(wanted), code, LIMITS.RETRY_AFTER_FAILURE_MS);
    land({ ok: false, code });
    settle?.({ code, keepMs: failureKeptMs(code, LIMITS.MISSING_MS) });
    return { ok: false, code };
  }
}

/** Into memory; the newest whole playlist also answers who asks for no more than that. */
function keep({ x, channel, key, plainKey }: Wanted, stored: StoredPlaylist): void {
  // Text, spans and rewritten bytes together come to about this much per character.
  const bytes = stored.text.length * 4;
  memory.set(key, stored, bytes);
  noteDirectories(channel, stored);
  if (channel.prefetch > 0) x.ctx.waitUntil(prefetch(x, channel, stored));
  if (plainKey === key || isDelta(stored.text)) return;
  const before = memory.get(plainKey);
  if (before && (before.facts.at > stored.facts.at || isAhead(before, stored))) return;
  const lifetime = playlistLifetime(stored.playlist);
  const facts = { ...stored.facts, freshMs: lifetime.freshMs };
  memory.set(plainKey, { ...stored, lifetime, facts }, bytes);
}

/** Replies that were held overtake each other: what is fresh does not go back. */
function isAhead(before: StoredPlaylist, stored: StoredPlaylist): boolean {
  const lead = (lastSequence(before.text) ?? -1) - (lastSequence(stored.text) ?? -1);
  return lead > 0 && isFresh(before.facts, Date.now());
}

/** Resolves to whether others can read it; undefined for what is too short-lived to be stored. */
function store(
  { x, channel, key }: Wanted,
  { stored, bytes }: FetchedPlaylist,
): Promise<boolean> | undefined {
  const { facts } = stored;
  if (facts.freshMs < 1_000) return undefined;
  const length = bytes.byteLength;
  const near = writeEdge("playlist", key, { facts, body: bytes, length, keepMs: facts.freshMs });
  x.ctx.waitUntil(near);
  if (!channel.shield || !x.env.SEGMENTS || length <= SHIELD_LIMITS.PARCEL_BYTES_MAX) return near;
  return writeBucket(x.env, bucketKey(key), { facts, body: bytes, length });
}

/** Segments' keys look alike. */
function bucketKey(key: string): string {
  return `playlist ${key}`;
}

async function fromEdge(wanted: Wanted): Promise<LoadedPlaylist | undefined> {
  const entry = await readEdge("playlist", wanted.key);
  if (!entry || !isFresh(entry.facts, Date.now()) || entry.facts.at < wanted.since) return undefined;
  const bytes = new Uint8Array(await entry.response.arrayBuffer());
  return { tier: "edge", stored: parsed(wanted, bytes, entry.facts) };
}

async function fromBucket(wanted: Wanted): Promise<LoadedPlaylist | undefined> {
  const entry = await readBucket(wanted.x.env, bucketKey(wanted.key));
  if (!entry || entry.facts.at < wanted.since) return undefined;
  const bytes = new Uint8Array(await new Response(entry.body).arrayBuffer());
  return { tier: "r2", stored: parsed(wanted, bytes, entry.facts) };
}

/** What somebody else in the world fetched at the same time. */
function fromParcel(wanted: Wanted, { body, facts }: { body: Uint8Array; facts: Facts }): LoadedPlaylist {
  return { tier: "collapsed", stored: parsed(wanted, body, facts) };
}

function parsed({ target, blocking }: Wanted, bytes: Uint8Array, facts: Facts): StoredPlaylist {
  return parsePlaylist(bytes, { target, facts, blocking });
}
