// The receiving direction of one stream: puts what comes in order, checks it against credit and final size, and grants more
// as it is read. Pure. What it keeps is bounded by its credit and by the gaps that the session allows (see ReceiveCredit).

import { UDPACK_STREAM_LIMITS } from "../../../shared/limits.ts";
import type { CloseCode } from "../wire/codes.ts";
import { RangeSet } from "./range-set.ts";
import { ReceiveBlocks } from "./receive-blocks.ts";
import type { ReceiveCredit } from "./receive-credit.ts";

/** Nothing, or why the session must end, or that the packet must count as not received: there are too many gaps. */
export type Received = CloseCode | "refused" | undefined;

const UNKNOWN = -1;

export class ReceiveStream {
  /** The peer may send up to this offset. */
  limit: number;
  /** Code of the RESET that ended it, or undefined. */
  resetCode: number | undefined;
  /** No more is wanted, because we sent STOP or the peer RESET. */
  #discarding = false;
  #finalSize = UNKNOWN;
  /** The reader was told of the end. */
  #endRead = false;
  #read = 0;
  /** All bytes before this have come. */
  #contiguous = 0;
  #highest = 0;
  #window: number;
  /** When the reader began to leave something unread: not reset before it has read everything. */
  #unreadSince = 0;
  /** When more was granted last. */
  #renewedAt = 0;
  /** The peer has come to the last quarter of the window since it was renewed. */
  #cameFar = false;
  readonly #blocks = new ReceiveBlocks();
  readonly #gaps = new RangeSet();
  readonly #credit: ReceiveCredit;

  /** Its first credit is counted by the owner of `credit`. */
  constructor(credit: ReceiveCredit) {
    this.#credit = credit;
    this.limit = credit.streamBytes;
    this.#window = credit.streamBytes;
  }

  /** Whether there is something to read, the end included. */
  get readable(): boolean {
    return !this.#discarding && !this.#endRead && (this.#contiguous > this.#read || this.#atEnd);
  }

  /** Nothing more comes that anyone wants. */
  get done(): boolean {
    return this.#endRead || (this.#discarding && this.#finalSize !== UNKNOWN);
  }

  /** Whether the peer has told where it ends. */
  get sizeKnown(): boolean {
    return this.#finalSize !== UNKNOWN;
  }

  get #atEnd(): boolean {
    return this.#contiguous === this.#finalSize;
  }

  /** Takes a STREAM frame; copies what it keeps of `data`. */
  receive(offset: number, data: Uint8Array, fin: boolean, now: number): Received {
    const end = offset + data.length;
    // How long a stream was open before anything came says nothing about its reader.
    if (this.#highest === 0) this.#renewedAt = now;
    const bad = this.#check(end, fin);
    if (bad !== undefined) return bad;
    if (fin) this.#setFinalSize(end);
    if (this.#discarding || end <= this.#contiguous || data.length === 0) return undefined;
    if (offset <= this.#contiguous) {
      if (this.#contiguous === this.#read) this.#unreadSince = now;
      this.#blocks.write(
        this.#contiguous,
        offset === this.#contiguous ? data : data.subarray(this.#contiguous - offset),
      );
      this.#contiguous = end;
      if (this.#gaps.size > 0) this.#closeGaps();
      return undefined;
    }
    const before = this.#gaps.size;
    if (!this.#gaps.add(offset, end, before + this.#credit.gapsLeft)) return "refused";
    this.#credit.gapsLeft -= this.#gaps.size - before;
    this.#blocks.write(offset, data);
    return undefined;
  }

  /** Takes a RESET frame. */
  reset(code: number, finalSize: number): CloseCode | undefined {
    const bad = this.#check(finalSize, true);
    if (bad !== undefined) return bad;
    // What is complete is still delivered: the RESET was sent before its sender knew (RFC 9000 section 3.2).
    const complete = this.#atEnd;
    this.#setFinalSize(finalSize);
    if (complete || this.#discarding) return undefined;
    this.resetCode = code;
    this.discard();
    return undefined;
  }

  /** The next bytes, which are the caller's; null: the end; undefined: nothing yet. */
  read(): Uint8Array | null | undefined {
    if (!this.readable) return undefined;
    if (this.#contiguous === this.#read) {
      this.#endRead = true;
      this.#credit.release(this.#window);
      return null;
    }
    const bytes = this.#blocks.take(this.#read, this.#contiguous);
    this.#read += bytes.length;
    return bytes;
  }

  /** Begins with the window that earlier streams of the session have earned; true: the peer does not know of it. */
  begin(): boolean {
    const more = this.#credit.takeEarned();
    if (more === 0) return false;
    this.#window += more;
    this.limit += more;
    this.#credit.grant(more);
    return true;
  }

  /** Whether half of the window was read since more was granted. */
  get wantsRenewal(): boolean {
    return this.#read + this.#window / 2 >= this.limit && this.#finalSize === UNKNOWN && !this.#discarding;
  }

  /** Grants more if it is time to; and a larger window where the peer has used nearly all of it and the reader is prompt. */
  renew(now: number, rttMs: number): void {
    if (!this.wantsRenewal) return;
    const { GROWTH_MS_MIN, GROWTH_ROUND_TRIPS, GROWTH_STEEP_BYTES } = UDPACK_STREAM_LIMITS;
    const soonMs = Math.max(GROWTH_MS_MIN, GROWTH_ROUND_TRIPS * rttMs);
    const isPrompt = now - this.#unreadSince <= soonMs;
    // A peer that waits for credit shows by how soon half of it was read, or, while a loss holds the reader up, by how far it is.
    const isUsed = now - this.#renewedAt <= soonMs || this.#cameFar;
    const grown = Math.max(this.#window * (this.#window < GROWTH_STEEP_BYTES ? 4 : 2), this.#credit.earned);
    if (!isPrompt) this.#credit.forfeit(this.#window);
    else if (isUsed && this.#credit.grow(grown - this.#window)) {
      this.#window = grown;
      this.#credit.earn(grown);
    }
    this.#renewedAt = now;
    this.#cameFar = false;
    const more = this.#read + this.#window - this.limit;
    this.limit += more;
    this.#credit.grant(more);
  }

  /** Forgets what is there and what will come; sizes are still checked. */
  discard(): void {
    if (this.#discarding || this.#endRead) return;
    this.#discarding = true;
    this.#credit.gapsLeft += this.#gaps.size;
    this.#gaps.clear();
    this.#blocks.clear();
    this.#credit.release(this.#window);
  }

  /** Checks the end of a frame, and counts what it adds to the session's sum. */
  #check(end: number, fin: boolean): CloseCode | undefined {
    if (this.#finalSize !== UNKNOWN && (fin ? end !== this.#finalSize : end > this.#finalSize))
      return "final_size";
    if (fin && end < this.#highest) return "final_size";
    if (end > this.limit) return "flow_control";
    if (end <= this.#highest) return undefined;
    this.#credit.received += end - this.#highest;
    this.#highest = end;
    if (end + this.#window / 4 > this.limit) this.#cameFar = true;
    return this.#credit.received > this.#credit.advertised ? "flow_control" : undefined;
  }

  #setFinalSize(size: number): void {
    if (this.#finalSize !== UNKNOWN) return;
    this.#finalSize = size;
    this.#credit.giveBack(this.limit - size);
  }

  #closeGaps(): void {
    const gaps = this.#gaps;
    const before = gaps.size;
    if (gaps.start(0) > this.#contiguous) return;
    while (gaps.size > 0 && gaps.start(0) <= this.#contiguous) {
      this.#contiguous = Math.max(this.#contiguous, gaps.end(0));
      gaps.removeBelow(this.#contiguous);
    }
    this.#credit.gapsLeft += before - gaps.size;
  }
}
