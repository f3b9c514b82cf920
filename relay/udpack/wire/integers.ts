// Big-endian integers at a place of a buffer, without a DataView per packet. The caller checks the length; what lies
// beyond the end reads as zero. Values of 48 bits are exact in a number.

const TWO_32 = 0x1_0000_0000;

export function readU16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

export function readU24(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 16) | readU16(bytes, at + 1);
}

export function readU32(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at) * 0x1_0000 + readU16(bytes, at + 2);
}

export function readU48(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at) * TWO_32 + readU32(bytes, at + 2);
}

/** Writes `value` and returns the offset behind it; so do the others. */
export function writeU16(into: Uint8Array, at: number, value: number): number {
  into[at] = value >>> 8;
  into[at + 1] = value;
  return at + 2;
}

export function writeU24(into: Uint8Array, at: number, value: number): number {
  into[at] = value >>> 16;
  into[at + 1] = value >>> 8;
  into[at + 2] = value;
  return at + 3;
}

export function writeU32(into: Uint8Array, at: number, value: number): number {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
  return at + 4;
}

export function writeU48(into: Uint8Array, at: number, value: number): number {
  writeU16(into, at, Math.floor(value / TWO_32));
  return writeU32(into, at + 2, value >>> 0);
}
