// The addresses of a channel's children as clients see them, in both directions, as text. A child either stays relative
// and untouched, or becomes b/<id>/<tail>, where the id seals its directory and the tail keeps its file name.
// Pure: sealing is the caller's.

import type { ChildKind, DocumentKind } from "./tags.ts";

/** Extensions under which players take a segment, part, map, key or document; FFmpeg refuses segments of others. */
export const MEDIA_EXTENSIONS: ReadonlySet<string> = new Set(
  (
    "ts m2ts mts m2t mpg mpeg m4s mp4 m4v m4a m4i cmfv cmfa cmft cmfm mov init aac mp3 mp2 ac3 ec3 eac3 ac4 flac ogg " +
    "opus wav webm vtt webvtt ttml dfxp srt stpp imsc1 key bin jpg jpeg png webp gif json"
  ).split(" "),
);
const PLAYLIST_EXTENSIONS: ReadonlySet<string> = new Set(["m3u8", "m3u"]);

/** First path segments under a channel that mean something else: its own addresses and, after "t.", access tokens. */
const RESERVED = /^(?:stream\.m3u8|stream\.ts|catchup\.m3u8|b|t\.[^/]*)(?:\/|$)/;
/** Characters that neither URL parsing nor playlist syntax gives another meaning. */
const PLAIN_PATH = /^[A-Za-z0-9_~!$'()*+;=@%.-]+(?:\/[A-Za-z0-9_~!$'()*+;=@%.-]+)*$/;
/** Dot segments, behind separators that some servers decode, too. */
const UNSAFE_PATH = /(?:^|\/|%2f|%5c)(?:\.|%2e){1,2}(?:\/|%2f|%5c|$)|%00|\\/i;
/** Encoded separators: what they mean is the server's to say. */
const SEPARATOR = /%2f|%5c/i;
/** Characters that need no encoding, encoded (RFC 3986 section 6.2.2.2). */
const SPELLED = /%(?:2[de]|3\d|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae])/i;
const ALL_SPELLED = new RegExp(SPELLED, "gi");
/** Most servers pass over them, so that one file would have names without end. */
const EMPTY_SEGMENT = /^\/|\/\//;
/** A tail that carries an added extension; some players encode more than others. */
const ADDED_EXTENSION = /(?:~|%7[Ee])\.[a-z0-9]+$/;

/** The extension of a path's last segment in lower case, or "". */
export function extensionOf(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const dot = name.lastIndexOf(".");
  return dot < 0 ? "" : name.slice(dot + 1).toLowerCase();
}

function isPlaylistPath(path: string): boolean {
  return PLAYLIST_EXTENSIONS.has(extensionOf(path));
}

/** True for paths that clients may ask for: everything else under an origin's directory is none of their business. */
function isMediaPath(path: string): boolean {
  const extension = extensionOf(path);
  return MEDIA_EXTENSIONS.has(extension) || PLAYLIST_EXTENSIONS.has(extension);
}

/** Whether a child is a playlist itself. */
export function isPlaylistKind(kind: ChildKind): boolean {
  return kind === "playlist" || kind === "report";
}

function fitsKind(name: string, kind: ChildKind): boolean {
  return (isPlaylistKind(kind) ? PLAYLIST_EXTENSIONS : MEDIA_EXTENSIONS).has(extensionOf(name));
}

/**
 * True when a client that resolves `uri` against the playlist's public address asks for what the origin's own client
 * would ask for, so that the line may stay as it is.
 */
export function staysRelative(uri: string, kind: ChildKind): boolean {
  return !isDocument(kind) && isPlainPath(uri) && fitsKind(uri, kind);
}

/** staysRelative for what stands before a plain name with a media extension: "" or something that ends with a slash. */
export function headStays(head: string): boolean {
  return head === "" || isPlainPath(`${head}x`);
}

function isPlainPath(path: string): boolean {
  return (
    PLAIN_PATH.test(path) &&
    !UNSAFE_PATH.test(path) &&
    !SEPARATOR.test(path) &&
    !SPELLED.test(path) &&
    !ADDED_EXTENSION.test(path) &&
    !RESERVED.test(path)
  );
}

/**
 * Whether a RENDITION-REPORT with dot segments may stay: it has to be the same address as that of the rendition in the
 * multivariant playlist, where relative ones stay. `rest`: the path of the playlist that it stands in.
 */
export function reportStays(uri: string, rest: string): boolean {
  const path = /^(?:\.\.\/)+/.exec(uri)?.[0] ?? "";
  const ups = path.length / 3;
  const folders = rest.split("/").length - 1 - (rest.startsWith("b/") ? 2 : 0);
  return ups > 0 && ups <= folders && staysRelative(uri.slice(path.length), "report");
}

/** The address of a document below the channel; its name stays hidden, so that nobody can ask for it as it is. */
export function documentAddress(kind: DocumentKind, id: string): string {
  return `b/${id}/~.${kind}`;
}

/** Reads such an address back; undefined for all others. */
export function parseDocumentAddress(
  rest: string,
): { readonly kind: DocumentKind; readonly id: string } | undefined {
  const [, id, kind] = /^b\/([A-Za-z0-9_-]+)\/~\.(assets|steering)$/.exec(rest) ?? [];
  return id !== undefined && (kind === "assets" || kind === "steering") ? { kind, id } : undefined;
}

export function isDocument(kind: ChildKind): kind is DocumentKind {
  return kind === "assets" || kind === "steering";
}

const ADDED: Readonly<Record<Exclude<ChildKind, DocumentKind>, string>> = {
  playlist: "m3u8",
  report: "m3u8",
  segment: "ts",
  map: "mp4",
  key: "key",
  data: "json",
};

/**
 * The tail for an origin's file name: the name itself, or with an extension added where players would refuse it.
 * `fragmented`: segments without extension are fragmented MP4.
 */
export function tailOf(name: string, kind: Exclude<ChildKind, DocumentKind>, fragmented: boolean): string {
  if (fitsKind(name, kind) && !ADDED_EXTENSION.test(name)) return name;
  return `${name}~.${kind === "segment" && fragmented ? "mp4" : ADDED[kind]}`;
}

/**
 * What has to stand sealed beside the directory of a child whose tail carries an added extension, because otherwise every
 * file below it could be asked for by one: the extension of its own, or, where servers might see folders in it, its name.
 */
export function addedTo(name: string, tail: string): string | undefined {
  if (tail === name) return undefined;
  return SEPARATOR.test(name) ? name : extensionOf(name);
}

/**
 * The origin's path below the sealed directory: `tail`, which may have directories and lie beside a child with an added extension,
 * or `tail` without that extension, if it was added to what `added` tells of. Undefined: nobody gave that address out.
 */
export function pathOfTail(tail: string, added: string | undefined): string | undefined {
  if (!ADDED_EXTENSION.test(tail)) return tail;
  const name = tail.replace(ADDED_EXTENSION, "");
  return !name.includes("/") && addedTo(name, tail) === added ? name : undefined;
}

/** What a path under a channel asks for. */
export type ChildAddress =
  | { readonly type: "stream" }
  /** Below the configured source's directory. */
  | { readonly type: "relative"; readonly path: string; readonly playlist: boolean }
  /** Below a sealed directory. */
  | { readonly type: "sealed"; readonly id: string; readonly tail: string; readonly playlist: boolean };

/** Reads the undecoded path behind /proxy/ch_X/; undefined when nothing can be there. */
export function parseAddress(rest: string): ChildAddress | undefined {
  if (rest === "stream.m3u8") return { type: "stream" };
  if (UNSAFE_PATH.test(rest) || EMPTY_SEGMENT.test(rest) || !isMediaPath(rest)) return undefined;
  const playlist = isPlaylistPath(rest);
  const sealed = /^b\/([A-Za-z0-9_-]+)\/(.+)$/.exec(rest);
  if (sealed?.[1] !== undefined && sealed[2] !== undefined)
    return { type: "sealed", id: sealed[1], tail: sealed[2], playlist };
  const path = rest.includes("%") ? plainly(rest) : rest;
  return path === undefined || RESERVED.test(path) ? undefined : { type: "relative", path, playlist };
}

/**
 * A relative child as its origin spelled it: those that it spells otherwise have sealed addresses, so here it was the
 * player, and one file has one name.
 */
function plainly(rest: string): string | undefined {
  const path = rest.replace(ALL_SPELLED, decodeURIComponent);
  return SEPARATOR.test(path) || UNSAFE_PATH.test(path) ? undefined : path;
}

/** "../" as often as needed to get from the playlist at `rest` up to the channel's own directory. */
export function upwards(rest: string): string {
  return "../".repeat(rest.split("/").length - 1);
}
