// Which packets came, and when to tell the peer: the generation of ACK frames (docs/UDPACK.md sections 5 and 6).
// Ranges live in two typed arrays, ascending; nothing is allocated after the constructor.

import { UDPACK_RECOVERY_LIMITS } from "../../../shared/limits.ts";
import { type AckSource, writeAck } from "../wire/frame-writers.ts";

const { ACK_RANGES_MAX, ACK_AFTER_PACKETS } = UDPACK_RECOVERY_LIMITS;

/** Slots of the arrays: live ranges slide upwards through them, so that dropping the oldest costs nothing. */
const SLOTS = 2 * ACK_RANGES_MAX;

/** The packet numbers that one side of a session received. Numbers are below 2^48, times are milliseconds. */
export class ReceivedPackets implements AckSource {
  readonly #ackDelayMs: number;
  readonly #starts = new Float64Array(SLOTS);
  readonly #ends = new Float64Array(SLOTS);
  #head = 0;
  #count = 0;
  #largest = -1;
  #largestAt = 0;
  /** Packets that elicit an ACK and were not told since the last one. */
  #pending = 0;
  #pendingAt = 0;
  #due = false;

  /** @param ackDelayMs most time that an ACK is held back: the parameter `ack_delay` of this side. */
  constructor(ackDelayMs: number) {
    this.#ackDelayMs = ackDelayMs;
  }

  /** Greatest number received; -1: none. */
  get largest(): number {
    return this.#largest;
  }

  /** An ACK would tell the peer something it waits for, even if it is not due yet. */
  get isPending(): boolean {
    return this.#pending > 0;
  }

  get ranges(): number {
    return this.#count;
  }
  /** Least number of the i-th newest range. */
  start(i: number): number {
    return this.#starts[this.#head + this.#count - 1 - i] ?? 0;
  }
  /** Greatest number of the i-th newest range. */
  end(i: number): number {
    return this.#ends[this.#head + this.#count - 1 - i] ?? 0;
  }

  /** Takes the number of a packet that opened; the replay window has said that it is new. */
  receive(number: number, ackEliciting: boolean, now: number): void {
    const inOrder = number === this.#largest + 1;
    if (number > this.#largest) {
      this.#largest = number;
      this.#largestAt = now;
      this.#append(number);
    } else {
      this.#insert(number);
    }
    if (!ackEliciting) return;
    if (this.#pending === 0) this.#pendingAt = now;
    this.#pending += 1;
    if (!inOrder || this.#pending >= ACK_AFTER_PACKETS) this.#due = true;
  }

  /** All packets of one read from the socket were handed in. */
  batchEnd(_now: number): void {
    if (this.#pending > 0) this.#due = true;
  }

  /** An ACK should be sent now, in a packet of its own if nothing else goes out. */
  isDue(now: number): boolean {
    return this.#due || (this.#pending > 0 && now >= this.#pendingAt + this.#ackDelayMs);
  }

  /** When `isDue` becomes true by itself; infinite: not before another packet. */
  deadline(): number {
    if (this.#pending === 0) return Number.POSITIVE_INFINITY;
    return this.#due ? this.#pendingAt : this.#pendingAt + this.#ackDelayMs;
  }

  /**
   * Writes an ACK frame of the newest ranges, as many as there is room for, and counts what was received as told.
   * @returns the offset behind it; -1: no room, or nothing was received
   */
  writeAck(into: Uint8Array, offset: number, now: number): number {
    const at = writeAck(into, offset, this, now - this.#largestAt);
    if (at < 0) return -1;
    this.#pending = 0;
    this.#due = false;
    return at;
  }

  /** The peer knows what became of all numbers below `below`: they are not told again. The newest range stays. */
  forget(below: number): void {
    const last = this.#head + this.#count - 1;
    while (this.#head < last && (this.#ends[this.#head] ?? 0) < below) {
      this.#head += 1;
      this.#count -= 1;
    }
    if (this.#count === 0) return;
    const end = this.#ends[this.#head] ?? 0;
    if ((this.#starts[this.#head] ?? 0) < below) this.#starts[this.#head] = Math.min(below, end);
  }

  #append(number: number): void {
    const last = this.#head + this.#count - 1;
    if (this.#count > 0 && this.#ends[last] === number - 1) {
      this.#ends[last] = number;
      return;
    }
    if (this.#count === ACK_RANGES_MAX) {
      this.#head += 1;
      this.#count -= 1;
    }
    if (this.#head + this.#count === SLOTS) this.#slideDown();
    const slot = this.#head + this.#count;
    this.#starts[slot] = number;
    this.#ends[slot] = number;
    this.#count += 1;
  }

  #slideDown(): void {
    this.#starts.copyWithin(0, this.#head, this.#head + this.#count);
    this.#ends.copyWithin(0, this.#head, this.#head + this.#count);
    this.#head = 0;
  }

  /** A number below the largest: nearly always close to it, so the search begins at the newest range. */
  #insert(number: number): void {
    const last = this.#head + this.#count - 1;
    let below = last;
    while (below >= this.#head && (this.#starts[below] ?? 0) > number) below -= 1;
    const hasBelow = below >= this.#head;
    if (hasBelow && number <= (this.#ends[below] ?? 0)) return;
    const touchesBelow = hasBelow && this.#ends[below] === number - 1;
    const touchesAbove = below < last && this.#starts[below + 1] === number + 1;
    if (touchesBelow && touchesAbove) {
      this.#ends[below] = this.#ends[below + 1] ?? 0;
      this.#move(below + 2, below + 1);
      this.#count -= 1;
    } else if (touchesBelow) {
      this.#ends[below] = number;
    } else if (touchesAbove) {
      this.#starts[below + 1] = number;
    } else {
      this.#open(below, number);
    }
  }

  /** Puts a range of its own above the slot `below`; one that would be the oldest of too many is left out. */
  #open(below: number, number: number): void {
    let under = below;
    if (this.#count === ACK_RANGES_MAX) {
      if (under < this.#head) return;
      this.#head += 1;
      this.#count -= 1;
    }
    if (this.#head + this.#count === SLOTS) {
      under -= this.#head;
      this.#slideDown();
    }
    this.#move(under + 1, under + 2);
    this.#starts[under + 1] = number;
    this.#ends[under + 1] = number;
    this.#count += 1;
  }

  /** Moves the ranges from slot `from` on to slot `to`. */
  #move(from: number, to: number): void {
    const end = this.#head + this.#count;
    if (from >= end) return;
    this.#starts.copyWithin(to, from, end);
    this.#ends.copyWithin(to, from, end);
  }
}
