// Packet headers (docs/UDPACK.md section 2): where a packet of a buffer begins and ends, and what its header says. Every
// packet tells its own length, because a coalesced read gives several datagrams as one buffer. Knows no keys.

import { readU16, readU32, readU48, writeU16, writeU48 } from "./integers.ts";

/** The version that this program speaks. */
export const VERSION = 1;

/** The upper four bits of a packet's first byte. */
export const PACKET_KINDS = { initiation: 1, response: 2, cookie: 3, data: 4, reset: 5 } as const;

const KIND_SHIFT = 4;
const LOW_BITS = 0x0f;
const PHASE_BITS = 0x03;

/** A connection id, by which a receiver finds the session. */
export const CONNECTION_ID_BYTES = 8;
const NUMBER_BYTES = 8;
export const TAG_BYTES = 16;
export const MAC_BYTES = 16;

/** flags 1, connection id 8, length 2, packet number 8. */
export const DATA_HEADER_BYTES = 1 + CONNECTION_ID_BYTES + 2 + NUMBER_BYTES;
/** What a data packet adds to its frames. */
export const DATA_OVERHEAD_BYTES = DATA_HEADER_BYTES + TAG_BYTES;

/** flags 1, version 1, zeros or length 2, connection id 8: the beginning of the packets of a handshake. */
export const HANDSHAKE_HEADER_BYTES = 4 + CONNECTION_ID_BYTES;

/** Places in an initiation. */
export const INITIATION = {
  noise: HANDSHAKE_HEADER_BYTES,
  mac1: 1_168,
  mac2: 1_168 + MAC_BYTES,
  bytes: 1_168 + 2 * MAC_BYTES,
  payloadBytes: 1_060,
} as const;

/** Places in a response; its length is in bytes 2 and 3. */
export const RESPONSE = {
  noise: HANDSHAKE_HEADER_BYTES,
  /** Header, ephemeral key, tag, mac 1. */
  overheadBytes: HANDSHAKE_HEADER_BYTES + 32 + TAG_BYTES + MAC_BYTES,
  payloadBytesMax: 1_100,
} as const;

const RESPONSE_BYTES_MAX = RESPONSE.overheadBytes + RESPONSE.payloadBytesMax;

/** Places in a cookie packet. */
export const COOKIE = { salt: HANDSHAKE_HEADER_BYTES, sealed: 36, bytes: 68 } as const;

/** Places in a reset. */
export const RESET = { token: 1 + CONNECTION_ID_BYTES, bytes: 25 } as const;

/** One packet within a buffer: filled by `readPacket` again and again, so that no packet costs an object. */
export class PacketView {
  /** The whole buffer; the packet is from `start` to `end`. */
  datagram: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  kind = 0;
  /** Data packets: 0 to 3, the two lowest bits of the key phase. */
  phase = 0;
  /** Data packets: below 2^48. */
  number = 0;

  /** The packet's bytes, as long as the buffer is valid. */
  bytes(): Uint8Array {
    return this.datagram.subarray(this.start, this.end);
  }

  /** Where the connection id begins in `datagram`. */
  get idAt(): number {
    return this.kind === PACKET_KINDS.data || this.kind === PACKET_KINDS.reset
      ? this.start + 1
      : this.start + 4;
  }
}

/**
 * Reads the header of the packet at `offset`. False when there is none (the end, an unknown kind, bits that must be zero,
 * a length beyond the end): the rest of the buffer is then to be dropped. The next packet begins at `view.end`.
 */
export function readPacket(datagram: Uint8Array, offset: number, view: PacketView): boolean {
  const flags = datagram[offset];
  if (flags === undefined) return false;
  view.datagram = datagram;
  view.start = offset;
  view.kind = flags >>> KIND_SHIFT;
  if (view.kind === PACKET_KINDS.data) return readData(datagram, offset, flags, view);
  if ((flags & LOW_BITS) !== 0) return false;
  const length = handshakeLength(datagram, offset, view.kind);
  view.end = offset + length;
  return length > 0 && view.end <= datagram.length;
}

function readData(datagram: Uint8Array, offset: number, flags: number, view: PacketView): boolean {
  if ((flags & LOW_BITS & ~PHASE_BITS) !== 0) return false;
  const body = offset + DATA_HEADER_BYTES;
  if (body > datagram.length) return false;
  const sealed = readU16(datagram, offset + 9);
  view.end = body + sealed;
  if (sealed <= TAG_BYTES || view.end > datagram.length) return false;
  if (readU16(datagram, offset + 11) !== 0) return false;
  view.number = readU48(datagram, offset + 13);
  view.phase = flags & PHASE_BITS;
  return true;
}

/** Bytes of a packet that is no data packet; 0 when it is malformed. */
function handshakeLength(datagram: Uint8Array, offset: number, kind: number): number {
  switch (kind) {
    case PACKET_KINDS.initiation:
      return hasHandshakeHeader(datagram, offset, 0) ? INITIATION.bytes : 0;
    case PACKET_KINDS.response: {
      const length = readU16(datagram, offset + 2);
      const isPossible = length > RESPONSE.overheadBytes && length <= RESPONSE_BYTES_MAX;
      return isPossible && hasHandshakeHeader(datagram, offset, length) ? length : 0;
    }
    case PACKET_KINDS.cookie:
      return hasHandshakeHeader(datagram, offset, 0) ? COOKIE.bytes : 0;
    case PACKET_KINDS.reset:
      return RESET.bytes;
    default:
      return 0;
  }
}

function hasHandshakeHeader(datagram: Uint8Array, offset: number, length: number): boolean {
  return datagram[offset + 1] === VERSION && readU16(datagram, offset + 2) === length;
}

/** Writes the header of a data packet with `payloadBytes` of frames; they belong behind it. */
export function writeDataHeader(
  into: Uint8Array,
  offset: number,
  header: { readonly phase: number; readonly id: Uint8Array; readonly number: number },
  payloadBytes: number,
): void {
  into[offset] = (PACKET_KINDS.data << KIND_SHIFT) | (header.phase & PHASE_BITS);
  into.set(header.id, offset + 1);
  writeU16(into, offset + 9, payloadBytes + TAG_BYTES);
  writeU16(into, offset + 11, 0);
  writeU48(into, offset + 13, header.number);
}

/** Writes the first twelve bytes of a packet of the handshake; `length` is 0 except in a response. */
export function writeHandshakeHeader(
  into: Uint8Array,
  kind: (typeof PACKET_KINDS)["initiation" | "response" | "cookie"],
  id: Uint8Array,
  length: number,
): void {
  into[0] = kind << KIND_SHIFT;
  into[1] = VERSION;
  writeU16(into, 2, length);
  into.set(id, 4);
}

/** A reset for the connection id. */
export function writeReset(id: Uint8Array, token: Uint8Array): Uint8Array {
  const packet = new Uint8Array(RESET.bytes);
  packet[0] = PACKET_KINDS.reset << KIND_SHIFT;
  packet.set(id, 1);
  packet.set(token, RESET.token);
  return packet;
}

/**
 * A key for tables of sessions: the first six bytes of a connection id as a number, which costs no text per packet. The
 * other two are to be compared with `isSameId` where the session was found.
 */
export function connectionKey(bytes: Uint8Array, offset = 0): number {
  return readU48(bytes, offset);
}

/** Whether the connection id `id` is at `offset`. Ids are no secrets: they travel in the clear. */
export function isSameId(id: Uint8Array, bytes: Uint8Array, offset = 0): boolean {
  return readU32(id, 0) === readU32(bytes, offset) && readU32(id, 4) === readU32(bytes, offset + 4);
}
