// The playlist scanner: one pass over the lines finds every URI and the facts that caching needs. It changes nothing;
// rewrite.ts replaces spans, so all other bytes (line ends, blanks, comments, unknown tags) stay as they are.
// Lines end with LF or CRLF only. Pure.

import { CausewayError } from "../errors.ts";
import { staysRelative } from "./address.ts";
import { type Attribute, attributeValue, scanAttributes } from "./attributes.ts";
import { OrdinarySegments } from "./ordinary.ts";
import { type ChildKind, type PlaylistKind, TAGS, type UriAttribute } from "./tags.ts";
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
  /** True for an attribute that its origin wrote without quotes. */
  readonly unquoted: boolean;
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

/** The value of an EXT-X-DEFINE without its quotes, where it holds an address or a query. */
export interface ValueSpan {
  readonly type: "value";
  readonly start: number;
  readonly end: number;
  readonly unquoted: boolean;
}

export type Span = UriSpan | QueryParamSpan | ValueSpan;

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
  /** Its origin holds requests for what is not there yet (CAN-BLOCK-RELOAD). */
  readonly blocks: boolean;
  readonly variables: ReadonlyMap<string, string>;
  /** Some URI has to be an absolute one. */
  readonly absolute: boolean;
  /** Every URI may stay as it is where relative ones may; variants that could import variables may not. */
  readonly stays: boolean;
  /** Segments that need no care; long playlists consist of them. */
  readonly ordinary: OrdinarySegments;
  /** All others: in file order, never overlapping. */
  readonly spans: readonly Span[];
}

const NO_VARIABLES: ReadonlyMap<string, string> = new Map();
const NO_SOURCES: VariableSources = { query: "", imported: NO_VARIABLES };
const HASH = 0x23;
const CR = 0x0d;
const SPACE = 0x20;
const TILDE = 0x7e;
const BOM = 0xfeff;
/** What hosts, accounts and queries are written with. */
const ADDRESS = /\/\/|[?&=@]/;
/** Longer target durations are taken for mistakes: nothing may stay cached for hours because of one. */
const TARGET_DURATION_S_MAX = 600;

/** True when the text begins as RFC 8216 section 4.3.1.1 demands, after an optional byte order mark. */
export function isPlaylist(text: string): boolean {
  const start = text.charCodeAt(0) === BOM ? 1 : 0;
  return text.startsWith("#EXTM3U", start) && !/[A-Za-z0-9_-]/.test(text.charAt(start + 7));
}

/**
 * @throws CausewayError playlist_malformed when the text does not begin with #EXTM3U. Everything else that is wrong with
 * a playlist is left for the player to judge.
 */
export function scanPlaylist(text: string, sources: VariableSources = NO_SOURCES): Playlist {
  if (!isPlaylist(text)) throw new CausewayError("playlist_malformed");
  return new Scan(text, sources).run();
}

class Scan {
  readonly #text: string;
  readonly #sources: VariableSources;
  readonly #ordinary: OrdinarySegments;
  #spans: Span[] = [];
  #variables: Map<string, string> | undefined;
  #kind: PlaylistKind | undefined;
  #targetDurationMs: number | undefined;
  #ended = false;
  #fragmented = false;
  #blocks = false;

  constructor(text: string, sources: VariableSources) {
    this.#text = text;
    this.#sources = sources;
    this.#ordinary = new OrdinarySegments(text);
  }

  run(): Playlist {
    this.#scanLines();
    const kind = this.#kind ?? "media";
    const spans = kind === "media" ? this.#spans : this.#spans.map(asVariant);
    return {
      kind,
      targetDurationMs: this.#targetDurationMs,
      ended: this.#ended,
      live: kind === "media" && !this.#ended,
      fragmented: this.#fragmented,
      blocks: this.#blocks,
      variables: this.#variables ?? NO_VARIABLES,
      absolute: spans.some((span) => span.type === "uri" && span.absolute),
      stays: this.#ordinary.stay && !(kind === "master" && this.#variables) && spans.every(stays),
      ordinary: this.#ordinary,
      spans,
    };
  }

  #scanLines(): void {
    const text = this.#text;
    const ordinary = this.#ordinary;
    let start = text.indexOf("\n") + 1 || text.length;
    while (start < text.length) {
      const done = this.#kind === "master" ? 0 : ordinary.take(start);
      const feed = text.indexOf("\n", done || start);
      const next = feed < 0 ? text.length : feed;
      if (done > 0) this.#kind = "media";
      else this.#scanLine(start, feed > start && text.charCodeAt(feed - 1) === CR ? feed - 1 : next);
      start = next + 1;
    }
  }

  #scanLine(start: number, end: number): void {
    const text = this.#text;
    if (text.charCodeAt(start) !== HASH) this.#scanUriLine(start, end);
    else if (text.startsWith("#EXT", start)) this.#scanTag(text.slice(start, end), start);
  }

  #scanUriLine(from: number, to: number): void {
    const text = this.#text;
    let [start, end] = [from, to];
    if (isMargin(text.charCodeAt(start)) || isMargin(text.charCodeAt(end - 1))) {
      const line = text.slice(from, to);
      const uri = line.trim();
      start = from + line.indexOf(uri);
      end = start + uri.length;
      if (text.charCodeAt(start) === HASH) return;
    }
    this.#addUri(start, end, "segment");
  }

  #scanTag(line: string, offset: number): void {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line.trimEnd() : line.slice(0, colon);
    const tag = TAGS.get(name);
    if (!tag) return;
    this.#kind ??= tag.in;
    if (name === "#EXT-X-ENDLIST") this.#ended = true;
    if (colon < 0) return;
    if (tag.uris) this.#scanUris(name, tag.uris, line, offset);
    else if (name === "#EXT-X-TARGETDURATION")
      this.#targetDurationMs = readTargetDuration(line.slice(colon + 1));
    else if (name === "#EXT-X-PLAYLIST-TYPE") this.#ended ||= line.slice(colon + 1).trim() === "VOD";
    else if (name === "#EXT-X-SERVER-CONTROL")
      this.#blocks = attributeValue(line, scanAttributes(line, colon + 1), "CAN-BLOCK-RELOAD") === "YES";
    else if (name === "#EXT-X-DEFINE") this.#scanDefine(line, colon + 1, offset);
    // The whole value is a segment's URI: a low-latency dialect older than EXT-X-PART.
    else if (name === "#EXT-X-PREFETCH") this.#scanUriLine(offset + colon + 1, offset + line.length);
  }

  #scanUris(tag: string, wanted: readonly UriAttribute[], line: string, offset: number): void {
    this.#fragmented ||= tag === "#EXT-X-MAP";
    const attributes = scanAttributes(line, tag.length + 1);
    for (const { name, valueStart, valueEnd, quoted } of attributes) {
      const match = wanted.find((candidate) => candidate.name === name);
      if (!match) continue;
      const kind = childKind(tag, line, attributes, match.kind);
      const absolute = match.absolute ?? false;
      this.#addUri(offset + valueStart, offset + valueEnd, kind, { absolute, unquoted: !quoted });
    }
  }

  #scanDefine(line: string, from: number, offset: number): void {
    const attributes = scanAttributes(line, from);
    const definition = readDefinition(line, attributes, this.#sources);
    if (!definition) return;
    const [name, value] = definition;
    this.#variables ??= new Map();
    this.#variables.set(name, value);
    const given = attributes.find((attribute) => attribute.name === "VALUE");
    const named = attributeValue(line, attributes, "NAME") !== undefined;
    const parameter = attributes.find((attribute) => attribute.name === "QUERYPARAM");
    if (named && given && ADDRESS.test(value)) {
      const span = { start: offset + given.valueStart, end: offset + given.valueEnd };
      this.#spans.push({ type: "value", ...span, unquoted: !given.quoted });
    } else if (parameter && !named) {
      const span = { start: offset + parameter.start, end: offset + parameter.end };
      this.#spans.push({ type: "query_param", ...span, name, value });
    }
  }

  #addUri(start: number, end: number, kind: ChildKind, how = LINE): void {
    if (start >= end) return;
    const written = this.#text.slice(start, end);
    // Variables count in lines and quoted attributes only (RFC 8216bis section 4.3).
    const uri = this.#variables && !how.unquoted ? substitute(written, this.#variables) : written;
    this.#spans.push({ type: "uri", start, end, uri, substituted: uri !== written, kind, ...how });
  }
}

const LINE = { absolute: false, unquoted: false };

/** A line that is a URI names a segment or a variant by the playlist's kind, never by its extension. */
function asVariant(span: Span): Span {
  return span.type === "uri" && span.kind === "segment" ? { ...span, kind: "playlist" } : span;
}

function stays(span: Span): boolean {
  return span.type === "uri" && !span.absolute && !span.substituted && staysRelative(span.uri, span.kind);
}

/** Whether a line may have to be trimmed: blanks, control characters, and whatever lies beyond ASCII. */
function isMargin(code: number): boolean {
  return code <= SPACE || code > TILDE;
}

/** A hinted MAP must get the same address as the EXT-X-MAP that follows. */
function childKind(tag: string, line: string, attributes: readonly Attribute[], kind: ChildKind): ChildKind {
  if (tag !== "#EXT-X-PRELOAD-HINT") return kind;
  return attributeValue(line, attributes, "TYPE") === "MAP" ? "map" : kind;
}

function readTargetDuration(value: string): number | undefined {
  const seconds = Number.parseFloat(value);
  return seconds > 0 ? Math.min(seconds, TARGET_DURATION_S_MAX) * 1_000 : undefined;
}
