// Gives a media playlist the numbers that a channel's viewers count by, after another source has taken over. Segments keep
// their order and their lines; those from before the takeover are left out, where it happened stands EXT-X-DISCONTINUITY,
// and keys whose IV is the segment's own number say it. Pure, never throws on any text.

import { attributeValue, scanAttributes } from "./attributes.ts";
import { type Block, type Blocks, discontinuityOf, type Line } from "./blocks.ts";

/** How the numbers of one source become those of the viewers. */
export interface Numbering {
  /** The first segment of the source that viewers get, by the source's number; a discontinuity comes before it. */
  readonly from: number;
  /** Added to media sequence numbers. */
  readonly offset: number;
  /** Added to discontinuity sequence numbers. */
  readonly discontinuity: number;
}

/** Where a takeover can begin in a playlist: what is needed to number it. */
export interface Entry {
  readonly from: number;
  /** Discontinuity sequence number of that segment. */
  readonly discontinuity: number;
  readonly first: number;
  readonly last: number;
}

/**
 * The entry that leaves three target durations, the least that a playlist may hold (RFC 8216 section 6.2.2): players that
 * were at the live edge are there again. A recording is entered at its beginning.
 */
export function entryOf(blocks: Blocks): Entry {
  const { first, last, ended, targetMs } = blocks;
  let index = ended ? 0 : blocks.blocks.length - 1;
  let durationMs = blocks.blocks[index]?.durationMs ?? 0;
  while (index > 0 && durationMs < 3 * targetMs) durationMs += blocks.blocks[--index]?.durationMs ?? 0;
  index = Math.max(0, index);
  return { from: first + index, discontinuity: discontinuityOf(blocks, index), first, last };
}

/** What viewers have seen at most of a playlist under `numbering`. */
export function headOf(
  blocks: Blocks,
  numbering: Numbering | undefined,
): { readonly segment: number; readonly discontinuity: number } {
  const discontinuity = discontinuityOf(blocks, blocks.blocks.length - 1);
  return {
    segment: blocks.last + (numbering?.offset ?? 0),
    discontinuity: discontinuity + (numbering?.discontinuity ?? 0),
  };
}

/** Tags of the playlist as a whole: they stay when the segments around them go. */
const HEAD_TAGS: ReadonlySet<string> = new Set([
  "#EXTM3U",
  "#EXT-X-VERSION",
  "#EXT-X-TARGETDURATION",
  "#EXT-X-INDEPENDENT-SEGMENTS",
  "#EXT-X-START",
  "#EXT-X-DEFINE",
  "#EXT-X-PART-INF",
  "#EXT-X-SERVER-CONTROL",
  "#EXT-X-ALLOW-CACHE",
  "#EXT-X-I-FRAMES-ONLY",
  "#EXT-X-IMAGES-ONLY",
  "#EXT-X-DATERANGE",
]);
/** Tags of one segment; a discontinuity comes before the first of them. */
const SEGMENT_TAGS: ReadonlySet<string> = new Set([
  "#EXTINF",
  "#EXT-X-BYTERANGE",
  "#EXT-X-DISCONTINUITY",
  "#EXT-X-KEY",
  "#EXT-X-MAP",
  "#EXT-X-PROGRAM-DATE-TIME",
  "#EXT-X-GAP",
  "#EXT-X-BITRATE",
  "#EXT-X-PART",
  "#EXT-X-PRELOAD-HINT",
]);
/** Tags that speak in the source's numbers of what stands elsewhere, or promise what a takeover breaks. */
const DROPPED_TAGS: ReadonlySet<string> = new Set([
  "#EXT-X-MEDIA-SEQUENCE",
  "#EXT-X-DISCONTINUITY-SEQUENCE",
  "#EXT-X-RENDITION-REPORT",
  "#EXT-X-PLAYLIST-TYPE",
]);

/**
 * The playlist in the viewers' numbers; `blocks` are those of the same text, so that URIs may have been rewritten before.
 * Segments before `numbering.from` are left out.
 */
export function renumber(blocks: Blocks, numbering: Numbering): string {
  const { first, last } = blocks;
  const start = Math.min(Math.max(first, numbering.from), last + 1);
  const isEntry = start === numbering.from;
  const writer = new Writer(blocks.blocks[0]?.lines[0]?.end || "\n");
  const kept = blocks.blocks.slice(start - first);
  const breaks = isEntry || kept[0]?.breaks === true;
  const numbered = discontinuityOf(blocks, start - first) + numbering.discontinuity;
  writer.head(start + numbering.offset, Math.max(0, numbered - (breaks && kept.length > 0 ? 1 : 0)));
  for (const block of blocks.blocks.slice(0, start - first)) writer.skip(block);
  for (const [index, block] of kept.entries())
    writer.segment(block.lines, start + index, index === 0 && isEntry && !block.breaks);
  writer.segment(blocks.tail, last + 1, false);
  return writer.text;
}

/** The key format that stands for plain keys. */
const IDENTITY = "identity";

class Writer {
  text = "";
  readonly #end: string;
  /** The key in effect whose IV is the segment's number; undefined: there is none such. */
  #implicit: string | undefined;
  /** Tags of segments left out that hold for those behind them: keys by format, the map, the bit rate. */
  readonly #held = new Map<string, Line>();
  /** Where the last sub-range of a resource ended. */
  #rangeEnd = 0;
  #started = false;

  constructor(end: string) {
    this.#end = end;
  }

  head(sequence: number, discontinuity: number): void {
    this.#put("#EXTM3U");
    this.#put(`#EXT-X-MEDIA-SEQUENCE:${sequence}`);
    if (discontinuity > 0) this.#put(`#EXT-X-DISCONTINUITY-SEQUENCE:${discontinuity}`);
  }

  /** A segment that viewers do not get. */
  skip({ lines }: Block): void {
    for (const line of lines) {
      const { tag, text } = line;
      if (tag === "#EXT-X-KEY") this.#hold(keyFormat(text), line);
      else if (tag === "#EXT-X-MAP" || tag === "#EXT-X-BITRATE") this.#hold(tag, line);
      else if (tag === "#EXT-X-BYTERANGE") this.#rangeEnd = rangeOf(text, this.#rangeEnd).end;
      else if (HEAD_TAGS.has(tag) && tag !== "#EXTM3U") this.#line(line);
    }
  }

  /** `lines` of the segment that the source calls `sequence`; `enters` when a discontinuity has to be put before it. */
  segment(lines: readonly Line[], sequence: number, enters: boolean): void {
    let isOpen = false;
    const open = (): void => {
      if (isOpen) return;
      isOpen = true;
      if (enters) this.#put("#EXT-X-DISCONTINUITY");
      const renewed = this.#held.has(IDENTITY) ? undefined : this.#implicit;
      for (const held of this.#held.values()) this.#tag(held, sequence);
      this.#held.clear();
      if (renewed !== undefined && !lines.some(replacesImplicit)) this.#put(withIv(renewed, sequence));
    };
    const last = lines.at(-1);
    for (const line of lines) {
      if (line.tag === "#EXTM3U" || DROPPED_TAGS.has(line.tag)) continue;
      // The segment's own break comes first of all, before keys that were held back.
      if (line.tag === "#EXT-X-DISCONTINUITY") this.#line(line);
      else {
        if (SEGMENT_TAGS.has(line.tag) || (line === last && isUri(line))) open();
        this.#tag(line, sequence);
      }
    }
    this.#started = true;
  }

  #tag(line: Line, sequence: number): void {
    if (line.tag === "#EXT-X-KEY" && isIdentityKey(line.text)) {
      this.#implicit = isImplicit(line.text) ? line.text : undefined;
      if (this.#implicit !== undefined) {
        this.#put(withIv(line.text, sequence), line.end);
        return;
      }
    }
    if (line.tag === "#EXT-X-BYTERANGE") {
      const range = rangeOf(line.text, this.#rangeEnd);
      this.#rangeEnd = range.end;
      // The range before it, from which it would be counted, may be gone.
      if (!this.#started) {
        this.#put(`#EXT-X-BYTERANGE:${range.length}@${range.start}`, line.end);
        return;
      }
    }
    this.#line(line);
  }

  #hold(name: string, line: Line): void {
    this.#held.delete(name);
    this.#held.set(name, line);
  }

  #line({ text, end }: Line): void {
    this.text += text + end;
  }

  #put(text: string, end = this.#end): void {
    this.text += text + (end === "" ? this.#end : end);
  }
}

function isUri({ text }: Line): boolean {
  const trimmed = text.trim();
  return trimmed !== "" && !trimmed.startsWith("#");
}

function attributeOf(line: string, name: string): string | undefined {
  return attributeValue(line, scanAttributes(line, line.indexOf(":") + 1), name);
}

/** RFC 8216 section 4.3.2.4: without the attribute it is "identity". */
function keyFormat(line: string): string {
  return attributeOf(line, "KEYFORMAT") ?? IDENTITY;
}

function isIdentityKey(line: string): boolean {
  return keyFormat(line) === IDENTITY;
}

/** RFC 8216 section 5.2: without IV attribute the media sequence number is the IV. */
function isImplicit(line: string): boolean {
  const method = attributeOf(line, "METHOD");
  return (method === "AES-128" || method === "SAMPLE-AES") && attributeOf(line, "IV") === undefined;
}

function replacesImplicit({ tag, text }: Line): boolean {
  return tag === "#EXT-X-KEY" && isIdentityKey(text);
}

function withIv(line: string, sequence: number): string {
  return `${line.trimEnd()},IV=0x${sequence.toString(16).padStart(32, "0")}`;
}

/** `#EXT-X-BYTERANGE:<length>[@<start>]`, counted from `before` without a start. */
function rangeOf(line: string, before: number): { start: number; length: number; end: number } {
  const [, length = "0", offset] = /:\s*(\d{1,15})(?:@(\d{1,15}))?/.exec(line) ?? [];
  const start = offset === undefined ? before : Number(offset);
  return { start, length: Number(length), end: start + Number(length) };
}
