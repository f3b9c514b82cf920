// How much more ACKs tell at once than the bandwidth explains: radios, and readers that are busy, collect them. That much
// more must be in flight, or the sender would stand still between two of them.

import { MaxFilter } from "./max-filter.ts";

/** Greatest excess of acknowledged bytes over the expected ones, of the last rounds. */
export class AckAggregation {
  readonly #excess = new MaxFilter();
  #since: number;
  #acked = 0;

  constructor(now: number) {
    this.#since = now;
  }

  /** The estimate of the bandwidth was wrong, and so was the excess over it. */
  reset(now: number): void {
    this.#excess.reset(0, 0);
    this.#since = now;
    this.#acked = 0;
  }

  get bytes(): number {
    return this.#excess.max;
  }

  /** An ACK of `acked` bytes at an estimate of `bandwidth` bytes per second; no more than `window` counts. */
  update(acked: number, bandwidth: number, window: number, now: number, round: number, rounds: number): void {
    let expected = (bandwidth * (now - this.#since)) / 1_000;
    if (this.#acked <= expected) {
      this.#since = now;
      this.#acked = 0;
      expected = 0;
    }
    this.#acked += acked;
    this.#excess.update(Math.min(window, this.#acked - expected), round, rounds);
  }
}
