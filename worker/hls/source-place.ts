// Where a playlist of a channel with several sources is at one of them, and loading it from there.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { listOffers, matchOffer, type Rendition } from "../../shared/hls/renditions.ts";
import { portableUri } from "../../shared/hls/text.ts";
import { FAILOVER_LIMITS } from "../../shared/limits.ts";
import { ByteLru } from "../cache/byte-lru.ts";
import type { Exchange } from "../exchange.ts";
import { isFaultCode } from "./faults.ts";
import type { SourceState } from "./object/state.ts";
import { agreeOnPin, followPin } from "./pin-sharing.ts";
import { withQuery } from "./pins.ts";
import { keptPlaylist, type LoadedPlaylist, loadPlaylist } from "./playlist-store.ts";
import { type Tracked, wasMedia } from "./shown.ts";
import type { StoredPlaylist } from "./stored-playlist.ts";
import { streamTarget, type Target } from "./target.ts";

const FIRST_VARIANT: Rendition = { t: "VARIANT", i: 0 };

/** Variants' addresses that sources have given up: until when that is not tried again, in milliseconds since the epoch. */
const moved = new ByteLru<number>(FAILOVER_LIMITS.RESTING_BYTES);

/** The source calls the variant something else than `url` now. */
export function noteMoved(url: string): void {
  moved.set(url, Date.now() + FAILOVER_LIMITS.MOVED_MS, 0);
}

export function hasMoved(url: string): boolean {
  return (moved.get(url) ?? 0) > Date.now();
}

/** Where the playlist is by the source's own word, which is from `since` or later. */
export async function placeNow(
  x: Exchange,
  channel: ChannelConfig,
  target: Tracked,
  { source, since }: { readonly source: number; readonly since: number },
): Promise<Target> {
  const isStream = target.track.rendition === undefined && !wasMedia(x, channel, target);
  if (isStream) return streamTarget(channel, source, "");
  return alikeAt(x, channel, target, { source, query: "", since });
}

/** Whether this isolate knows that `url` is where the source has the variant. */
export function isOffered(
  x: Exchange,
  channel: ChannelConfig,
  target: Tracked,
  { source, url }: { readonly source: number; readonly url: string },
): boolean {
  const kept = keptPlaylist(x, channel, streamTarget(channel, source, ""));
  return kept?.playlist.kind === "master" && offerOf(kept, target, { source, query: "" }).url === url;
}

/** Where a variant of another source is at this one. */
export async function alikeAt(
  x: Exchange,
  channel: ChannelConfig,
  target: Tracked,
  { source, query, since }: { readonly source: number; readonly query: string; readonly since?: number },
): Promise<Target> {
  const stream = streamTarget(channel, source, "");
  const { stored } = await load(x, channel, stream, undefined, since);
  // A source with one playlist only has that for everybody.
  if (stored.playlist.kind !== "master") return stream;
  return offerOf(stored, target, { source, query });
}

/** @throws CausewayError `rendition_missing` when a source has nothing like it, which is no failure */
export function offerOf(
  stored: StoredPlaylist,
  target: Tracked,
  { source, query }: { readonly source: number; readonly query: string },
): Target {
  const { rendition = FIRST_VARIANT } = target.track;
  const offer = matchOffer(listOffers(stored.text, stored.playlist), rendition);
  const url = offer && URL.parse(portableUri(offer.span.uri, stored.encoding), stored.url);
  if (url?.protocol !== "http:" && url?.protocol !== "https:") throw new CausewayError("rendition_missing");
  url.hash = "";
  const track = { ...target.track, plainUrl: url.href };
  const imported = stored.playlist.variables;
  return { url: withQuery(url.href, query), source, playlist: true, imported, track };
}

/** @throws CausewayError also when the origin fails while a stale copy is at hand: other sources are better than that */
export async function load(
  x: Exchange,
  channel: ChannelConfig,
  place: Target,
  state: SourceState | undefined,
  since?: number,
): Promise<LoadedPlaylist> {
  const pin = state && place.track ? state.pins.get(place.track.key) : undefined;
  const followed = await followPin(x, channel, place, pin);
  const loaded = await loadPlaylist(x, channel, place, since);
  const failure = loaded.failure ?? loaded.stored.failure;
  if (loaded.tier === "stale" && failure !== undefined && isFaultCode(failure))
    throw new CausewayError(failure);
  if (state && place.track)
    agreeOnPin(x, channel, place, { track: place.track.key, generation: state.generation, loaded, followed });
  return loaded;
}
