// A bucket of bytes that fills at the pacing rate: what may leave now, and when the next burst may. Packets are sent
// whole, so the balance may go below zero. Milliseconds and bytes per second.

/** Spreads sends over time. A pause earns a burst of bounded size, so that late timers do not cost throughput. */
export class Pacer {
  #balance = Number.POSITIVE_INFINITY;
  #at: number;

  constructor(now: number) {
    this.#at = now;
  }

  /** Bytes that may leave now; a packet may be sent whole while it is positive. */
  credit(now: number, rate: number, burst: number): number {
    if (rate === Number.POSITIVE_INFINITY) return rate;
    const earned = this.#balance + (rate * Math.max(0, now - this.#at)) / 1_000;
    this.#balance = Math.min(earned, burst);
    if (now > this.#at) this.#at = now;
    return this.#balance;
  }

  /** A packet leaves. */
  spend(bytes: number, now: number, rate: number, burst: number): void {
    this.credit(now, rate, burst);
    this.#balance -= bytes;
  }

  /** When a burst of `bytes` may leave, at the earliest `now`; a balance above zero need not wait for it. */
  readyAt(bytes: number, now: number, rate: number, burst: number): number {
    const credit = this.credit(now, rate, burst);
    return credit > 0 ? now : now + ((Math.min(bytes, burst) - credit) * 1_000) / rate;
  }
}
