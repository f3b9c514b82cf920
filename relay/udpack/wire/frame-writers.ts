// Writing of frames (docs/UDPACK.md section 5), each at an offset of a packet under construction. Every writer returns the
// offset behind its frame, or -1 and has written nothing when the frame has no room.

import { DATAGRAM_PREFIX_BYTES, FRAME, PATH_DATA_BYTES, STREAM_HEADER_BYTES } from "./frames.ts";
import { writeU16, writeU24, writeU32, writeU48 } from "./integers.ts";
import { writeVarint } from "./varint.ts";

/** No room for the frame. */
export const NO_ROOM = -1;

const ACK_DELAY_US_MAX = 0xff_ffff;
const REASON_BYTES_MAX = 255;

export function writePing(into: Uint8Array, at: number): number {
  if (at >= into.length) return NO_ROOM;
  into[at] = FRAME.ping;
  return at + 1;
}

/** Reads inclusive ranges in descending order. */
export interface AckSource {
  readonly ranges: number;
  start(i: number): number;
  end(i: number): number;
}

/** Writes as many of the newest ranges as have room; -1 when not even one has, or there is none. */
export function writeAck(into: Uint8Array, at: number, ack: AckSource, delayMs: number): number {
  if (at + 12 > into.length || ack.ranges === 0) return NO_ROOM;
  let next = writeVarint(into, at + 12, ack.end(0) - ack.start(0));
  if (next === NO_ROOM) return NO_ROOM;
  let written = 1;
  while (written < ack.ranges) {
    const gap = writeVarint(into, next, ack.start(written - 1) - ack.end(written) - 2);
    const end = gap === NO_ROOM ? NO_ROOM : writeVarint(into, gap, ack.end(written) - ack.start(written));
    if (end === NO_ROOM) break;
    next = end;
    written++;
  }
  into[at] = FRAME.ack;
  writeU48(into, at + 1, ack.end(0));
  writeU24(into, at + 7, Math.min(ACK_DELAY_US_MAX, Math.max(0, Math.round(delayMs * 1000))));
  writeU16(into, at + 10, written);
  return next;
}

export function writeReset(
  into: Uint8Array,
  at: number,
  stream: number,
  code: number,
  finalSize: number,
): number {
  if (at + 13 > into.length) return NO_ROOM;
  into[at] = FRAME.reset;
  writeU32(into, at + 1, stream);
  writeU16(into, at + 5, code);
  return writeU48(into, at + 7, finalSize);
}

export function writeStop(into: Uint8Array, at: number, stream: number, code: number): number {
  if (at + 7 > into.length) return NO_ROOM;
  into[at] = FRAME.stop;
  writeU32(into, at + 1, stream);
  return writeU16(into, at + 5, code);
}

export function writeMaxData(into: Uint8Array, at: number, bytes: number): number {
  if (at + 7 > into.length) return NO_ROOM;
  into[at] = FRAME.max_data;
  return writeU48(into, at + 1, bytes);
}

export function writeMaxStreamData(into: Uint8Array, at: number, stream: number, bytes: number): number {
  if (at + 11 > into.length) return NO_ROOM;
  into[at] = FRAME.max_stream_data;
  writeU32(into, at + 1, stream);
  return writeU48(into, at + 5, bytes);
}

export function writeMaxStreams(into: Uint8Array, at: number, count: number): number {
  if (at + 5 > into.length) return NO_ROOM;
  into[at] = FRAME.max_streams;
  return writeU32(into, at + 1, count);
}

/** PATH_CHALLENGE or PATH_RESPONSE with 8 bytes of data. */
export function writePath(
  into: Uint8Array,
  at: number,
  type: typeof FRAME.path_challenge | typeof FRAME.path_response,
  data: Uint8Array,
): number {
  if (at + 1 + PATH_DATA_BYTES > into.length) return NO_ROOM;
  into[at] = type;
  into.set(data.subarray(0, PATH_DATA_BYTES), at + 1);
  return at + 1 + PATH_DATA_BYTES;
}

const encoder = new TextEncoder();

/** A reason of more than 255 bytes, or than has room, is cut at a character. */
export function writeClose(into: Uint8Array, at: number, code: number, reason: string): number {
  if (at + 4 > into.length) return NO_ROOM;
  const { written } = encoder.encodeInto(reason, into.subarray(at + 4, at + 4 + REASON_BYTES_MAX));
  into[at] = FRAME.close;
  writeU16(into, at + 1, code);
  into[at + 3] = written;
  return at + 4 + written;
}

/** The header of a STREAM frame whose `length` bytes of data the caller puts behind it; it has made sure of the room. */
export function writeStreamHeader(
  into: Uint8Array,
  at: number,
  id: number,
  offset: number,
  length: number,
  fin: boolean,
): number {
  into[at] = fin ? FRAME.stream_last : FRAME.stream;
  writeU32(into, at + 1, id);
  writeU48(into, at + 5, offset);
  writeU16(into, at + 11, length);
  return at + STREAM_HEADER_BYTES;
}

/** What a DATAGRAM frame says besides its data. */
export interface DatagramHeader {
  readonly association: number;
  readonly packetId: number;
  readonly fragment: number;
  readonly fragments: number;
  /** Family and fields, from encodeDatagramAddress. */
  readonly address: Uint8Array;
}

/** Bytes of a DATAGRAM frame before its data. */
export function datagramHeaderBytes(address: Uint8Array): number {
  return DATAGRAM_PREFIX_BYTES + address.length + 2;
}

export function writeDatagram(
  into: Uint8Array,
  at: number,
  header: DatagramHeader,
  data: Uint8Array,
): number {
  const dataAt = at + datagramHeaderBytes(header.address);
  if (dataAt + data.length > into.length) return NO_ROOM;
  into[at] = FRAME.datagram;
  writeU32(into, at + 1, header.association);
  writeU16(into, at + 5, header.packetId);
  into[at + 7] = header.fragment;
  into[at + 8] = header.fragments;
  into.set(header.address, at + DATAGRAM_PREFIX_BYTES);
  writeU16(into, dataAt - 2, data.length);
  into.set(data, dataAt);
  return dataAt + data.length;
}
