// The newest segments of a media playlist with the ranges that players will ask for. Reads from the end, so that a long
// playlist costs no more than a short one; only byte ranges, which build on each other, are read from the start. Pure.

import type { ByteRange } from "./byte-range.ts";
import { substitute } from "./variables.ts";

export interface NewSegment {
  readonly uri: string;
  readonly range: ByteRange | undefined;
}

const SEGMENT = "#EXTINF:";
const BYTE_RANGE = "#EXT-X-BYTERANGE:";
const VARIABLES_NONE: ReadonlyMap<string, string> = new Map();

/** The last `count` segments, newest last, without those of them that are marked as gaps. */
export function newestSegments(
  text: string,
  count: number,
  variables: ReadonlyMap<string, string> = VARIABLES_NONE,
): NewSegment[] {
  const found: (NewSegment | undefined)[] = [];
  let start = 0;
  if (!text.includes(BYTE_RANGE)) {
    start = text.length;
    // One more than wanted: what belongs to a segment may stand before its EXTINF.
    for (let i = 0; i <= count && start > 0; i++) start = Math.max(text.lastIndexOf(SEGMENT, start - 1), 0);
  }
  let isGap = false;
  let written: string | undefined;
  /** Where the last range of a file ended: one without an offset begins there. */
  let last = { uri: "", end: 0 };
  for (const raw of text.slice(start).split("\n")) {
    const line = raw.trim();
    if (line.startsWith(BYTE_RANGE)) written = line.slice(BYTE_RANGE.length);
    else if (line === "#EXT-X-GAP") isGap = true;
    if (line === "" || line.startsWith("#")) continue;
    const uri = variables.size === 0 ? line : substitute(line, variables);
    const range = written === undefined ? undefined : readRange(written, last.uri === uri ? last.end : 0);
    if (range?.last !== undefined) last = { uri, end: range.last + 1 };
    const isThere = !isGap && (written === undefined || range !== undefined);
    found.push(isThere ? { uri, range } : undefined);
    isGap = false;
    written = undefined;
  }
  const newest = count > 0 ? found.slice(-count) : [];
  return newest.filter((segment) => segment !== undefined);
}

/** `n[@o]` (RFC 8216 section 4.3.2.2). */
function readRange(text: string, next: number): ByteRange | undefined {
  const match = /^(\d{1,15})(?:@(\d{1,15}))?$/.exec(text.trim());
  const length = Number(match?.[1] ?? 0);
  if (length === 0) return undefined;
  const first = match?.[2] === undefined ? next : Number(match[2]);
  return { first, last: first + length - 1 };
}

/** The media sequence number of the last segment; undefined where there is none, or none that can be counted with. */
export function lastSequence(text: string): number | undefined {
  const first = Number(/^#EXT-X-MEDIA-SEQUENCE:\s*(\d+)/m.exec(text)?.[1] ?? 0);
  let count = 0;
  for (let at = text.indexOf(SEGMENT); at >= 0; at = text.indexOf(SEGMENT, at + 1)) count++;
  const last = first + count - 1;
  return count > 0 && Number.isSafeInteger(last) ? last : undefined;
}
