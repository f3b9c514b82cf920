// The playlist scanner: one pass over the lines finds every URI span and the facts that caching needs. It changes
// nothing; rewrite.ts replaces spans, so all other bytes (line ends, blanks, comments, unknown tags) stay as they are.
// Lines end with LF or CRLF only. Pure.

import { CausewayError } from "../errors.ts";
import { type Attribute, attributeValue, scanAttributes } from "./attributes.ts";
import { type ChildKind, KIND_TAGS, type PlaylistKind, URI_TAGS, URI_VALUE_TAGS } from "./tags.ts";
import { readDefinition, substitute, type VariableSources } from "./variables.ts";

/** One URI in the playlist's text. */
export interface UriSpan {
  readonly type: "uri";
  /** Offsets into the text, quotes left out. */
  readonly start: number;
  readonly end: number;
  /** The URI with variables put in. */
  readonly uri: string;
  /** True when `uri` differs from the text because of variables. */
  readonly substituted: boolean;
  readonly kind: ChildKind;
  /** True where the format demands an absolute URL. */
  readonly absolute: boolean;
}

/** A whole `QUERYPARAM="name"` attribute: a client behind the proxy could not resolve it from the URL that it sees. */
export interface QueryParamSpan {
  readonly type: "query_param";
  readonly start: number;
  readonly end: number;
  readonly name: string;
  readonly value: string;
}

export type Span = UriSpan | QueryParamSpan;

export interface Playlist {
  readonly kind: PlaylistKind;
  /** EXT-X-TARGETDURATION in milliseconds. */
  readonly targetDurationMs: number | undefined;
  /** No segments will be added: EXT-X-ENDLIST, or declared VOD. */
  readonly ended: boolean;
  /** A media playlist that still grows. */
  readonly live: boolean;
  /** Segments are fragmented MP4 (EXT-X-MAP). */
  readonly fragmented: boolean;
  readonly variables: ReadonlyMap<string, string>;
  /** Some URI has to be an absolute one. */
  readonly absolute: boolean;
  /** In file order, never overlapping. */
  readonly spans: readonly Span[];
}

const NO_VARIABLES: VariableSources = { query: "", imported: new Map() };
const HASH = 0x23;
const CR = 0x0d;
const BOM = 0xfeff;
/** A byte order mark, #EXTM3U and the character behind it fit. */
const HEAD_BYTES = 16;
/** Longer target durations are taken for mistakes: nothing may stay cached for hours because of one. */
const TARGET_DURATION_S_MAX = 600;

interface Scan {
  readonly sources: VariableSources;
  readonly variables: Map<string, string>;
  readonly spans: Span[];
  kind: PlaylistKind | undefined;
  targetDurationMs: number | undefined;
  ended: boolean;
  fragmented: boolean;
}

/** {@link isPlaylist} for a body's first bytes. */
export function isPlaylistBody(bytes: Uint8Array): boolean {
  return bytes[0] !== undefined && isPlaylist(new TextDecoder().decode(bytes.subarray(0, HEAD_BYTES)));
}

/** True when the text begins as RFC 8216 section 4.3.1.1 demands, after an optional byte order mark. */
export function isPlaylist(text: string): boolean {
  const start = text.charCodeAt(0) === BOM ? 1 : 0;
  return text.startsWith("#EXTM3U", start) && !/[A-Za-z0-9_-]/.test(text.charAt(start + 7));
}

/**
 * @throws CausewayError playlist_malformed when the text does not begin with #EXTM3U. Everything else that is wrong with
 * a playlist is left for the player to judge.
 */
export function scanPlaylist(text: string, sources: VariableSources = NO_VARIABLES): Playlist {
  if (!isPlaylist(text)) throw new CausewayError("playlist_malformed");
  const scan: Scan = {
    sources,
    variables: new Map(),
    spans: [],
    kind: undefined,
    targetDurationMs: undefined,
    ended: false,
    fragmented: false,
  };
  for (let start = 0; start < text.length; ) {
    const feed = text.indexOf("\n", start);
    const next = feed < 0 ? text.length : feed;
    const end = feed > start && text.charCodeAt(feed - 1) === CR ? feed - 1 : next;
    if (end > start) scanLine(scan, text.slice(start, end), start);
    start = next + 1;
  }
  const kind = scan.kind ?? "media";
  return {
    kind,
    targetDurationMs: scan.targetDurationMs,
    ended: scan.ended,
    live: kind === "media" && !scan.ended,
    fragmented: scan.fragmented,
    variables: scan.variables,
    absolute: scan.spans.some((span) => span.type === "uri" && span.absolute),
    spans: kind === "media" ? scan.spans : scan.spans.map(asVariant),
  };
}

/** A line that is a URI names a segment or a variant by the playlist's kind, never by its extension. */
function asVariant(span: Span): Span {
  return span.type === "uri" && span.kind === "segment" ? { ...span, kind: "playlist" } : span;
}

function scanLine(scan: Scan, line: string, offset: number): void {
  if (line.charCodeAt(0) === HASH) {
    if (line.startsWith("#EXT")) scanTag(scan, line, offset);
    return;
  }
  const uri = line.trim();
  if (uri === "" || uri.charCodeAt(0) === HASH || (offset === 0 && uri.startsWith("#EXTM3U"))) return;
  const start = offset + line.indexOf(uri);
  addUri(scan, { start, text: uri, kind: "segment", absolute: false });
}

function scanTag(scan: Scan, line: string, offset: number): void {
  const colon = line.indexOf(":");
  const tag = colon < 0 ? line.trimEnd() : line.slice(0, colon);
  scan.kind ??= KIND_TAGS.get(tag);
  if (tag === "#EXTINF") return;
  if (tag === "#EXT-X-ENDLIST") scan.ended = true;
  if (colon < 0) return;
  const value = line.slice(colon + 1).trim();
  if (tag === "#EXT-X-TARGETDURATION") scan.targetDurationMs = readTargetDuration(value);
  else if (tag === "#EXT-X-PLAYLIST-TYPE") scan.ended ||= value === "VOD";
  else if (tag === "#EXT-X-DEFINE") scanDefine(scan, line, colon + 1, offset);
  else if (URI_VALUE_TAGS.has(tag) && value !== "") {
    const start = offset + line.indexOf(value, colon + 1);
    addUri(scan, { start, text: value, kind: "segment", absolute: false });
  } else scanUriAttributes(scan, tag, line, colon + 1, offset);
}

function scanUriAttributes(scan: Scan, tag: string, line: string, from: number, offset: number): void {
  const wanted = URI_TAGS.get(tag);
  if (!wanted) return;
  scan.fragmented ||= tag === "#EXT-X-MAP";
  const attributes = scanAttributes(line, from);
  for (const attribute of attributes) {
    const match = wanted.find(({ name }) => name === attribute.name);
    if (!match || !attribute.quoted) continue;
    addUri(scan, {
      start: offset + attribute.valueStart,
      text: line.slice(attribute.valueStart, attribute.valueEnd),
      kind: childKind(tag, line, attributes, match.kind),
      absolute: match.absolute ?? false,
    });
  }
}

/** A hinted MAP must get the same address as the EXT-X-MAP that follows. */
function childKind(tag: string, line: string, attributes: readonly Attribute[], kind: ChildKind): ChildKind {
  if (tag !== "#EXT-X-PRELOAD-HINT") return kind;
  return attributeValue(line, attributes, "TYPE") === "MAP" ? "map" : kind;
}

function scanDefine(scan: Scan, line: string, from: number, offset: number): void {
  const attributes = scanAttributes(line, from);
  const definition = readDefinition(line, attributes, scan.sources);
  if (!definition) return;
  const [name, value] = definition;
  scan.variables.set(name, value);
  const parameter = attributes.find((attribute) => attribute.name === "QUERYPARAM");
  if (!parameter || attributeValue(line, attributes, "NAME") !== undefined) return;
  const span = { start: offset + parameter.start, end: offset + parameter.end };
  scan.spans.push({ type: "query_param", ...span, name, value });
}

function addUri(
  scan: Scan,
  found: { start: number; text: string; kind: ChildKind; absolute: boolean },
): void {
  const { start, text, kind, absolute } = found;
  if (text === "") return;
  const uri = substitute(text, scan.variables);
  const end = start + text.length;
  scan.spans.push({ type: "uri", start, end, uri, substituted: uri !== text, kind, absolute });
}

function readTargetDuration(value: string): number | undefined {
  const seconds = Number.parseFloat(value);
  return seconds > 0 ? Math.min(seconds, TARGET_DURATION_S_MAX) * 1_000 : undefined;
}
