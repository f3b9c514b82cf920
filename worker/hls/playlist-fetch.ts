// Playlists from the origin, scanned: from where redirects led before, while that gives a playlist that moves on; else by
// way of the source. Keeps nothing but where redirects led.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { playlistLifetime } from "../../shared/hls/freshness.ts";
import { scanPlaylist } from "../../shared/hls/scan.ts";
import { decodePlaylist, withLineFeeds } from "../../shared/hls/text.ts";
import { HLS_LIMITS as LIMITS } from "../../shared/limits.ts";
import type { Exchange } from "../exchange.ts";
import { readBounded } from "./body.ts";
import { cacheKey } from "./cache-key.ts";
import { fetchOrigin } from "./origin.ts";
import { Pins } from "./pins.ts";
import type { Facts } from "./resource.ts";
import type { StoredPlaylist } from "./stored-playlist.ts";
import type { Target } from "./target.ts";

const pins = new Pins();

export interface PlaylistRequest {
  readonly x: Exchange;
  readonly channel: ChannelConfig;
  readonly target: Target;
  /** The origin may hold the request until there is something new. */
  readonly blocking: boolean;
  readonly headerTimeoutMs: number;
  /** What the origin sent before. */
  readonly before: StoredPlaylist | undefined;
}

export interface FetchedPlaylist {
  readonly stored: StoredPlaylist;
  readonly bytes: Uint8Array;
}

/** Where redirects of the playlist lead in this isolate. */
export function pinnedUrl(x: Exchange, channel: ChannelConfig, target: Target): string | undefined {
  return pins.get(pinOwner(x, channel, target), target.url);
}

/** Goes by another isolate's redirects, so that all read the same machine's playlist. */
export function pinTo(x: Exchange, channel: ChannelConfig, target: Target, url: string): void {
  pins.set(pinOwner(x, channel, target), target.url, url);
}

function pinOwner(x: Exchange, channel: ChannelConfig, target: Target): string {
  return cacheKey(x, channel, { ...target, url: "" }, "");
}

/** @throws CausewayError what fetchOrigin throws, `playlist_malformed`, `playlist_too_large` */
export async function fetchPlaylist(request: PlaylistRequest): Promise<FetchedPlaylist> {
  const { x, channel, target } = request;
  const owner = pinOwner(x, channel, target);
  const pinned = pins.get(owner, target.url);
  if (pinned !== undefined) {
    try {
      const fetched = await fetchFrom(request, { url: pinned, pinned: true });
      if (!isStuck(fetched.stored)) return fetched;
    } catch {
      // The source decides anew; what is wrong with it is said by its own failure.
    }
    pins.delete(owner, target.url);
  }
  const fetched = await fetchFrom(request, { url: target.url, pinned: false });
  const { stored } = fetched;
  if (stored.redirected && !isStuck(stored)) pins.set(owner, target.url, stored.url);
  return fetched;
}

/** A live playlist that has not changed for longer than a live playlist may. */
function isStuck({ playlist, changedAt }: StoredPlaylist): boolean {
  return playlist.live && Date.now() - changedAt > playlistLifetime(playlist).staleMs;
}

interface Place {
  readonly url: string;
  /** `url` was reached by redirects before. */
  readonly pinned: boolean;
}

async function fetchFrom(request: PlaylistRequest, place: Place): Promise<FetchedPlaylist> {
  const { x, channel, target, blocking, headerTimeoutMs, before } = request;
  const { response, url, redirected } = await fetchOrigin(x, channel, {
    method: "GET",
    url: place.url,
    source: target.source,
    compressed: true,
    headerTimeoutMs,
  });
  const bytes = await readBounded(response, {
    bytesMax: LIMITS.PLAYLIST_BYTES_MAX,
    tooLarge: "playlist_too_large",
    timeoutMs: channel.read_timeout,
  });
  const facts = {
    contentType: "",
    at: Date.now(),
    freshMs: 0,
    url,
    redirected: redirected || place.pinned,
  };
  const stored = parsePlaylist(bytes, { target, facts, blocking });
  if (before?.text === stored.text) stored.changedAt = Math.min(before.changedAt, facts.at);
  return { stored, bytes };
}

/** @throws CausewayError `playlist_malformed` */
export function parsePlaylist(
  bytes: Uint8Array,
  { target, facts, blocking }: { readonly target: Target; readonly facts: Facts; readonly blocking: boolean },
): StoredPlaylist {
  const { text: written, encoding } = decodePlaylist(bytes);
  const text = withLineFeeds(written);
  const url = facts.url ?? target.url;
  const mark = url.indexOf("?");
  const query = mark < 0 ? "" : url.slice(mark + 1);
  const playlist = scanPlaylist(text, { query, imported: target.imported });
  const lifetime = playlistLifetime(playlist, blocking);
  return {
    text,
    encoding,
    playlist,
    lifetime,
    facts: { ...facts, freshMs: lifetime.freshMs },
    url,
    source: target.source,
    redirected: facts.redirected ?? false,
    rewrites: new Map(),
    changedAt: facts.at,
    retryAt: 0,
  };
}
