// A token bucket in bytes that may go into debt: what was read before its size was known is paid back before anything else.
// Pure: time comes in as an argument.

import { PACING_LIMITS } from "../../shared/limits.ts";

/** A bucket as those need it who share it out. */
export interface Bucket {
  readonly rate: number;
  /** Bytes that may pass now; negative: a debt. */
  readonly tokens: number;
  /** Whether streams wait that belong to others than who asks. */
  readonly othersWait: boolean;
  setRate(rate: number, now: number): void;
  fill(now: number, someoneWaits: boolean): void;
  take(bytes: number): void;
  /** What each of `streams` that wait here gets in a round. */
  part(streams: number): number;
  /** How many wait here from now on. */
  wait(streams: number): void;
}

export class TokenBucket implements Bucket {
  /** It belongs to one share alone. */
  readonly othersWait = false;

  /** Bytes per second. */
  #rate: number;
  #tokens: number;
  #filledAt: number;

  /** Begins full. `now` in milliseconds on a clock that only grows. */
  constructor(rate: number, now: number) {
    this.#rate = rate;
    this.#tokens = this.#burst;
    this.#filledAt = now;
  }

  get rate(): number {
    return this.#rate;
  }

  /** Bytes that may pass now; negative: a debt. */
  get tokens(): number {
    return this.#tokens;
  }

  get #burst(): number {
    return (this.#rate * PACING_LIMITS.BURST_MS) / 1_000;
  }

  setRate(rate: number, now: number): void {
    this.fill(now, false);
    this.#rate = rate;
    this.#tokens = Math.min(this.#tokens, this.#burst);
  }

  /**
   * Adds what the time since the last call is worth. While somebody waits, nothing of it is lost to a timer that came late;
   * otherwise the bucket holds a burst at most.
   */
  fill(now: number, someoneWaits: boolean): void {
    const elapsed = Math.max(0, now - this.#filledAt);
    this.#filledAt = now;
    const earned = (this.#rate * Math.min(elapsed, PACING_LIMITS.DEBT_MS_MAX)) / 1_000;
    const late = (this.#rate * Math.min(elapsed, PACING_LIMITS.LATE_MS)) / 1_000;
    const most = someoneWaits ? Math.max(this.#burst, late) : this.#burst;
    this.#tokens = Math.min(this.#tokens + earned, Math.max(this.#tokens, most));
  }

  /** Takes `bytes`; gives them back when negative. */
  take(bytes: number): void {
    this.#tokens -= bytes;
  }

  part(streams: number): number {
    return this.#tokens / streams;
  }

  wait(): void {}
}
