// Whether a queue stands in front of the bottleneck, and what then comes through. While one does, the bottleneck is busy, and
// what is delivered is the flow's whole share: greater samples of before are out of date, be it that the path has become
// slower or that others have come. Without a queue a low sample may only mean that little was sent.

import { UDPACK_CONGESTION_LIMITS } from "../../../shared/limits.ts";
import type { RateSample } from "../recovery/rate-sample.ts";

const {
  OVERFLOW_PART,
  QUEUE_EPOCH_MS_MIN,
  QUEUE_EPOCHS_MAX,
  QUEUE_EPOCHS_MIN,
  QUEUE_EPOCHS_MS,
  QUEUE_EPOCHS_SKIPPED,
  STANDING_QUEUE_MS,
} = UDPACK_CONGESTION_LIMITS;

/** Looks at one least round-trip time after the other. Milliseconds, bytes per second. */
export class StandingQueue {
  /** Epochs in a row that had a queue from their beginning to their end. */
  epochs = 0;
  /** As many make a queue that stands for longer than a probe and its echo. */
  #needed: number = QUEUE_EPOCHS_MAX;
  readonly #rates = new Float64Array(QUEUE_EPOCHS_MAX);
  #next = 0;
  #skip = 0;
  #at = 0;
  #least = Number.POSITIVE_INFINITY;
  #rate = 0;
  #acked = 0;
  #lost = 0;

  get stands(): boolean {
    return this.epochs >= this.#needed;
  }

  /** Greatest delivery rate of the epochs that show it. */
  get rate(): number {
    let greatest = 0;
    for (let i = 1; i <= this.#needed; i++) {
      const rate = this.#rates[(this.#next - i + QUEUE_EPOCHS_MAX) % QUEUE_EPOCHS_MAX] ?? 0;
      if (rate > greatest) greatest = rate;
    }
    return greatest;
  }

  /** Takes a sample. True: an epoch has ended. */
  onAcked(sample: RateSample, minRttMs: number, now: number): boolean {
    this.#acked += sample.acked;
    this.#lost += sample.lost;
    if (sample.rttMs >= 0 && sample.rttMs < this.#least) this.#least = sample.rttMs;
    if (!sample.appLimited && sample.rate > this.#rate) this.#rate = sample.rate;
    if (now - this.#at < Math.max(minRttMs, QUEUE_EPOCH_MS_MIN)) return false;
    if (this.#least === Number.POSITIVE_INFINITY) return false;
    const overflows = this.#lost > OVERFLOW_PART * (this.#lost + this.#acked);
    const waits = this.#least > minRttMs + STANDING_QUEUE_MS;
    this.epochs = this.#skip === 0 && this.#rate > 0 && (overflows || waits) ? this.epochs + 1 : 0;
    if (this.#skip > 0) this.#skip -= 1;
    this.#rates[this.#next] = this.#rate;
    this.#next = (this.#next + 1) % QUEUE_EPOCHS_MAX;
    const inTime = Math.ceil(QUEUE_EPOCHS_MS / minRttMs);
    this.#needed = Math.max(QUEUE_EPOCHS_MIN, Math.min(QUEUE_EPOCHS_MAX, inTime));
    this.#begin(now);
    return true;
  }

  /** Begins anew, after something that samples of the next epochs still tell of. */
  restart(now: number): void {
    this.epochs = 0;
    this.#skip = QUEUE_EPOCHS_SKIPPED;
    this.#begin(now);
  }

  #begin(now: number): void {
    this.#at = now;
    this.#least = Number.POSITIVE_INFINITY;
    this.#rate = 0;
    this.#acked = 0;
    this.#lost = 0;
  }
}
