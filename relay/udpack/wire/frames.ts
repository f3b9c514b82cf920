// Reading of frames (docs/UDPACK.md section 5). Pure and without state between calls: a visitor is told what is there, in
// order. Never throws on any bytes. Views and subarrays are only valid during the call, because payloads are reused.

import { datagramAddressEnd } from "./datagram-address.ts";
import { readU16, readU24, readU32, readU48 } from "./integers.ts";
import { readVarint, varintLength } from "./varint.ts";

export const FRAME = {
  padding: 0x00,
  ping: 0x01,
  ack: 0x02,
  reset: 0x03,
  stop: 0x04,
  max_data: 0x05,
  max_stream_data: 0x06,
  max_streams: 0x07,
  datagram: 0x08,
  path_challenge: 0x09,
  path_response: 0x0a,
  close: 0x0b,
  stream: 0x10,
  stream_last: 0x11,
} as const;

/** Ranges of one ACK frame. */
export const ACK_RANGES_MAX = 256;
/** Fragments of one datagram: the largest that UDP has, over the smallest packets. */
export const FRAGMENTS_MAX = 64;
/** Bytes of the data of PATH_CHALLENGE and PATH_RESPONSE. */
export const PATH_DATA_BYTES = 8;

/** An ACK: range 0 is the newest, `start` and `end` are both inside. */
export interface AckView {
  readonly largest: number;
  readonly delayMs: number;
  readonly ranges: number;
  start(i: number): number;
  end(i: number): number;
}

/** A DATAGRAM, perhaps one of several fragments. */
export interface DatagramView {
  readonly association: number;
  readonly packetId: number;
  readonly fragment: number;
  readonly fragments: number;
  /** Family and fields, for readDatagramAddress. */
  readonly address: Uint8Array;
  readonly data: Uint8Array;
}

export interface FrameVisitor {
  ping(): void;
  ack(ack: AckView): void;
  reset(stream: number, code: number, finalSize: number): void;
  stop(stream: number, code: number): void;
  maxData(bytes: number): void;
  maxStreamData(stream: number, bytes: number): void;
  maxStreams(count: number): void;
  datagram(datagram: DatagramView): void;
  pathChallenge(data: Uint8Array): void;
  pathResponse(data: Uint8Array): void;
  close(code: number, reason: string): void;
  stream(id: number, offset: number, data: Uint8Array, fin: boolean): void;
}

/** Malformed: no frame begins here. */
const BAD = -1;

/** Reads all frames of a packet. False: one of them is malformed; those before it were told. */
export function decodeFrames(payload: Uint8Array, visitor: FrameVisitor): boolean {
  let at = 0;
  while (at !== BAD && at < payload.length) at = decodeFrame(payload, at, visitor);
  return at !== BAD;
}

/** Reads the frame at `at`; the offset behind it, or BAD. */
function decodeFrame(bytes: Uint8Array, at: number, visitor: FrameVisitor): number {
  switch (bytes[at]) {
    case FRAME.stream:
      return decodeStream(bytes, at, visitor, false);
    case FRAME.stream_last:
      return decodeStream(bytes, at, visitor, true);
    case FRAME.ack:
      return decodeAck(bytes, at, visitor);
    case FRAME.padding:
      return at + 1;
    case FRAME.ping:
      visitor.ping();
      return at + 1;
    case FRAME.datagram:
      return decodeDatagram(bytes, at, visitor);
    case FRAME.close:
      return decodeClose(bytes, at, visitor);
    default:
      return decodeControl(bytes, at, visitor);
  }
}

/** Frames of a fixed size. */
function decodeControl(bytes: Uint8Array, at: number, visitor: FrameVisitor): number {
  const type = bytes[at] ?? 0;
  const end = at + (CONTROL_BYTES[type] ?? Number.POSITIVE_INFINITY);
  if (end > bytes.length) return BAD;
  switch (type) {
    case FRAME.reset:
      visitor.reset(readU32(bytes, at + 1), readU16(bytes, at + 5), readU48(bytes, at + 7));
      break;
    case FRAME.stop:
      visitor.stop(readU32(bytes, at + 1), readU16(bytes, at + 5));
      break;
    case FRAME.max_data:
      visitor.maxData(readU48(bytes, at + 1));
      break;
    case FRAME.max_stream_data:
      visitor.maxStreamData(readU32(bytes, at + 1), readU48(bytes, at + 5));
      break;
    case FRAME.max_streams:
      visitor.maxStreams(readU32(bytes, at + 1));
      break;
    case FRAME.path_challenge:
      visitor.pathChallenge(bytes.subarray(at + 1, end));
      break;
    default:
      visitor.pathResponse(bytes.subarray(at + 1, end));
  }
  return end;
}

const CONTROL_BYTES: Readonly<Record<number, number>> = {
  [FRAME.reset]: 1 + 4 + 2 + 6,
  [FRAME.stop]: 1 + 4 + 2,
  [FRAME.max_data]: 1 + 6,
  [FRAME.max_stream_data]: 1 + 4 + 6,
  [FRAME.max_streams]: 1 + 4,
  [FRAME.path_challenge]: 1 + PATH_DATA_BYTES,
  [FRAME.path_response]: 1 + PATH_DATA_BYTES,
};

/** Type, stream, offset and length of a STREAM frame. */
export const STREAM_HEADER_BYTES = 1 + 4 + 6 + 2;

function decodeStream(bytes: Uint8Array, at: number, visitor: FrameVisitor, fin: boolean): number {
  const dataAt = at + STREAM_HEADER_BYTES;
  if (dataAt > bytes.length) return BAD;
  const end = dataAt + readU16(bytes, at + 11);
  if (end > bytes.length) return BAD;
  visitor.stream(readU32(bytes, at + 1), readU48(bytes, at + 5), bytes.subarray(dataAt, end), fin);
  return end;
}

/** Type, association, packet id, fragment and fragments of a DATAGRAM frame; the address follows. */
export const DATAGRAM_PREFIX_BYTES = 1 + 4 + 2 + 1 + 1;

const datagramView: { -readonly [K in keyof DatagramView]: DatagramView[K] } = {
  association: 0,
  packetId: 0,
  fragment: 0,
  fragments: 0,
  address: new Uint8Array(0),
  data: new Uint8Array(0),
};

function decodeDatagram(bytes: Uint8Array, at: number, visitor: FrameVisitor): number {
  const addressAt = at + DATAGRAM_PREFIX_BYTES;
  const lengthAt = datagramAddressEnd(bytes, addressAt, bytes.length);
  if (lengthAt === BAD || lengthAt + 2 > bytes.length) return BAD;
  const end = lengthAt + 2 + readU16(bytes, lengthAt);
  const view = datagramView;
  view.association = readU32(bytes, at + 1);
  view.packetId = readU16(bytes, at + 5);
  view.fragment = bytes[at + 7] ?? 0;
  view.fragments = bytes[at + 8] ?? 0;
  if (end > bytes.length || view.fragments > FRAGMENTS_MAX || view.fragment >= view.fragments) return BAD;
  view.address = bytes.subarray(addressAt, lengthAt);
  view.data = bytes.subarray(lengthAt + 2, end);
  visitor.datagram(view);
  return end;
}

const reasonDecoder = new TextDecoder();

function decodeClose(bytes: Uint8Array, at: number, visitor: FrameVisitor): number {
  const reasonAt = at + 1 + 2 + 1;
  if (reasonAt > bytes.length) return BAD;
  const end = reasonAt + (bytes[at + 3] ?? 0);
  if (end > bytes.length) return BAD;
  visitor.close(readU16(bytes, at + 1), reasonDecoder.decode(bytes.subarray(reasonAt, end)));
  return end;
}

/** The ranges of the ACK frame being read; one for all, since ACKs come with every second packet. */
class AckRanges implements AckView {
  largest = 0;
  delayMs = 0;
  ranges = 0;
  readonly #starts = new Float64Array(ACK_RANGES_MAX);
  readonly #ends = new Float64Array(ACK_RANGES_MAX);

  start(i: number): number {
    return this.#starts[i] ?? 0;
  }

  end(i: number): number {
    return this.#ends[i] ?? 0;
  }

  set(i: number, start: number, end: number): void {
    this.#starts[i] = start;
    this.#ends[i] = end;
  }
}

const ackView = new AckRanges();

function decodeAck(bytes: Uint8Array, at: number, visitor: FrameVisitor): number {
  if (at + 12 > bytes.length) return BAD;
  const ranges = readU16(bytes, at + 10);
  if (ranges === 0 || ranges > ACK_RANGES_MAX) return BAD;
  ackView.largest = readU48(bytes, at + 1);
  ackView.delayMs = readU24(bytes, at + 7) / 1000;
  ackView.ranges = ranges;
  let next = at + 12;
  let end = ackView.largest;
  for (let i = 0; i < ranges; i++) {
    if (i > 0) {
      const gap = readVarint(bytes, next, bytes.length);
      next += varintLength(bytes[next] ?? 0);
      // The gap is missing packets minus one; the packet after it ends the next range.
      end -= gap + 2;
      if (gap < 0 || end < 0) return BAD;
    }
    const before = readVarint(bytes, next, bytes.length);
    next += varintLength(bytes[next] ?? 0);
    const start = end - before;
    if (before < 0 || start < 0) return BAD;
    ackView.set(i, start, end);
    end = start;
  }
  visitor.ack(ackView);
  return next;
}
