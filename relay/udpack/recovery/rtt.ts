// The estimate of a path's round-trip time: RFC 9002 section 5. Times are milliseconds.

import { UDPACK_RECOVERY_LIMITS } from "../../../shared/limits.ts";

const { FIRST_RTT_MS, GRANULARITY_MS } = UDPACK_RECOVERY_LIMITS;

/** Round-trip time of one path. Until the first sample it is a guess, and `sampled` is false. */
export class RttEstimate {
  #latest: number = FIRST_RTT_MS;
  #smoothed: number = FIRST_RTT_MS;
  #variance = FIRST_RTT_MS / 2;
  #least = Number.POSITIVE_INFINITY;
  #sampled = false;

  get sampled(): boolean {
    return this.#sampled;
  }
  /** The newest sample, the peer's delay included. */
  get latest(): number {
    return this.#latest;
  }
  get smoothed(): number {
    return this.#smoothed;
  }
  get variance(): number {
    return this.#variance;
  }
  /** The least sample of this path; infinite before the first. */
  get least(): number {
    return this.#least;
  }

  /** Takes a sample (section 5.3). The peer's delay counts up to `delayMaxMs`, and never below the least sample. */
  update(sample: number, delayMs: number, delayMaxMs: number): void {
    this.#latest = sample;
    if (!this.#sampled) {
      this.#sampled = true;
      this.#least = sample;
      this.#smoothed = sample;
      this.#variance = sample / 2;
      return;
    }
    if (sample < this.#least) this.#least = sample;
    const delay = Math.min(delayMs, delayMaxMs);
    const adjusted = sample >= this.#least + delay ? sample - delay : sample;
    this.#variance += (Math.abs(this.#smoothed - adjusted) - this.#variance) / 4;
    this.#smoothed += (adjusted - this.#smoothed) / 8;
  }

  /** Probe time-out without back-off (section 6.2.1). */
  timeout(ackDelayMs: number): number {
    return this.#smoothed + Math.max(4 * this.#variance, GRANULARITY_MS) + ackDelayMs;
  }

  /** Forgets the path: another one follows. */
  reset(): void {
    this.#latest = FIRST_RTT_MS;
    this.#smoothed = FIRST_RTT_MS;
    this.#variance = FIRST_RTT_MS / 2;
    this.#least = Number.POSITIVE_INFINITY;
    this.#sampled = false;
  }
}
