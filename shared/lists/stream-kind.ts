// What an entry of a list is, as far as its address and its options tell: a stream of HLS, a raw transport stream, a film, or
// something that channels do not carry. Nothing is fetched. Pure.

import type { ListEntry } from "./m3u.ts";

export type EntryType = "live" | "movie" | "series";

export type StreamKind = "hls" | "ts";

/** What is known of an entry; `kind` undefined: nothing that a channel can play. */
export interface EntryKind {
  readonly type: EntryType;
  readonly kind: StreamKind | undefined;
}

/** Files that are played from their beginning; a channel is no file. */
const FILE = /\.(?:mp4|mkv|avi|mov|m4v|wmv|flv|webm|mpe?g|vob|divx|mp3|aac|flac|ogg)$/i;
const TRANSPORT_STREAM = /\.(?:ts|mts|m2ts|mpegts)$/i;
/** Streams of a kind that no channel has. */
const OTHER_STREAM = /\.(?:mpd|ism|isml|f4m|sdp)(?:\/|$)/i;
/** Xtream servers: /live/USER/PASSWORD/NUMBER or without "live"; without an extension they send a transport stream. */
const XTREAM = /^\/(?:live\/)?[^/]+\/[^/]+\/\d+$/;

/** `preset`: what an address that does not tell is taken for. */
export function kindOf(entry: ListEntry, url: URL, preset: StreamKind | "auto"): EntryKind {
  const path = decodedPath(url);
  const type = typeOf(entry, path);
  if (!/^https?:$/.test(url.protocol)) return { type, kind: undefined };
  return { type, kind: streamOf(entry, url, path, preset) };
}

function streamOf(
  entry: ListEntry,
  url: URL,
  path: string,
  preset: StreamKind | "auto",
): StreamKind | undefined {
  if (/\.m3u8?$/i.test(path)) return "hls";
  if (TRANSPORT_STREAM.test(path)) return "ts";
  if (FILE.test(path) || OTHER_STREAM.test(path)) return undefined;
  const declared = declaredManifest(entry);
  if (declared !== undefined) return declared === "hls" ? "hls" : undefined;
  if (preset !== "auto") return preset;
  const output = `${url.searchParams.get("output") ?? ""} ${url.searchParams.get("extension") ?? ""}`.trim();
  if (/m3u|hls/i.test(output)) return "hls";
  if (/ts$/i.test(output) || XTREAM.test(path)) return "ts";
  return "hls";
}

/** Kodi's word on the format: `#KODIPROP:inputstream.adaptive.manifest_type=hls`. */
function declaredManifest({ options }: ListEntry): string | undefined {
  for (const line of options) {
    const type = /^#KODIPROP:\s*inputstream\.adaptive\.manifest_type\s*=\s*([a-z]+)/i.exec(line)?.[1];
    if (type !== undefined) return type.toLowerCase();
    if (/^#KODIPROP:\s*mimetype\s*=.*mpegurl/i.test(line)) return "hls";
  }
  return undefined;
}

function typeOf({ attributes, duration }: ListEntry, path: string): EntryType {
  const declared = attributes.get("tvg-type")?.toLowerCase() ?? "";
  if (/^\/(?:series)\//i.test(path) || /^(?:series|tvshows?)$/.test(declared)) return "series";
  if (/^\/(?:movies?|vod)\//i.test(path) || /^(?:movies?|vod)$/.test(declared)) return "movie";
  // What has an end is a recording, unless a stream of its own says otherwise.
  return duration > 0 && FILE.test(path) ? "movie" : "live";
}

function decodedPath(url: URL): string {
  try {
    return decodeURIComponent(url.pathname);
  } catch {
    return url.pathname;
  }
}
