// The packets that were sent, by number, in typed arrays: nothing is allocated per packet, and growing is rare. A slot is
// reused when the ring comes round; until then a lost packet can still be recognised.

import { UDPACK_RECOVERY_LIMITS } from "../../../shared/limits.ts";

const { PACKETS_IN_FLIGHT_MAX } = UDPACK_RECOVERY_LIMITS;

/** What became of a number. */
export const PACKET = {
  /** Skipped by the sender: who acknowledges it makes it up. */
  unsent: 0,
  /** Sent, but it elicits no ACK, and so is neither counted nor missed. */
  uncounted: 1,
  inFlight: 2,
  acked: 3,
  lost: 4,
  /** Repeated by a tail probe: it may still arrive. */
  probed: 5,
} as const;

/** A power of two, as is the greatest number of slots: the slot is the number's lower bits, above 2^32 as well. */
const SLOTS_AT_FIRST = 256;
/** Numbers of one slot in the array of times and counts. */
const STRIDE = 4;

/** A ring of sent packets. Its owner asks only for numbers from `first` up to, but not including, `next`. */
export class SentRing<F> {
  /** The oldest number whose fate is open; `next` if there is none. */
  oldest = 0;
  /** One more than the greatest number sent. */
  next = 0;
  #slots = SLOTS_AT_FIRST;
  #states = new Uint8Array(SLOTS_AT_FIRST);
  #limited = new Uint8Array(SLOTS_AT_FIRST);
  #sizes = new Uint32Array(SLOTS_AT_FIRST);
  /** For each slot: sent at, delivered before, delivered at, first sent at (the state of the rate sampler). */
  #marks = new Float64Array(SLOTS_AT_FIRST * STRIDE);
  #frames: (F | undefined)[] = new Array(SLOTS_AT_FIRST).fill(undefined);

  /** The least number that still has its slot. */
  get first(): number {
    return Math.max(0, this.next - this.#slots);
  }

  /** The ring is at its bound: another number would push out the oldest open one. */
  get isFull(): boolean {
    return this.next - this.oldest >= PACKETS_IN_FLIGHT_MAX;
  }

  /** Whether `number` can be added without pushing out an open one. */
  hasRoomFor(number: number): boolean {
    return this.oldest === this.next || number - this.oldest < PACKETS_IN_FLIGHT_MAX;
  }

  /** Makes room for `number`, which must be `next` or greater; numbers between are marked as skipped. */
  reserve(number: number): void {
    if (number - this.oldest >= PACKETS_IN_FLIGHT_MAX) this.oldest = number;
    while (number - this.oldest >= this.#slots && this.#slots < PACKETS_IN_FLIGHT_MAX) this.#grow();
    for (let n = Math.max(this.next, number - this.#slots + 1); n < number; n++) {
      this.#states[this.#slot(n)] = PACKET.unsent;
    }
    this.next = number + 1;
  }

  put(number: number, state: number, bytes: number, frames: F | undefined): void {
    const slot = this.#slot(number);
    this.#states[slot] = state;
    this.#sizes[slot] = bytes;
    this.#frames[slot] = frames;
  }

  /** Keeps what the rate sampler knew when the packet left. */
  mark(n: number, sentAt: number, delivered: number, deliveredAt: number, firstSentAt: number): void {
    const at = this.#slot(n) * STRIDE;
    this.#marks[at] = sentAt;
    this.#marks[at + 1] = delivered;
    this.#marks[at + 2] = deliveredAt;
    this.#marks[at + 3] = firstSentAt;
  }

  setAppLimited(number: number, limited: boolean): void {
    this.#limited[this.#slot(number)] = limited ? 1 : 0;
  }

  state(number: number): number {
    return this.#states[this.#slot(number)] ?? 0;
  }
  /** Ends a packet's time in flight, or corrects how it ended. */
  settle(number: number, state: number): void {
    this.#states[this.#slot(number)] = state;
  }
  size(number: number): number {
    return this.#sizes[this.#slot(number)] ?? 0;
  }
  isAppLimited(number: number): boolean {
    return this.#limited[this.#slot(number)] === 1;
  }
  sentAt(number: number): number {
    return this.#marks[this.#slot(number) * STRIDE] ?? 0;
  }
  deliveredBefore(number: number): number {
    return this.#marks[this.#slot(number) * STRIDE + 1] ?? 0;
  }
  deliveredAt(number: number): number {
    return this.#marks[this.#slot(number) * STRIDE + 2] ?? 0;
  }
  firstSentAt(number: number): number {
    return this.#marks[this.#slot(number) * STRIDE + 3] ?? 0;
  }

  /** Hands out a packet's frames and lets go of them. */
  takeFrames(number: number): F | undefined {
    const slot = this.#slot(number);
    const frames = this.#frames[slot];
    this.#frames[slot] = undefined;
    return frames;
  }

  /** Moves `oldest` up to the first number in flight. Each number is passed once. */
  advance(): void {
    while (this.oldest < this.next && this.state(this.oldest) !== PACKET.inFlight) this.oldest += 1;
  }

  #slot(number: number): number {
    return number & (this.#slots - 1);
  }

  #grow(): void {
    const from = this.first;
    const old = { states: this.#states, limited: this.#limited, sizes: this.#sizes, marks: this.#marks };
    const frames = this.#frames;
    const before = this.#slots;
    this.#slots *= 2;
    this.#states = new Uint8Array(this.#slots);
    this.#limited = new Uint8Array(this.#slots);
    this.#sizes = new Uint32Array(this.#slots);
    this.#marks = new Float64Array(this.#slots * STRIDE);
    this.#frames = new Array(this.#slots).fill(undefined);
    for (let n = from; n < this.next; n++) {
      const source = n & (before - 1);
      const target = this.#slot(n);
      this.#states[target] = old.states[source] ?? 0;
      this.#limited[target] = old.limited[source] ?? 0;
      this.#sizes[target] = old.sizes[source] ?? 0;
      this.#marks.set(old.marks.subarray(source * STRIDE, source * STRIDE + STRIDE), target * STRIDE);
      this.#frames[target] = frames[source];
    }
  }
}
