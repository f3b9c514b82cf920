// What this isolate has learnt from playlists about the directories that they name: how long players may ask for what lies
// there, whether it is live, and which file is still being written. Segments are asked for by address alone, and another
// isolate may have served the playlist, so whoever asks must do without an answer, too.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { readDelivery } from "../../shared/hls/delivery.ts";
import { availableMs } from "../../shared/hls/freshness.ts";
import { ChildResolver, directoryOf } from "../../shared/hls/resolve.ts";
import type { UriSpan } from "../../shared/hls/scan.ts";
import { HLS_LIMITS as LIMITS } from "../../shared/limits.ts";
import type { StoredPlaylist } from "./stored-playlist.ts";
import type { Target } from "./target.ts";

/** What a directory holds, as its playlists say. */
export interface Directory {
  /** What lies there has to be kept for this long, in milliseconds. */
  readonly neededMs: number;
  readonly live: boolean;
  /** For how long it counts that the origin does not have something, in milliseconds. */
  readonly missingMs: number;
  /** When a playlist last named something new there: milliseconds since the epoch. What was missing before may be it. */
  readonly changedAt: number;
  /** Whatever is named there is a segment, and whole already: no playlist names parts or ranges of it. */
  readonly isWhole: boolean;
}

interface Known extends Directory {
  /** Files that parts are appended to, by playlist, and until when that is believed. */
  readonly growing: Map<string, { readonly urls: readonly string[]; readonly until: number }>;
}

const UNKNOWN: Directory = {
  neededMs: 0,
  live: false,
  missingMs: LIMITS.MISSING_MS,
  changedAt: 0,
  isWhole: false,
};
/** Playlists of one directory with files that grow. */
const GROWING_MAX = 16;

const known = new Map<string, Known>();

function keyOf(channel: ChannelConfig, source: number, directory: string): string {
  return `${channel.id} ${source} ${directory}`;
}

export function directoryAt(
  channel: ChannelConfig,
  { url, source }: Pick<Target, "url" | "source">,
): Directory {
  return known.get(keyOf(channel, source, directoryOf(url))) ?? UNKNOWN;
}

/** True for a file that is not whole yet: only its parts may be kept. */
export function isGrowing(channel: ChannelConfig, { url, source }: Pick<Target, "url" | "source">): boolean {
  const entry = known.get(keyOf(channel, source, directoryOf(url)));
  if (!entry || entry.growing.size === 0) return false;
  const now = Date.now();
  return [...entry.growing.values()].some(({ urls, until }) => now < until && urls.includes(url));
}

/** Takes note of a media playlist that was loaded. */
export function noteDirectories(channel: ChannelConfig, stored: StoredPlaylist): void {
  const { playlist, source, text, url, lifetime } = stored;
  if (playlist.kind === "master") return;
  const resolver = new ChildResolver(url);
  const directories = directoriesOf(stored, resolver);
  const neededMs = availableMs(playlist, countSegments(stored));
  const hasParts = text.includes("#EXT-X-PART-INF:");
  const isWhole = !hasParts && !text.includes("BYTERANGE");
  const missingMs = hasParts ? LIMITS.MISSING_PART_MS : LIMITS.MISSING_MS;
  const urls = hasParts ? growingFiles(stored, resolver) : [];
  const name = readDelivery(url)?.plainUrl ?? url;
  for (const directory of directories) {
    const key = keyOf(channel, source, directory);
    const before = known.get(key);
    known.delete(key);
    const growing = before?.growing ?? new Map();
    growing.delete(name);
    if (urls.length > 0) growing.set(name, { urls, until: stored.facts.at + 3 * lifetime.staleMs });
    const [oldest] = growing.keys();
    if (growing.size > GROWING_MAX) growing.delete(oldest);
    // Renditions share directories: what the longest of them needs is kept.
    known.set(key, {
      neededMs: Math.max(neededMs, before?.neededMs ?? 0),
      live: playlist.live,
      missingMs: Math.min(missingMs, before?.missingMs ?? missingMs),
      changedAt: Math.max(stored.changedAt, before?.changedAt ?? 0),
      isWhole: isWhole && (before?.isWhole ?? true),
      growing,
    });
  }
  for (const oldest of known.keys()) {
    if (known.size <= LIMITS.DIRECTORIES_MAX) break;
    known.delete(oldest);
  }
}

/** The playlist's own directory and the last ones that its segments lie in. */
function directoriesOf({ playlist, url }: StoredPlaylist, resolver: ChildResolver): Set<string> {
  const directories = new Set([directoryOf(url)]);
  const spans = playlist.spans.filter(isMedia).slice(-LIMITS.DIRECTORIES_PER_PLAYLIST);
  const heads = playlist.ordinary.heads.slice(-LIMITS.DIRECTORIES_PER_PLAYLIST);
  const found = [
    ...heads.map((head) => resolver.directory(head)),
    ...spans.map(({ uri }) => resolver.resolve(uri)?.directory),
  ];
  for (const directory of found) if (directory !== undefined) directories.add(directory);
  return directories;
}

function isMedia(span: StoredPlaylist["playlist"]["spans"][number]): span is UriSpan {
  return span.type === "uri" && (span.kind === "segment" || span.kind === "map");
}

function countSegments({ playlist }: StoredPlaylist): number {
  let count = playlist.spans.filter(isMedia).length;
  playlist.ordinary.each(() => {
    count++;
  });
  return count;
}

/** Files whose next part is hinted at by an offset, or whose last part has one: the segment is not complete. */
function growingFiles(stored: StoredPlaylist, resolver: ChildResolver): string[] {
  const { text, playlist } = stored;
  const complete = text.lastIndexOf("\n#EXTINF:");
  const urls: string[] = [];
  for (const [tag, mark] of [
    ["\n#EXT-X-PRELOAD-HINT:", "BYTERANGE-START="],
    ["\n#EXT-X-PART:", "BYTERANGE="],
  ] as const) {
    const start = text.lastIndexOf(tag);
    const feed = text.indexOf("\n", start + 1);
    const end = feed < 0 ? text.length : feed;
    if (start < complete || start < 0 || !text.slice(start, end).includes(mark)) continue;
    const span = playlist.spans.findLast((entry) => entry.start > start && entry.end <= end);
    const place = span?.type === "uri" ? resolver.resolve(span.uri) : undefined;
    if (!place) continue;
    urls.push(place.directory + place.name + (place.query === undefined ? "" : `?${place.query}`));
  }
  return urls;
}
