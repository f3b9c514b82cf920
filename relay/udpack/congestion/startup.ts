// When startup has filled the pipe: the delivery rate stops growing, or the queue overflows. Loss without a queue does not count:
// the path loses by chance, and who stopped then would need long for its share.

import { UDPACK_CONGESTION_LIMITS } from "../../../shared/limits.ts";
import type { RateSample } from "../recovery/rate-sample.ts";

const { STANDING_QUEUE_MS } = UDPACK_CONGESTION_LIMITS;

const GROWTH = 1.25;
const ROUNDS_WITHOUT_GROWTH = 3;
/** Part of a round's packets; paths that lose so many by chance are rare. */
const OVERFLOW_PART = 0.1;

/** Watches the rounds of startup. */
export class FullPipe {
  reached = false;
  #bandwidth = 0;
  #rounds = 0;
  #bound = Number.POSITIVE_INFINITY;
  #acked = 0;
  #lost = 0;
  #least = Number.POSITIVE_INFINITY;

  onAcked(sample: RateSample): void {
    this.#acked += sample.acked;
    this.#lost += sample.lost;
    if (sample.rttMs >= 0 && sample.rttMs < this.#least) this.#least = sample.rttMs;
  }

  /** Looks at a round that has ended. */
  onRound(bandwidth: number, minRttMs: number, sample: RateSample): void {
    if (this.reached) return;
    const overflows = this.#lost > OVERFLOW_PART * (this.#lost + this.#acked);
    const waits = this.#least > minRttMs + STANDING_QUEUE_MS;
    this.#beginRound();
    if (sample.appLimited || bandwidth === 0) return;
    if (bandwidth >= this.#bound || (overflows && waits)) {
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
    this.#beginRound();
  }

  #beginRound(): void {
    this.#acked = 0;
    this.#lost = 0;
    this.#least = Number.POSITIVE_INFINITY;
  }
}
