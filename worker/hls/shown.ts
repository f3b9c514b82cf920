// What this isolate has shown of the playlists of channels with several sources: nothing of it is taken back, and a
// playlist that stands still for too long is found out.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { type Blocks, readBlocks } from "../../shared/hls/blocks.ts";
import { headOf, type Numbering } from "../../shared/hls/renumber.ts";
import { FAILOVER_LIMITS as LIMITS } from "../../shared/limits.ts";
import { ByteLru } from "../cache/byte-lru.ts";
import type { Exchange } from "../exchange.ts";
import { noteHead } from "./object/state.ts";
import type { LoadedPlaylist } from "./playlist-store.ts";
import { isYounger } from "./resource.ts";
import type { StoredPlaylist } from "./stored-playlist.ts";
import type { Target, Track } from "./target.ts";

/** A playlist with how it is to be numbered; undefined: as it is. */
export interface LoadedTrack extends LoadedPlaylist {
  readonly numbering?: Numbering | undefined;
}

/** A playlist that other sources have, too. */
export type Tracked = Target & { readonly track: Track };

/** Last segment by the source's number, and when it rose. */
interface Progress {
  readonly generation: number;
  readonly last: number;
  readonly roseAt: number;
}

interface Shown {
  /** By source, so that one that stood still when it was left is known again if it still does. */
  readonly progress: ReadonlyMap<number, Progress>;
  /** First and last segment in the viewers' numbers. */
  readonly shownFirst: number;
  readonly shownLast: number;
  readonly good: LoadedTrack;
}

const NO_PROGRESS: ReadonlyMap<number, Progress> = new Map();
const shown = new ByteLru<Shown>(LIMITS.TRACK_MEMORY_BYTES);
const blocksOf = new WeakMap<StoredPlaylist, Blocks | null>();

/** Names a playlist of this configuration in this isolate. */
export function trackName(x: Exchange, channel: ChannelConfig, { track }: Tracked): string {
  return `${x.config.epoch} ${channel.id} ${track.key}`;
}

/** Whether viewers were given a media playlist. */
export function wasMedia(x: Exchange, channel: ChannelConfig, target: Tracked): boolean {
  return shown.get(trackName(x, channel, target))?.good.stored.playlist.kind === "media";
}

/** Keeps a playlist that has no numbers, or keeps those that it has, for when its source fails. */
export function keep(
  x: Exchange,
  channel: ChannelConfig,
  target: Tracked,
  good: LoadedPlaylist,
): LoadedPlaylist {
  const key = trackName(x, channel, target);
  if (shown.get(key)?.good.stored === good.stored) return good;
  const entry = { progress: NO_PROGRESS, shownFirst: 0, shownLast: -1, good };
  shown.set(key, entry, good.stored.text.length * 4);
  return good;
}

/** What was shown last, for as long as a playlist may be served while its origin fails. */
export function usable(x: Exchange, channel: ChannelConfig, target: Tracked): LoadedTrack | undefined {
  const good = shown.get(trackName(x, channel, target))?.good;
  return good && isYounger(good.stored.facts.at, good.stored.lifetime.staleMs, Date.now()) ? good : undefined;
}

/** @throws CausewayError `playlist_malformed` */
export function blocksIn(stored: StoredPlaylist): Blocks {
  let blocks = blocksOf.get(stored);
  if (blocks === undefined) {
    blocks = readBlocks(stored.text) ?? null;
    blocksOf.set(stored, blocks);
  }
  if (blocks === null) throw new CausewayError("playlist_malformed");
  return blocks;
}

/** How long a live playlist may go without a new segment, in milliseconds. */
export function patienceOf({ targetMs }: Blocks): number {
  return targetMs > 0 ? LIMITS.STALE_TARGETS * targetMs : LIMITS.STALE_MS;
}

interface Candidate {
  readonly loaded: LoadedTrack;
  readonly blocks: Blocks;
  readonly generation: number;
}

/**
 * What viewers get: the playlist, or what they got before where it would take something back.
 * @throws CausewayError `playlist_stale` when it has had no new segment for too long
 */
export function show(
  x: Exchange,
  channel: ChannelConfig,
  target: Tracked,
  { loaded, blocks, generation }: Candidate,
): LoadedTrack {
  const key = trackName(x, channel, target);
  const before = shown.get(key);
  const { stored, numbering } = loaded;
  const moved = progressOf(before?.progress.get(stored.source), blocks.last, generation);
  if (stored.playlist.live && Date.now() - moved.roseAt > patienceOf(blocks))
    throw new CausewayError("playlist_stale");
  const progress = new Map(before?.progress).set(stored.source, moved);
  const shownFirst = Math.max(blocks.first, numbering?.from ?? 0) + (numbering?.offset ?? 0);
  const head = headOf(blocks, numbering);
  const goesBack = before && (shownFirst < before.shownFirst || head.segment < before.shownLast);
  const entry = goesBack
    ? { ...before, progress }
    : { progress, shownFirst, shownLast: head.segment, good: loaded };
  shown.set(key, entry, entry.good.stored.text.length * 4);
  if (!goesBack) noteHead(channel, target.track.key, head);
  return entry.good;
}

/** While a source is in use its numbers only rise; after a pause it may count anew, unless it is where it was left. */
function progressOf(before: Progress | undefined, last: number, generation: number): Progress {
  const isSame = before?.generation === generation;
  // A clock that went back would make it look as if it had risen just now, until it has caught up.
  if (before && (isSame ? last <= before.last : last === before.last))
    return { ...before, generation, roseAt: Math.min(before.roseAt, Date.now()) };
  return { generation, last, roseAt: Date.now() };
}
