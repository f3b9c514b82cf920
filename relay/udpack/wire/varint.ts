// Variable-length integers of RFC 9000 section 16, as ACK frames use them: the two upper bits of the first byte tell the
// length (1, 2, 4 or 8 bytes). Values that UDPack cannot have, 2^48 and above, read as malformed.

import { readU16, readU32, writeU16, writeU32, writeU48 } from "./integers.ts";

/** One more than the greatest packet number, offset or count. */
const VALUES_END = 2 ** 48;
const TWO_32 = 0x1_0000_0000;

/** Bytes of the varint that begins with `first`. */
export function varintLength(first: number): number {
  return 1 << (first >>> 6);
}

/** The varint at `at`, which must lie before `end` as a whole; -1: it does not, or it is 2^48 or more. */
export function readVarint(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return -1;
  const first = bytes[at] ?? 0;
  if (first < 0x40) return first;
  const length = varintLength(first);
  if (at + length > end) return -1;
  if (length === 2) return readU16(bytes, at) & 0x3fff;
  if (length === 4) return readU32(bytes, at) % 0x4000_0000;
  const value = (readU32(bytes, at) % 0x4000_0000) * TWO_32 + readU32(bytes, at + 4);
  return value < VALUES_END ? value : -1;
}

/** Bytes that `value` takes. */
export function varintSize(value: number): number {
  if (value < 0x40) return 1;
  if (value < 0x4000) return 2;
  return value < 0x4000_0000 ? 4 : 8;
}

/** Writes `value` in its shortest form, up to 2^48 - 1; the offset behind it, or -1 where it has no room. */
export function writeVarint(into: Uint8Array, at: number, value: number): number {
  const size = varintSize(value);
  if (at + size > into.length) return -1;
  if (size === 1) {
    into[at] = value;
    return at + 1;
  }
  if (size === 2) return writeU16(into, at, 0x4000 | value);
  if (size === 4) return writeU32(into, at, value + 0x8000_0000);
  into[at] = 0xc0;
  into[at + 1] = 0;
  return writeU48(into, at + 2, value);
}
