// Packets one after the other on a stream: `length (4, big-endian) || Packet` (docs/UDPACK.md section 11). Content of data
// packets is handed on piece by piece as it comes, without being gathered or copied. Pure.

import { PACKET_LIMITS } from "../limits.ts";
import {
  DATA_HEAD_BYTES_MAX,
  dataHeadBytes,
  dataHeadLength,
  decodePacket,
  encodePacket,
  type PacketFields,
  type ReadPacket,
  writeDataHead,
} from "./codec.ts";

const LENGTH_BYTES = 4;
const HEAD_BYTES_MAX = LENGTH_BYTES + DATA_HEAD_BYTES_MAX;

/** Takes what a reader finds. */
export interface PacketSink {
  /** Content of data packets, in order, in pieces of any size: a view of what was fed, never empty. */
  data(bytes: Uint8Array): void;
  /** Any other packet. */
  packet(packet: ReadPacket): void;
}

/** A packet with its length before it. @throws RangeError as encodePacket */
export function framePacket(packet: PacketFields): Uint8Array {
  const bytes = encodePacket(packet);
  const framed = new Uint8Array(LENGTH_BYTES + bytes.length);
  writeLength(framed, bytes.length);
  framed.set(bytes, LENGTH_BYTES);
  return framed;
}

/** What stands before `length` bytes of content, 1 to DATA_BYTES_MAX, when they are sent as one data packet. */
export function frameDataHead(length: number): Uint8Array {
  const head = dataHeadBytes(length);
  const framed = new Uint8Array(LENGTH_BYTES + head);
  writeLength(framed, head + length);
  writeDataHead(framed, LENGTH_BYTES, length);
  return framed;
}

function writeLength(into: Uint8Array, length: number): void {
  into[0] = length >>> 24;
  into[1] = length >>> 16;
  into[2] = length >>> 8;
  into[3] = length;
}

/** Finds packets in a stream that comes in any pieces. */
export class PacketReader {
  readonly #sink: PacketSink;
  /** The first bytes of a packet while they do not tell yet what it is. */
  readonly #head = new Uint8Array(HEAD_BYTES_MAX);
  #headBytes = 0;
  /** Content of a data packet that is yet to come. */
  #dataLeft = 0;
  /** A packet that has to be whole before it is read, and how much of it there is. */
  #body: Uint8Array | undefined;
  #bodyBytes = 0;
  #bodyLength = 0;
  #isMalformed = false;

  constructor(sink: PacketSink) {
    this.#sink = sink;
  }

  /** Whether a stream that ends here ends between packets. */
  get isBetween(): boolean {
    return this.#dataLeft === 0 && this.#body === undefined && this.#headBytes === 0 && !this.#isMalformed;
  }

  /** Takes the next bytes; false once something malformed has come: nothing is found any more then. */
  feed(chunk: Uint8Array): boolean {
    let at = 0;
    while (at < chunk.length && !this.#isMalformed) {
      if (this.#dataLeft > 0) at = this.#passData(chunk, at);
      else if (this.#body !== undefined) at = this.#gather(chunk, at);
      else at = this.#readHead(chunk, at);
    }
    return !this.#isMalformed;
  }

  #passData(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.#dataLeft);
    this.#dataLeft -= end - at;
    this.#sink.data(chunk.subarray(at, end));
    return end;
  }

  /** Reads the head where it lies if all of it is there, else byte by byte into a place of its own. */
  #readHead(chunk: Uint8Array, at: number): number {
    if (this.#headBytes === 0 && chunk.length - at >= HEAD_BYTES_MAX) {
      return at + this.#begin(chunk, at, HEAD_BYTES_MAX);
    }
    this.#head[this.#headBytes++] = chunk[at] ?? 0;
    const available = this.#headBytes;
    const used = this.#begin(this.#head, 0, available);
    if (used === 0) return at + 1;
    this.#headBytes = 0;
    // What looked like the head of plain data and is none belongs to the packet that is gathered now.
    if (used < available) this.#gather(this.#head.subarray(0, available), used);
    return at + 1;
  }

  /** Begins the packet whose first `available` bytes lie at `at`: how many are used up; 0: more must be seen. */
  #begin(bytes: Uint8Array, at: number, available: number): number {
    if (available < LENGTH_BYTES) return 0;
    const length = new DataView(bytes.buffer, bytes.byteOffset + at, LENGTH_BYTES).getUint32(0);
    if (length > PACKET_LIMITS.PACKET_BYTES_MAX) {
      this.#isMalformed = true;
      return available;
    }
    const head = dataHeadLength(bytes, at + LENGTH_BYTES, available - LENGTH_BYTES, length);
    if (head < 0) return 0;
    if (head > 0) {
      this.#dataLeft = length - head;
      return LENGTH_BYTES + head;
    }
    this.#bodyLength = length;
    this.#bodyBytes = 0;
    // A length is only a claim: memory follows what comes.
    this.#body = new Uint8Array(Math.min(length, PACKET_LIMITS.BODY_BYTES_AT_FIRST));
    if (length === 0) this.#deliver();
    return LENGTH_BYTES;
  }

  #gather(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.#bodyLength - this.#bodyBytes);
    const bytes = this.#bodyBytes + end - at;
    let body = this.#body ?? new Uint8Array(0);
    if (bytes > body.length) {
      const grown = new Uint8Array(Math.min(this.#bodyLength, Math.max(bytes, 2 * body.length)));
      grown.set(body.subarray(0, this.#bodyBytes));
      body = grown;
      this.#body = body;
    }
    body.set(chunk.subarray(at, end), this.#bodyBytes);
    this.#bodyBytes = bytes;
    if (bytes === this.#bodyLength) this.#deliver();
    return end;
  }

  #deliver(): void {
    const packet = decodePacket((this.#body ?? new Uint8Array(0)).subarray(0, this.#bodyLength));
    this.#body = undefined;
    if (packet === undefined) this.#isMalformed = true;
    else if (packet.cmd !== "data") this.#sink.packet(packet);
    else if (packet.buf.length > 0) this.#sink.data(packet.buf);
  }
}
