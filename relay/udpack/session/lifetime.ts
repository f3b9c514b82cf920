// How long a session lives (docs/UDPACK.md sections 9.3 and 9.4): the idle time-out, the PING that keeps it alive, and what is
// still said after it was closed. Pure; milliseconds.

import { CLOSE_CODES, type CloseCode } from "../wire/codes.ts";
import { writeClose } from "../wire/frame-writers.ts";

export interface LifetimeOptions {
  readonly now: number;
  /** The smaller of both sides' idle time-outs. */
  readonly idleMs: number;
  /** A PING goes out after so long without anything sent; 0: never. */
  readonly keepAliveMs: number;
  /** A PING asks whether the peer is still there after so long of silence that follows something of its own; absent: never. */
  readonly stallMs?: number | undefined;
}

/** Probe time-outs for which a closed session still answers. */
const CLOSING_PTOS = 3;

export class Lifetime {
  /** Why it ended; undefined while it lives. */
  ended: CloseCode | undefined;
  readonly #idleMs: number;
  readonly #keepAliveMs: number;
  readonly #stallMs: number;
  #heardAt: number;
  /** When a packet came last that was not only an answer. */
  #gaveAt = Number.NEGATIVE_INFINITY;
  #sentAt: number;
  /** When the first packet that asks for an answer was sent since something was heard. */
  #askedAt = Number.NEGATIVE_INFINITY;
  #reason = "";
  /** A CLOSE waits to be sent. */
  #closeWaits = false;
  #forgetAt = Number.POSITIVE_INFINITY;
  #answeringMs = 0;
  #answerAt = 0;
  #answerMs = 0;

  constructor({ now, idleMs, keepAliveMs, stallMs = Number.POSITIVE_INFINITY }: LifetimeOptions) {
    this.#idleMs = idleMs;
    this.#keepAliveMs = keepAliveMs > 0 ? keepAliveMs : Number.POSITIVE_INFINITY;
    this.#stallMs = stallMs;
    this.#heardAt = now;
    this.#sentAt = now;
  }

  /** A packet of the peer opened; `gives`: it is not only an answer to ours. */
  heard(gives: boolean, now: number): void {
    this.#heardAt = now;
    this.#askedAt = Number.NEGATIVE_INFINITY;
    if (gives) this.#gaveAt = now;
  }

  /** A packet leaves; `asks`: the peer has to acknowledge it. */
  sent(asks: boolean, now: number): void {
    this.#sentAt = now;
    if (asks && this.#askedAt < this.#heardAt) this.#askedAt = now;
  }

  /** When the session ends because nothing is heard (RFC 9000 section 10.1: asking anew begins the wait anew, once). */
  get idleAt(): number {
    return Math.max(this.#heardAt, this.#askedAt) + this.#idleMs;
  }

  /** When a PING is due. */
  get keepAliveAt(): number {
    // Who only receives has nothing in flight by which it would notice that the path is gone.
    const isAsked = this.#askedAt >= this.#heardAt;
    const isGiving = this.#heardAt - this.#gaveAt < this.#stallMs;
    const stalledAt = isGiving && !isAsked ? this.#heardAt + this.#stallMs : Number.POSITIVE_INFINITY;
    return Math.min(stalledAt, this.#sentAt + this.#keepAliveMs);
  }

  /** Ends it by a CLOSE of ours, which answers what still comes for a while after it was sent. */
  close(code: CloseCode, reason: string, ptoMs: number, rttMs: number): void {
    this.ended = code;
    this.#reason = reason;
    this.#closeWaits = true;
    this.#answeringMs = CLOSING_PTOS * ptoMs;
    this.#answerMs = rttMs;
  }

  /** Ends it without a word: the peer closed it, or is not there. */
  vanish(code: CloseCode): void {
    this.ended = code;
    this.#forgetAt = Number.NEGATIVE_INFINITY;
  }

  /** A packet came after the end. */
  heardLate(now: number): void {
    if (now >= this.#answerAt && now < this.#forgetAt) this.#closeWaits = true;
  }

  get closeWaits(): boolean {
    return this.#closeWaits;
  }

  /** When an ended session needs to be known no longer. */
  get forgetAt(): number {
    return this.#forgetAt;
  }

  /** Writes the CLOSE that waits; 0: none does. */
  writeClose(into: Uint8Array, now: number): number {
    if (!this.#closeWaits || this.ended === undefined) return 0;
    this.#closeWaits = false;
    this.#answerAt = now + this.#answerMs;
    this.#forgetAt = Math.min(this.#forgetAt, now + this.#answeringMs);
    return Math.max(0, writeClose(into, 0, CLOSE_CODES[this.ended], this.#reason));
  }
}
