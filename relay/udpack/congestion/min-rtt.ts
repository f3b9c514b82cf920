// The least round-trip time, and when it has to be measured anew. An old value holds until then: what is seen meanwhile may be
// the flow's own queue, and to take that for the path would make the queue longer still.

import { UDPACK_CONGESTION_LIMITS } from "../../../shared/limits.ts";

const { MIN_RTT_KEPT_MS, MIN_RTT_SHARED_KEPT_MS } = UDPACK_CONGESTION_LIMITS;

/** A sample this close above the least one confirms it: clocks and readers jitter. */
const CLOSE_PART = 1 / 32;
const CLOSE_MS = 0.1;

/** The least round-trip time, milliseconds. */
export class MinRtt {
  value = Number.POSITIVE_INFINITY;
  #at: number;
  /** Of the measurement under way. */
  #measured = Number.POSITIVE_INFINITY;

  constructor(now: number) {
    this.#at = now;
  }

  /**
   * Takes a sample. True: the least one is too old. In a queue that is shared only a lower one confirms it, so that
   * flows that came into a full queue find out, and do so together: who sees another one's measurement waits as long.
   */
  update(sampleMs: number, isShared: boolean, now: number): boolean {
    if (sampleMs < this.#measured) this.#measured = sampleMs;
    if (sampleMs < this.value) {
      this.value = sampleMs;
      this.#at = now;
    } else if (!isShared && sampleMs <= this.value * (1 + CLOSE_PART) + CLOSE_MS) {
      this.#at = now;
    }
    return now > this.#at + (isShared ? MIN_RTT_SHARED_KEPT_MS : MIN_RTT_KEPT_MS);
  }

  beginMeasuring(): void {
    this.#measured = Number.POSITIVE_INFINITY;
  }

  /** What was the least since then is the least. */
  endMeasuring(now: number): void {
    if (this.#measured < Number.POSITIVE_INFINITY) this.value = this.#measured;
    this.#at = now;
  }

  /** Nothing is in flight but what `sampleMs` was measured by: there is no queue. */
  replace(sampleMs: number, now: number): void {
    this.value = sampleMs;
    this.#at = now;
  }

  reset(now: number): void {
    this.value = Number.POSITIVE_INFINITY;
    this.#at = now;
  }
}
