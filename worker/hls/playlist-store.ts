// Playlists in this isolate: fetched at most once per freshness and key, shared by all viewers, served stale for a
// bounded time while the origin fails. It never invents a playlist, and never an ENDLIST.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { type PlaylistLifetime, playlistLifetime } from "../../shared/hls/freshness.ts";
import { type Playlist, scanPlaylist } from "../../shared/hls/scan.ts";
import { decodePlaylist, type PlaylistText } from "../../shared/hls/text.ts";
import { HLS_LIMITS as LIMITS } from "../../shared/limits.ts";
import { ByteLru } from "../cache/byte-lru.ts";
import { within } from "../cache/deadline.ts";
import { ALONE, Flights } from "../cache/flights.ts";
import type { Exchange } from "../exchange.ts";
import { readBounded } from "./body.ts";
import { cacheKey } from "./cache-key.ts";
import { readEdge, writeEdge } from "./edge-cache.ts";
import { fetchOrigin } from "./origin.ts";
import { Pins } from "./pins.ts";
import type { Tier } from "./reply.ts";
import { type Facts, isFresh } from "./resource.ts";
import type { Target } from "./target.ts";

export interface StoredPlaylist extends PlaylistText {
  readonly playlist: Playlist;
  readonly lifetime: PlaylistLifetime;
  readonly facts: Facts;
  /** Where it came from after redirects: what its URIs are relative to. */
  readonly url: string;
  readonly redirected: boolean;
  /** What viewers get, by depth of the path and, where it matters, host. */
  readonly rewrites: Map<string, Uint8Array>;
  /** When the text was first seen: milliseconds since the epoch. */
  changedAt: number;
  /** After a failure the origin is left alone until then: milliseconds since the epoch. */
  retryAt: number;
}

export interface LoadedPlaylist {
  readonly tier: Tier;
  readonly stored: StoredPlaylist;
}

type Outcome =
  | { readonly ok: true; readonly tier: Tier; readonly stored: StoredPlaylist }
  | { readonly ok: false; readonly code: ErrorCode };

const memory = new ByteLru<StoredPlaylist>(LIMITS.PLAYLIST_MEMORY_BYTES);
const flights = new Flights<Outcome>();
const pins = new Pins();

/**
 * The playlist at `target`.
 * @throws CausewayError what fetchOrigin throws, `playlist_malformed`, `playlist_too_large`
 */
export async function loadPlaylist(
  x: Exchange,
  channel: ChannelConfig,
  target: Target,
): Promise<LoadedPlaylist> {
  const variables = target.imported.size === 0 ? "" : JSON.stringify([...target.imported]);
  const key = cacheKey(x, channel, target.url, variables);
  const kept = memory.get(key);
  const now = Date.now();
  if (kept && isFresh(kept.facts, now)) return { tier: "memory", stored: kept };
  const usable = kept && now - kept.facts.at < kept.lifetime.staleMs ? kept : undefined;
  if (usable && now < usable.retryAt) return { tier: "stale", stored: usable };
  const work = flights.follow(key) ?? lead(x, channel, target, key);
  const outcome = usable ? await within(work, LIMITS.STALE_PATIENCE_MS, () => undefined) : await work;
  if (outcome === ALONE) return fetchPlaylist(x, channel, target);
  if (outcome?.ok) return outcome;
  if (usable) {
    usable.retryAt = Date.now() + LIMITS.RETRY_AFTER_FAILURE_MS;
    return { tier: "stale", stored: usable };
  }
  throw new CausewayError(outcome?.code ?? "internal");
}

/** Fetches for everyone who asks meanwhile. Never rejects; the leader's outcome says so itself. */
async function lead(x: Exchange, channel: ChannelConfig, target: Target, key: string): Promise<Outcome> {
  const land = flights.lead(key, x.ctx);
  try {
    const loaded = (await fromEdge(target, key)) ?? (await fetchPlaylist(x, channel, target, key));
    const { stored } = loaded;
    // Text, spans and rewritten bytes together come to about this much per character.
    memory.set(key, stored, stored.text.length * 4);
    land({ ok: true, tier: "collapsed", stored });
    return { ok: true, ...loaded };
  } catch (error) {
    const outcome: Outcome = { ok: false, code: error instanceof CausewayError ? error.code : "internal" };
    land(outcome);
    return outcome;
  }
}

async function fromEdge(target: Target, key: string): Promise<LoadedPlaylist | undefined> {
  const entry = await readEdge("playlist", key);
  if (!entry || !isFresh(entry.facts, Date.now())) return undefined;
  const bytes = new Uint8Array(await entry.response.arrayBuffer());
  return { tier: "edge", stored: parse(bytes, target, entry.facts) };
}

/** From where redirects led before, while that gives a playlist that moves on; else by way of the source. */
async function fetchPlaylist(
  x: Exchange,
  channel: ChannelConfig,
  target: Target,
  key?: string,
): Promise<LoadedPlaylist> {
  const owner = cacheKey(x, channel, "", "");
  const pinned = pins.get(owner, target.url);
  if (pinned !== undefined) {
    try {
      const stored = await fetchFrom(x, channel, target, { url: pinned, pinned: true, key });
      if (!isStuck(stored)) return { tier: "origin", stored };
    } catch {
      // The source decides anew; what is wrong with it is said by its own failure.
    }
    pins.delete(owner, target.url);
  }
  const stored = await fetchFrom(x, channel, target, { url: target.url, pinned: false, key });
  if (stored.redirected && !isStuck(stored)) pins.set(owner, target.url, stored.url);
  return { tier: "origin", stored };
}

/** A live playlist that has not changed for longer than a live playlist may. */
function isStuck({ playlist, lifetime, changedAt }: StoredPlaylist): boolean {
  return playlist.live && Date.now() - changedAt > lifetime.staleMs;
}

interface Place {
  readonly url: string;
  /** `url` was reached by redirects before. */
  readonly pinned: boolean;
  /** Under which the playlist is kept, if it is. */
  readonly key: string | undefined;
}

async function fetchFrom(
  x: Exchange,
  channel: ChannelConfig,
  target: Target,
  place: Place,
): Promise<StoredPlaylist> {
  const { key } = place;
  const { response, url, redirected } = await fetchOrigin(channel, {
    method: "GET",
    url: place.url,
    compressed: true,
  });
  const bytes = await readBounded(response, {
    bytesMax: LIMITS.PLAYLIST_BYTES_MAX,
    tooLarge: "playlist_too_large",
    timeoutMs: LIMITS.PLAYLIST_TIMEOUT_MS,
  });
  const at = Date.now();
  const moved = redirected || place.pinned;
  const stored = parse(bytes, target, { contentType: "", at, freshMs: 0, url, redirected: moved });
  const { facts } = stored;
  const before = key === undefined ? undefined : memory.get(key);
  if (before?.text === stored.text) stored.changedAt = before.changedAt;
  if (key !== undefined && stored.lifetime.freshMs >= 1_000) {
    const entry = { facts, body: bytes, length: bytes.byteLength, keepMs: facts.freshMs };
    x.ctx.waitUntil(writeEdge("playlist", key, entry));
  }
  return stored;
}

function parse(bytes: Uint8Array, target: Target, facts: Facts): StoredPlaylist {
  const decoded = decodePlaylist(bytes);
  const url = facts.url ?? target.url;
  const mark = url.indexOf("?");
  const query = mark < 0 ? "" : url.slice(mark + 1);
  const playlist = scanPlaylist(decoded.text, { query, imported: target.imported });
  const lifetime = playlistLifetime(playlist);
  return {
    ...decoded,
    playlist,
    lifetime,
    facts: { ...facts, freshMs: lifetime.freshMs },
    url,
    redirected: facts.redirected ?? false,
    rewrites: new Map(),
    changedAt: facts.at,
    retryAt: 0,
  };
}
