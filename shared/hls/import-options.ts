// What lists of channels say about how a stream is fetched: VLC's and Kodi's option lines, and Kodi's header fields behind
// a URL's "|". Understands header fields only; every other option concerns the player. Pure, never throws on any text.

import { isHeaderValue } from "../config/names.ts";
import { isForbiddenField } from "../http/header-rules.ts";
import { HLS_LIMITS } from "../limits.ts";

/** Where a stream is, and which header fields its origin wants to see. */
export interface ImportedSource {
  readonly url: string;
  /** By their usual spelling; at most HLS_LIMITS.SOURCE_HEADERS_MAX. */
  readonly headers: Readonly<Record<string, string>>;
}

/** VLC's options that are header fields. */
const VLC_OPTIONS: ReadonlyMap<string, string> = new Map([
  ["http-user-agent", "User-Agent"],
  ["http-referrer", "Referer"],
  ["http-referer", "Referer"],
  ["http-origin", "Origin"],
  ["http-cookie", "Cookie"],
  ["http-cookies", "Cookie"],
]);
/** Kodi's properties that hold header fields, behind the name of the add-on. */
const KODI_PROPERTY = /^inputstream\.[a-z]+\.(?:stream_headers|manifest_headers|common_headers)$/i;
/** What Kodi takes behind a "|" for options of its own transfer, not for header fields. */
const KODI_OPTIONS: ReadonlySet<string> = new Set([
  "acceptencoding",
  "active-remote",
  "auth",
  "connection-timeout",
  "customrequest",
  "encoding",
  "failonerror",
  "httpproxy",
  "multipart",
  "noshout",
  "postdata",
  "redirect-limit",
  "seekable",
  "sslcipherlist",
  "verifypeer",
]);
/** Fields that the proxy itself decides on: how it asks is not the list's to say. */
const OWN_FIELDS: ReadonlySet<string> = new Set(["range", "accept-encoding", "if-range", "if-none-match"]);
const USUAL_SPELLING: ReadonlyMap<string, string> = new Map([
  ["user-agent", "User-Agent"],
  ["referer", "Referer"],
  ["referrer", "Referer"],
  ["origin", "Origin"],
  ["cookie", "Cookie"],
  ["authorization", "Authorization"],
]);
/** The "|" of `url|Name=value`: a URL itself may not have one that looks like this. */
const BAR = /\|(?=\s*!?[A-Za-z][A-Za-z0-9-]{0,63}=)/;

/**
 * A list's entry: its URL line and the option lines above it (#EXTVLCOPT, #KODIPROP, #EXTHTTP; any others are passed over).
 * What stands behind the URL's "|" counts more than the lines, and a later line more than an earlier one.
 */
export function readImportedSource(urlLine: string, optionLines: readonly string[] = []): ImportedSource {
  const headers = new Map<string, string>();
  for (const line of optionLines) readOptionLine(line.trim(), headers);
  const text = urlLine.trim();
  const bar = text.search(BAR);
  if (bar >= 0) readPairs(text.slice(bar + 1), headers);
  const entries = [...headers].slice(0, HLS_LIMITS.SOURCE_HEADERS_MAX);
  return { url: bar < 0 ? text : text.slice(0, bar).trimEnd(), headers: Object.fromEntries(entries) };
}

function readOptionLine(line: string, headers: Map<string, string>): void {
  const [, tag = "", value = ""] = /^#([A-Za-z]+):\s*(.*)$/.exec(line) ?? [];
  if (/^EXTHTTP$/i.test(tag)) readJson(value, headers);
  const equals = value.indexOf("=");
  if (equals < 0) return;
  const name = value.slice(0, equals).trim();
  const text = value.slice(equals + 1).trim();
  if (/^EXTVLCOPT$/i.test(tag)) setHeader(headers, VLC_OPTIONS.get(name.toLowerCase()), unquoted(text));
  else if (/^KODIPROP$/i.test(tag) && KODI_PROPERTY.test(name)) readPairs(text, headers);
}

/** A JSON object of header fields. */
function readJson(text: string, headers: Map<string, string>): void {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    return;
  }
  if (typeof fields !== "object" || fields === null) return;
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === "string") setHeader(headers, name, value);
  }
}

/** `Name=value&Name=value`, usually percent-encoded. */
function readPairs(text: string, headers: Map<string, string>): void {
  // An unencoded "&" within a value: a new pair begins only where a name and "=" follow.
  for (const pair of text.split(/&(?=!?[A-Za-z][A-Za-z0-9-]{0,63}=)/)) {
    const equals = pair.indexOf("=");
    const name = pair.slice(0, Math.max(equals, 0)).trim().replace(/^!/, "");
    if (KODI_OPTIONS.has(name.toLowerCase())) continue;
    setHeader(headers, name, decoded(pair.slice(equals + 1).trim()));
  }
}

/** As Kodi decodes it, "+" being a space; a value with spaces was never encoded, so its "+" is one. */
function decoded(text: string): string {
  const spaced = text.includes(" ") ? text : text.replaceAll("+", " ");
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}

function unquoted(text: string): string {
  return /^"[^"]*"$/.test(text) ? text.slice(1, -1) : text;
}

function setHeader(headers: Map<string, string>, name: string | undefined, value: string): void {
  if (name === undefined || !/^[A-Za-z][A-Za-z0-9-]{0,63}$/.test(name)) return;
  const lower = name.toLowerCase();
  if (value === "" || isForbiddenField(lower, "request") || OWN_FIELDS.has(lower)) return;
  if (!isHeaderValue(value)) return;
  headers.set(USUAL_SPELLING.get(lower) ?? name, value);
}
