// Reads lists of channels (M3U as IPTV players know it) as their text comes in, line by line: providers' lists have tens of
// megabytes. Says what stands there; what is made of it is decided elsewhere. Pure, never throws on any text.

import { LIST_LIMITS as LIMITS } from "../limits.ts";

/** One entry as the list has it. */
export interface ListEntry {
  /** What stands behind the comma of EXTINF. */
  readonly name: string;
  /** Attributes of EXTINF by lower-case name, then those of the list's head that it does not have itself. */
  readonly attributes: ReadonlyMap<string, string>;
  /** Seconds; -1 or 0 for what has no end. */
  readonly duration: number;
  /** EXTVLCOPT, KODIPROP and EXTHTTP lines as they stand. */
  readonly options: readonly string[];
  /** The entry's own line, with whatever stands behind a "|". */
  readonly url: string;
}

/** Attributes that the list's head gives to all its entries. */
const INHERITED = ["catchup", "catchup-days", "catchup-source", "catchup-type", "tvg-shift"] as const;
/** Tags that only a playlist of segments or variants has (RFC 8216). */
const STREAM_TAG = /^#EXT-X-(?:TARGETDURATION|STREAM-INF|MEDIA-SEQUENCE|MEDIA):/i;

/** Reads one list. */
export class ListReader {
  #rest = "";
  /** The line under way is longer than any that is used: what is left of it is passed over. */
  #overlong = false;
  #lines = 0;
  #head: ReadonlyMap<string, string> = new Map();
  #isList = false;
  #isStream = false;
  #info: { attributes: Map<string, string>; name: string; duration: number } | undefined;
  #group: string | undefined;
  #options: string[] = [];

  /** Whether what was read so far is a list of channels: it has their tags, and none of a stream's own playlist. */
  get isList(): boolean {
    return this.#isList && !this.#isStream;
  }

  /** Attributes of the #EXTM3U line. */
  get head(): ReadonlyMap<string, string> {
    return this.#head;
  }

  /** The entries that `text` completes. */
  *push(text: string): Generator<ListEntry, void> {
    let from = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", from)) {
      const line = this.#rest + text.slice(from, end);
      this.#rest = "";
      from = end + 1;
      const skip = this.#overlong || line.length > LIMITS.LINE_CHARS_MAX;
      this.#overlong = false;
      if (skip) this.#forget();
      else yield* this.#line(line);
    }
    if (this.#overlong) return;
    this.#rest += text.slice(from);
    if (this.#rest.length <= LIMITS.LINE_CHARS_MAX) return;
    this.#rest = "";
    this.#overlong = true;
  }

  /** The entry of a last line without an end. */
  *end(): Generator<ListEntry, void> {
    if (!this.#overlong) yield* this.#line(this.#rest);
    this.#rest = "";
  }

  *#line(raw: string): Generator<ListEntry, void> {
    const line = (this.#lines++ === 0 ? raw.replace(/^\uFEFF/, "") : raw).trim();
    if (line === "") return;
    if (line.startsWith("#")) return this.#tag(line);
    const info = this.#info;
    const options = this.#options;
    const group = this.#group;
    this.#forget();
    if (info === undefined) return;
    if (group !== undefined && !info.attributes.get("group-title")) info.attributes.set("group-title", group);
    for (const name of INHERITED) {
      const value = this.#head.get(name);
      if (value !== undefined && !info.attributes.has(name)) info.attributes.set(name, value);
    }
    yield { ...info, options, url: line };
  }

  #tag(line: string): void {
    if (/^#EXTINF:/i.test(line)) {
      // An entry without an address is followed by the next one's tags.
      if (this.#info !== undefined) this.#forget();
      this.#isList = true;
      this.#info = readInfo(line.slice("#EXTINF:".length));
    } else if (/^#EXTM3U\b/i.test(line)) {
      this.#isList = true;
      this.#head = readAttributes(line.slice("#EXTM3U".length)).attributes;
    } else if (/^#EXTGRP:/i.test(line)) {
      this.#group = line.slice("#EXTGRP:".length).trim();
    } else if (/^#(?:EXTVLCOPT|KODIPROP|EXTHTTP):/i.test(line)) {
      if (this.#options.length < LIMITS.OPTION_LINES_MAX) this.#options.push(line);
    } else if (STREAM_TAG.test(line)) this.#isStream = true;
  }

  #forget(): void {
    this.#info = undefined;
    this.#group = undefined;
    this.#options = [];
  }
}

/** What stands behind "#EXTINF:": a duration, attributes, a comma, and the name. */
function readInfo(text: string): { attributes: Map<string, string>; name: string; duration: number } {
  const [, seconds = "", rest = ""] = /^\s*(-?\d{0,10}(?:\.\d{0,10})?)(.*)$/s.exec(text) ?? [];
  const { attributes, end } = readAttributes(rest);
  const name = rest.slice(end + 1).trim();
  return { attributes, name: name || attributes.get("tvg-name") || "", duration: Number(seconds) || -1 };
}

/**
 * `name="value"` pairs; `end` is where they stop: at the first comma outside of quotes, or at the end. A quote within a
 * value, which the format cannot have but lists do, ends the value only where a pair, a comma or the end follows.
 */
function readAttributes(text: string): { attributes: Map<string, string>; end: number } {
  const attributes = new Map<string, string>();
  let at = 0;
  while (at < text.length && text[at] !== ",") {
    const name = /^[A-Za-z][A-Za-z0-9_-]{0,63}(?==)/.exec(text.slice(at, at + 65))?.[0];
    if (name === undefined) {
      at++;
      continue;
    }
    at += name.length + 1;
    const quote = text[at] === '"' || text[at] === "'" ? text[at] : undefined;
    const end = quote === undefined ? plainEnd(text, at) : quotedEnd(text, at + 1, quote);
    const value = text.slice(quote === undefined ? at : at + 1, end);
    if (attributes.size < LIMITS.ATTRIBUTES_MAX) attributes.set(name.toLowerCase(), value.trim());
    at = quote === undefined ? end : end + 1;
  }
  return { attributes, end: at };
}

function plainEnd(text: string, from: number): number {
  let at = from;
  while (at < text.length && text[at] !== "," && text[at] !== " " && text[at] !== "\t") at++;
  return at;
}

function quotedEnd(text: string, from: number, quote: string): number {
  for (let at = text.indexOf(quote, from); at >= 0; at = text.indexOf(quote, at + 1)) {
    if (/^(?:\s*$|\s*,|\s*[A-Za-z][A-Za-z0-9_-]{0,63}=)/.test(text.slice(at + 1, at + 80))) return at;
  }
  return text.length;
}
