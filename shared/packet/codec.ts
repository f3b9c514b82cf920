// Packets as bytes: reading never throws on any bytes, and data packets, which are nearly all of them, take a way of their own
// in both directions that copies nothing. Everything else goes through the generated codec. Pure.

import { PACKET_LIMITS } from "../limits.ts";
import { Packet, type PacketFields } from "./packet.js";

export type { PacketFields };
/** A Packet as it was read: what was absent has its default, and messages are null. */
export type ReadPacket = Omit<Packet, never>;

/** `cmd = "data"` and the tag of `buf`: how this codec begins a data packet that has nothing else. */
const DATA_PREFIX = Uint8Array.of(0x12, 4, 0x64, 0x61, 0x74, 0x61, 0x2a);
/** Three bytes of a varint hold every legal length. */
const VARINT_BYTES_MAX = 3;

/** Most bytes before the content of a plain data packet. */
export const DATA_HEAD_BYTES_MAX = DATA_PREFIX.length + VARINT_BYTES_MAX;
/** Most content of one data packet. */
export const DATA_BYTES_MAX = PACKET_LIMITS.PACKET_BYTES_MAX - DATA_HEAD_BYTES_MAX;

const NOTHING = new Uint8Array(0);
const EMPTY: ReadPacket = {
  sid: "",
  cmd: "",
  authority: null,
  connect_res: null,
  buf: NOTHING,
  reason: "",
  head: null,
  window: 0,
  code: "",
  opcode: 0,
  close_code: 0,
  hello: null,
};

/** The bytes of a packet. @throws RangeError when they are more than a packet may have: what is sent is bounded before */
export function encodePacket(packet: PacketFields): Uint8Array {
  const bytes = Packet.encode(packet).finish();
  if (bytes.length <= PACKET_LIMITS.PACKET_BYTES_MAX) return bytes;
  throw new RangeError(
    `Cannot encode a packet of ${bytes.length} bytes: it may have ${PACKET_LIMITS.PACKET_BYTES_MAX}`,
  );
}

/** Reads one packet; undefined: the bytes are malformed, or too many. Its `buf` is a view of them; unknown fields are dropped. */
export function decodePacket(bytes: Uint8Array): ReadPacket | undefined {
  if (bytes.length > PACKET_LIMITS.PACKET_BYTES_MAX) return undefined;
  const head = dataHeadLength(bytes, 0, bytes.length, bytes.length);
  if (head > 0) return { ...EMPTY, cmd: "data", buf: bytes.subarray(head) };
  try {
    return Packet.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Writes what stands before `length` bytes of content, at most DATA_BYTES_MAX; returns the offset behind it. */
export function writeDataHead(into: Uint8Array, offset: number, length: number): number {
  into.set(DATA_PREFIX, offset);
  let at = offset + DATA_PREFIX.length;
  let rest = length;
  while (rest > 0x7f) {
    into[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  into[at++] = rest;
  return at;
}

/** Bytes that `writeDataHead` writes for `length` bytes of content. */
export function dataHeadBytes(length: number): number {
  return DATA_PREFIX.length + (length > 0x3fff ? 3 : length > 0x7f ? 2 : 1);
}

/**
 * Looks at the first `available` bytes of a packet of `length` bytes that begins at `at`: how many stand before the content
 * of a plain data packet, 0 when it is another one, -1 when more bytes must be seen.
 */
export function dataHeadLength(bytes: Uint8Array, at: number, available: number, length: number): number {
  const seen = Math.min(available, length);
  for (let index = 0; index < DATA_PREFIX.length; index++) {
    if (index >= seen) return seen < length ? -1 : 0;
    if (bytes[at + index] !== DATA_PREFIX[index]) return 0;
  }
  let content = 0;
  for (let index = 0; index < VARINT_BYTES_MAX; index++) {
    const offset = DATA_PREFIX.length + index;
    if (offset >= seen) return seen < length ? -1 : 0;
    const byte = bytes[at + offset] ?? 0;
    content |= (byte & 0x7f) << (7 * index);
    if (byte < 0x80) return offset + 1 + content === length ? offset + 1 : 0;
  }
  return 0;
}
