// When startup has filled the pipe: the delivery rate stops growing. Loss does not count: another flow's start may cause it,
// and who stopped then would need a minute for its share.

import type { RateSample } from "../recovery/rate-sample.ts";

const GROWTH = 1.25;
const ROUNDS_WITHOUT_GROWTH = 3;

/** Watches the rounds of startup. */
export class FullPipe {
  reached = false;
  #bandwidth = 0;
  #rounds = 0;
  #bound = Number.POSITIVE_INFINITY;

  /** Looks at a round that has ended. */
  onRound(bandwidth: number, sample: RateSample): void {
    if (this.reached || sample.appLimited) return;
    if (bandwidth >= this.#bound) {
      this.reached = true;
    } else if (bandwidth >= this.#bandwidth * GROWTH) {
      this.#bandwidth = bandwidth;
      this.#rounds = 0;
    } else {
      this.#rounds += 1;
      this.reached = this.#rounds >= ROUNDS_WITHOUT_GROWTH;
    }
  }

  /** Starts anew; startup ends at `bound` at the latest. */
  restart(bound: number): void {
    this.reached = false;
    this.#bandwidth = 0;
    this.#rounds = 0;
    this.#bound = bound;
  }
}
