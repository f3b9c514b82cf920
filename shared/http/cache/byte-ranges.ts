// Range requests answered from a whole body (RFC 9110 section 14). Pure.

import { CACHE_LIMITS as LIMITS } from "../../limits.ts";

/** Both ends inclusive. */
export interface Part {
  readonly first: number;
  readonly last: number;
}

/**
 * The parts of a body of `length` bytes that Range asks for. `undefined`: the field is to be ignored, because it is
 * malformed, in another unit, or asks for more than is reasonable (RFC 9110 section 14.2); empty: none of it lies within.
 */
export function parseRanges(field: string | null, length: number): readonly Part[] | undefined {
  const match = /^\s*bytes\s*=(.*)$/i.exec(field ?? "");
  if (!match) return undefined;
  const specs = (match[1] ?? "").split(",").map((spec) => spec.trim());
  if (specs.length > LIMITS.RANGES_MAX) return undefined;
  const parts: Part[] = [];
  for (const spec of specs) {
    const ends = /^(\d{0,15})-(\d{0,15})$/.exec(spec);
    if (!ends || spec === "-") return undefined;
    const [, from = "", to = ""] = ends;
    const part = from === "" ? suffix(Number(to), length) : within(Number(from), to, length);
    if (part === undefined) return undefined;
    if (part !== "outside") parts.push(part);
  }
  return overlap(parts) ? undefined : parts;
}

function suffix(bytes: number, length: number): Part | "outside" {
  if (bytes === 0 || length === 0) return "outside";
  return { first: Math.max(0, length - bytes), last: length - 1 };
}

function within(first: number, to: string, length: number): Part | "outside" | undefined {
  if (to !== "" && Number(to) < first) return undefined;
  if (first >= length) return "outside";
  return { first, last: to === "" ? length - 1 : Math.min(Number(to), length - 1) };
}

/** Overlapping parts would let a short request ask for a long reply. */
function overlap(parts: readonly Part[]): boolean {
  const sorted = [...parts].sort((a, b) => a.first - b.first);
  return sorted.some((part, at) => part.first <= (sorted[at - 1]?.last ?? -1));
}

/** The value of Content-Range for a part. */
export function contentRange({ first, last }: Part, length: number): string {
  return `bytes ${first}-${last}/${length}`;
}

/** The part as it is written in Range. */
export function rangeField({ first, last }: Part): string {
  return `bytes=${first}-${last}`;
}

/** Several parts of `body` as one multipart/byteranges body (RFC 9110 section 14.6). `boundary` must not occur in it. */
export function multipartBody(
  body: Uint8Array,
  parts: readonly Part[],
  { boundary, type }: { boundary: string; type: string | null },
): Uint8Array {
  const encoder = new TextEncoder();
  const pieces: Uint8Array[] = [];
  for (const part of parts) {
    const typeLine = type === null ? "" : `Content-Type: ${type}\r\n`;
    const head = `--${boundary}\r\n${typeLine}Content-Range: ${contentRange(part, body.byteLength)}\r\n\r\n`;
    pieces.push(encoder.encode(head), body.subarray(part.first, part.last + 1), encoder.encode("\r\n"));
  }
  pieces.push(encoder.encode(`--${boundary}--\r\n`));
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}
