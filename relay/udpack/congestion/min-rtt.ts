// The least round-trip time of the last ten seconds, and when it has to be measured anew.

import { UDPACK_CONGESTION_LIMITS } from "../../../shared/limits.ts";

const { MIN_RTT_KEPT_MS } = UDPACK_CONGESTION_LIMITS;

/** A sample this close above the least one confirms it: clocks and readers jitter. */
const CLOSE_PART = 1 / 32;
const CLOSE_MS = 0.1;

/** The least round-trip time, milliseconds. */
export class MinRtt {
  value = Number.POSITIVE_INFINITY;
  #at: number;

  constructor(now: number) {
    this.#at = now;
  }

  /** Takes a sample. True: the least one was too old, this one took its place, and a lower one should be looked for. */
  update(sampleMs: number, now: number): boolean {
    const expired = now > this.#at + MIN_RTT_KEPT_MS;
    if (sampleMs < this.value || expired) {
      this.value = sampleMs;
      this.#at = now;
    } else if (sampleMs <= this.value * (1 + CLOSE_PART) + CLOSE_MS) {
      this.#at = now;
    }
    return expired;
  }

  /** The value holds from `now` on. */
  confirm(now: number): void {
    this.#at = now;
  }

  reset(now: number): void {
    this.value = Number.POSITIVE_INFINITY;
    this.#at = now;
  }
}
