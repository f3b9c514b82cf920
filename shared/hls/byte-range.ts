// Range requests (RFC 9110 section 14): one byte range against a body of known length. Several ranges at once are
// ignored, as the RFC allows; no player asks for them. Pure.

/** A Range header with exactly one byte range; `first` undefined: the last `last` bytes. */
export interface ByteRange {
  readonly first: number | undefined;
  readonly last: number | undefined;
}

/** Bytes from `start` up to and without `end`. */
export interface Slice {
  readonly start: number;
  readonly end: number;
}

/** The range asked for, or undefined when the header is absent, malformed or names several: then the whole is meant. */
export function parseByteRange(header: string | null): ByteRange | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(header?.replaceAll(" ", "") ?? "");
  if (!match || (match[1] === "" && match[2] === "")) return undefined;
  const first = match[1] === "" ? undefined : Number(match[1]);
  const last = match[2] === "" ? undefined : Number(match[2]);
  if (first !== undefined && last !== undefined && last < first) return undefined;
  return { first, last };
}

/** The one spelling of a range, for headers and cache keys. */
export function formatByteRange({ first, last }: ByteRange): string {
  return `bytes=${first ?? ""}-${last ?? ""}`;
}

/** What of `length` bytes the range covers, or undefined when it lies outside (416). */
export function sliceOf({ first, last }: ByteRange, length: number): Slice | undefined {
  if (first === undefined) {
    const start = Math.max(0, length - (last ?? 0));
    return start < length ? { start, end: length } : undefined;
  }
  if (first >= length) return undefined;
  return { start: first, end: Math.min(length, (last ?? length - 1) + 1) };
}

export function contentRange({ start, end }: Slice, length: number): string {
  return `bytes ${start}-${end - 1}/${length}`;
}
