// What may not leave as a segment although it was asked for as one: playlists and documents would leave as the origin wrote
// them, with every address, query and credential that rewriting hides. Told by how bodies begin, since types are often
// wrong. Pure.

import { extensionOf, MEDIA_EXTENSIONS } from "./address.ts";
import { safeMediaType } from "./media-type.ts";

/** Bytes looked at: past a byte order mark and blank lines the first tag is there. */
const HEAD_BYTES = 256;
const BRACE = 0x7b;
const SPACE = 0x20;
const MEDIA_TYPE = /^(?:audio\/|video\/|application\/mp4$|text\/vtt$)/;
/** Members that only asset lists and steering manifests have; their values name the origin's hosts. */
const DOCUMENT_MEMBER = /"(?:ASSETS|RELOAD-URI|PATHWAY-PRIORITY|PATHWAY-CLONES)"\s*:/;

/** Whether a body that begins with these bytes is a playlist, or would be one but for what stands before it. */
export function beginsAsPlaylist(bytes: Uint8Array): boolean {
  // The decoder takes a byte order mark away.
  return /^\s*#EXT/.test(new TextDecoder().decode(bytes.subarray(0, HEAD_BYTES)));
}

/** Whether a body that begins with these bytes may be JSON with members. */
export function beginsAsJson(bytes: Uint8Array): boolean {
  let i = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  while (i < HEAD_BYTES && (bytes[i] ?? BRACE) <= SPACE) i++;
  return bytes[i] === BRACE;
}

/** Whether a whole body is an asset list or a steering manifest. Cheap for everything else. */
export function isDocumentBody(bytes: Uint8Array): boolean {
  return beginsAsJson(bytes) && DOCUMENT_MEMBER.test(new TextDecoder().decode(bytes));
}

/** Whether a media type, as answered to viewers, is one of sound, pictures or subtitles. */
export function isMediaType(type: string): boolean {
  return MEDIA_TYPE.test(type);
}

/** Whether the name of what lies at `url` leaves no doubt that it is media: of others a part tells nothing. */
export function isNamedMedia(url: string): boolean {
  const end = url.search(/[?#]/);
  const path = end < 0 ? url : url.slice(0, end);
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (!MEDIA_EXTENSIONS.has(extensionOf(name)) || /;|\.m3u/i.test(name)) return false;
  return safeMediaType(null, name) !== "application/json";
}
