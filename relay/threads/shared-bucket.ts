// A token bucket that threads share, in one 64-bit number: the time at which everything taken so far is earned. What lies
// between that and now is what may pass; what lies beyond is a debt. Taking is one compare-and-swap, so nothing is lost and
// nothing is taken twice, and a thread that ends at any point leaves a whole bucket behind.

import { PACING_LIMITS } from "../../shared/limits.ts";
import type { PacingClock } from "../limits/fair-share.ts";
import { SYSTEM_PACING } from "../limits/fair-share.ts";
import type { Bucket } from "../limits/token-bucket.ts";
import type { SharedCount } from "./shared-count.ts";

const NS_PER_MS = 1e6;
const NS_PER_S = 1e9;
/** Rounds that a timer which came late makes up for. */
const LATE_TICKS = 5;

/** The same for all threads of a process: each thread's performance.now() begins with the thread. */
export const THREADS_PACING: PacingClock = {
  now: () => Number(process.hrtime.bigint()) / NS_PER_MS,
  schedule: SYSTEM_PACING.schedule,
};

export interface SharedBucketOptions {
  /** Bytes per second. */
  readonly rate: number;
  /** Milliseconds of THREADS_PACING. */
  readonly now: number;
  readonly cells: BigInt64Array;
  /** Where the bucket lies; it may be another place after the account was forgotten. */
  readonly at: () => number;
  /** Streams that wait, in all threads. */
  readonly waiting: () => SharedCount;
}

export class SharedBucket implements Bucket {
  readonly #options: SharedBucketOptions;
  #rate: number;
  #now: number;
  /** How far back what was earned counts. */
  #windowMs: number = PACING_LIMITS.BURST_MS;
  /** Streams that wait here. */
  #waiting = 0;
  #sharedAt: number;

  constructor(options: SharedBucketOptions) {
    this.#options = options;
    this.#rate = options.rate;
    this.#now = options.now;
    this.#sharedAt = options.now;
  }

  get rate(): number {
    return this.#rate;
  }

  get tokens(): number {
    const { cells, at } = this.#options;
    const ns = this.#nowNs - Number(this.#since(Atomics.load(cells, at())));
    return (ns * this.#rate) / NS_PER_S;
  }

  get othersWait(): boolean {
    return this.#options.waiting().others > 0;
  }

  setRate(rate: number, now: number): void {
    this.fill(now, false);
    this.#rate = rate;
  }

  /** While somebody waits, nothing is lost to a timer that came late; otherwise the bucket holds a burst at most. */
  fill(now: number, someoneWaits: boolean): void {
    this.#now = now;
    this.#windowMs = someoneWaits ? PACING_LIMITS.LATE_MS : PACING_LIMITS.BURST_MS;
  }

  take(bytes: number): void {
    const { cells, at } = this.#options;
    const index = at();
    const worth = BigInt(Math.round((bytes * NS_PER_S) / this.#rate));
    for (;;) {
      const known = Atomics.load(cells, index);
      const next = this.#since(known) + worth;
      if (Atomics.compareExchange(cells, index, known, next) === known) return;
    }
  }

  /**
   * Of what has come in since the last round each stream of any thread gets the same, however many wait in this thread; of
   * what nobody took before, too.
   */
  part(streams: number): number {
    const { TICK_MS } = PACING_LIMITS;
    const all = this.#options.waiting().others + streams;
    const mostMs = LATE_TICKS * TICK_MS;
    const sinceMs = Math.min(Math.max(this.#now - this.#sharedAt, TICK_MS), mostMs);
    this.#sharedAt = this.#now;
    const perMs = this.#rate / 1_000;
    const leftOver = Math.max(0, this.tokens - perMs * TICK_MS);
    // In proportion to time, too: a thread whose timer fires more often must not get more of it.
    return (perMs * sinceMs + (leftOver * sinceMs) / mostMs) / all;
  }

  wait(streams: number): void {
    if (streams === this.#waiting) return;
    this.#options.waiting().add(streams - this.#waiting);
    this.#waiting = streams;
  }

  get #nowNs(): number {
    return Math.round(this.#now * NS_PER_MS);
  }

  /** The bucket's time as it counts now: what was earned before the window is void. */
  #since(known: bigint): bigint {
    const earliest = BigInt(this.#nowNs - this.#windowMs * NS_PER_MS);
    return known > earliest ? known : earliest;
  }
}
