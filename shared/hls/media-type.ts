// Media types that channels may answer with. What an origin sends shares an origin with other pages, so nothing that a
// browser would run or render as a document leaves under its own type. Pure.

import { extensionOf } from "./address.ts";

const ALLOWED: ReadonlySet<string> = new Set([
  "application/json",
  "application/mp4",
  "application/octet-stream",
  "application/ttml+xml",
  "binary/octet-stream",
  "image/gif",
  "image/jpeg",
  "image/png",
  "image/webp",
  "text/plain",
  "text/vtt",
]);
const ALLOWED_PREFIXES = ["audio/", "video/"] as const;

/** Types by extension, for origins that say nothing or only "bytes". */
const BY_EXTENSION: Readonly<Record<string, string>> = {
  ts: "video/mp2t",
  m2ts: "video/mp2t",
  m4s: "video/iso.segment",
  mp4: "video/mp4",
  cmfv: "video/mp4",
  m4a: "audio/mp4",
  cmfa: "audio/mp4",
  aac: "audio/aac",
  mp3: "audio/mpeg",
  ac3: "audio/ac3",
  vtt: "text/vtt",
  webvtt: "text/vtt",
  json: "application/json",
};
const OPAQUE = "application/octet-stream";

function essenceOf(header: string | null): string {
  return header?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/** Whether a Content-Type names a playlist, in any of the spellings in use. */
export function isPlaylistType(header: string | null): boolean {
  return /^(?:application|audio)\/(?:vnd\.apple\.|x-)?mpegurl$/.test(essenceOf(header));
}

/** The Content-Type to answer with for an origin's `header` on a resource at `path`. */
export function safeMediaType(header: string | null, path: string): string {
  const type = essenceOf(header);
  if (type === "" || type === OPAQUE || type === "binary/octet-stream")
    return BY_EXTENSION[extensionOf(path)] ?? OPAQUE;
  // Parameters are left out: of them only charset and codecs occur, and no player reads either.
  const known = ALLOWED.has(type) || ALLOWED_PREFIXES.some((prefix) => type.startsWith(prefix));
  return known && /^[a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+$/.test(type) ? type : OPAQUE;
}
