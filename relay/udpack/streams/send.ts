// The sending direction of one stream: what is new, what was lost and must go out again, what was acknowledged, and the end
// by a last frame or a RESET. Pure. Frames are written from here straight into the packet.

import { NO_ROOM, writeStreamHeader } from "../wire/frame-writers.ts";
import { STREAM_HEADER_BYTES } from "../wire/frames.ts";
import { RangeSet } from "./range-set.ts";
import { SendBuffer } from "./send-buffer.ts";

/** What one STREAM frame carried, as it is remembered until its packet is acknowledged or lost. */
export interface StreamPiece {
  offset: number;
  length: number;
  fin: boolean;
}

/** Less data than this is not worth a frame at the end of a packet that already has others. */
const PIECE_BYTES_MIN = 64;

export class SendStream {
  /** The peer takes data up to this offset. */
  credit: number;
  /** Code of the RESET that ends it; undefined while it goes on. */
  resetCode: number | undefined;
  /** The RESET was acknowledged. */
  resetAcked = false;
  /** `end` was called: nothing can be written any more. */
  #ended = false;
  #finSent = false;
  #finLost = false;
  #finAcked = false;
  /** All before this is acknowledged. */
  #base = 0;
  /** All before this was sent at least once. */
  #sent = 0;
  readonly #id: number;
  readonly #buffer = new SendBuffer();
  readonly #lost = new RangeSet();
  /** Acknowledged ranges above `#base`. */
  readonly #acked = new RangeSet();

  constructor(id: number, credit: number) {
    this.#id = id;
    this.credit = credit;
  }

  /** Bytes that were sent, repetitions aside: the final size of a RESET. */
  get sent(): number {
    return this.#sent;
  }

  /** Bytes that were sent and are kept: not all before them is acknowledged. */
  get held(): number {
    return this.resetCode === undefined ? this.#sent - this.#base : 0;
  }

  /** Bytes that wait to be sent for the first time. */
  get unsent(): number {
    return this.resetCode === undefined ? this.#buffer.end - this.#sent : 0;
  }

  get writable(): boolean {
    return !this.#ended && this.resetCode === undefined;
  }

  /** All of it, the end included, has arrived, or its RESET has. */
  get done(): boolean {
    if (this.resetCode !== undefined) return this.resetAcked;
    return this.#finAcked && this.#base === this.#buffer.end;
  }

  /** Whether all of it is with the peer, so that a RESET would come too late. */
  get delivered(): boolean {
    return this.resetCode === undefined && this.done;
  }

  /** Something that was lost waits to be sent again. */
  get hasLost(): boolean {
    return this.#lost.size > 0 || this.#finLost;
  }

  /** Bytes of new data that the stream's credit allows now. */
  get sendable(): number {
    if (this.resetCode !== undefined) return 0;
    return Math.min(this.#buffer.end, this.credit) - this.#sent;
  }

  /** The end alone waits: it needs no credit. */
  get finWaits(): boolean {
    return this.#ended && !this.#finSent && this.resetCode === undefined && this.#sent === this.#buffer.end;
  }

  /** Takes `data` over by reference. */
  push(data: Uint8Array): void {
    this.#buffer.push(data);
  }

  end(): void {
    this.#ended = true;
  }

  /** Gives up what is not acknowledged; what waits is dropped. */
  reset(code: number): void {
    this.resetCode = code;
    this.#buffer.clear();
    this.#lost.clear();
    this.#acked.clear();
    this.#finLost = false;
  }

  /**
   * Writes one frame: what was lost first, else new data of at most `newBytesMax`. Says in `piece` what it carried. Returns
   * the offset behind the frame, or -1: no room, or nothing to send.
   */
  write(into: Uint8Array, at: number, newBytesMax: number, piece: StreamPiece): number {
    const room = into.length - at - STREAM_HEADER_BYTES;
    if (room < (at === 0 ? 0 : PIECE_BYTES_MIN)) return NO_ROOM;
    if (this.#lost.size > 0) {
      const offset = this.#lost.start(0);
      const length = Math.min(this.#lost.end(0) - offset, room);
      this.#lost.remove(offset, offset + length);
      return this.#put(into, at, offset, length, piece);
    }
    if (this.#finLost) return this.#put(into, at, this.#buffer.end, 0, piece);
    const length = Math.min(this.sendable, newBytesMax, room);
    if (length <= 0 && !this.finWaits) return NO_ROOM;
    const offset = this.#sent;
    this.#sent += Math.max(0, length);
    return this.#put(into, at, offset, Math.max(0, length), piece);
  }

  /** A piece arrived. */
  acked(offset: number, length: number, fin: boolean): void {
    if (this.resetCode !== undefined) return;
    if (fin) {
      this.#finAcked = true;
      this.#finLost = false;
    }
    const end = offset + length;
    if (end <= this.#base) return;
    if (this.#lost.size > 0) this.#lost.remove(offset, end);
    if (offset > this.#base) {
      this.#acked.add(offset, end);
      return;
    }
    this.#base = end;
    while (this.#acked.size > 0 && this.#acked.start(0) <= this.#base) {
      this.#base = Math.max(this.#base, this.#acked.end(0));
      this.#acked.removeBelow(this.#base);
    }
    this.#buffer.dropBelow(this.#base);
  }

  /** A piece did not arrive: what of it is still unacknowledged goes out again. Returns those bytes. */
  lost(offset: number, length: number, fin: boolean): number {
    if (this.resetCode !== undefined) return 0;
    if (fin && !this.#finAcked) this.#finLost = true;
    const end = offset + length;
    let at = Math.max(offset, this.#base);
    let bytes = 0;
    for (let i = this.#acked.firstEndingAt(at); i < this.#acked.size && at < end; i++) {
      const ackedStart = Math.min(end, this.#acked.start(i));
      if (ackedStart > at) bytes += this.#again(at, ackedStart);
      at = Math.max(at, this.#acked.end(i));
    }
    if (at < end) bytes += this.#again(at, end);
    return bytes;
  }

  #again(start: number, end: number): number {
    this.#lost.add(start, end);
    return end - start;
  }

  #put(into: Uint8Array, at: number, offset: number, length: number, piece: StreamPiece): number {
    piece.offset = offset;
    piece.length = length;
    piece.fin = this.#ended && offset + length === this.#buffer.end;
    if (piece.fin) {
      this.#finSent = true;
      this.#finLost = false;
    }
    const dataAt = writeStreamHeader(into, at, this.#id, offset, length, piece.fin);
    this.#buffer.copy(offset, length, into, dataAt);
    return dataAt + length;
  }
}
