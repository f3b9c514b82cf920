// A host's rate that holds world-wide: requests are leased from the host's object a few at a time, the more the faster they
// come. While the object does not answer the isolate goes on at the host's rate by itself.

import { LEASE_LIMITS } from "../../shared/limits.ts";
import type { RateLimit, RateVerdict } from "../../shared/net/rate-window.ts";
import { withDeadline } from "../directory/deadline.ts";
import type { Call } from "../proxy/call.ts";
import { OneAtATime } from "./one-at-a-time.ts";

export class LeasedRate {
  readonly #service: string;
  readonly #limit: RateLimit;
  readonly #asking = new OneAtATime(LEASE_LIMITS.ASK_DEADLINE_MS);
  /** Requests that may still be let in before `#until`. */
  #left = 0;
  #until = Number.NEGATIVE_INFINITY;
  #grantedAt = Number.NEGATIVE_INFINITY;
  /** What others may still get, as of the last answer. */
  #remaining = 0;
  /** Nobody is let in, and nobody asks, before this. */
  #refusedUntil = Number.NEGATIVE_INFINITY;
  #size = 1;
  /** How many the last answer granted. */
  #granted = 0;
  /** The object did not answer: what is left is all until the time is over. */
  #isAlone = false;

  constructor(service: string, limit: RateLimit) {
    this.#service = service;
    this.#limit = limit;
  }

  /** Whether one more request may pass; waits for the object only when what was leased is used up. */
  take({ x }: Call, now: number): RateVerdict | Promise<RateVerdict> {
    return this.#takeLeased(now) ?? this.#takeMore(x);
  }

  #takeLeased(now: number): RateVerdict | undefined {
    // A clock that went back would hold everybody up for as long as it did; a request may have come in before the answer.
    if (this.#grantedAt - now > this.#limit.windowMs) return undefined;
    if (now < this.#refusedUntil) return { admitted: false, remaining: 0, waitMs: this.#refusedUntil - now };
    if (now >= this.#until) return undefined;
    if (this.#left === 0)
      return this.#isAlone ? { admitted: false, remaining: 0, waitMs: this.#until - now } : undefined;
    this.#left--;
    const waitMs = Math.max(1, this.#grantedAt + this.#limit.windowMs - now);
    return { admitted: true, remaining: this.#left + this.#remaining, waitMs };
  }

  async #takeMore({ env, ctx }: Call["x"]): Promise<RateVerdict> {
    // Others may have used up what came in before this request's turn: it asks again, a bounded number of times.
    for (let attempt = 0; attempt < LEASE_LIMITS.RATE_ATTEMPTS; attempt++) {
      await this.#asking.run(ctx, () => this.#ask(env));
      const verdict = this.#takeLeased(Date.now());
      if (verdict) return verdict;
    }
    return { admitted: false, remaining: 0, waitMs: LEASE_LIMITS.REFUSED_MS };
  }

  async #ask(env: Call["x"]["env"]): Promise<void> {
    const now = Date.now();
    this.#resize(now);
    try {
      const { count, windowMs } = this.#limit;
      // Whoever waits and got nothing of the last part needs its request now; nothing of that lies idle.
      const wanted = Math.min(count, Math.max(this.#size, this.#asking.crowd + 1 - this.#granted));
      const asked = env.LIMITS.getByName(this.#service).take({ count, windowMs }, wanted);
      const lease = await withDeadline(asked, LEASE_LIMITS.ASK_DEADLINE_MS);
      this.#isAlone = false;
      this.#grantedAt = now;
      this.#left = lease.granted;
      this.#granted = lease.granted;
      this.#remaining = lease.remaining;
      this.#until = now + windowMs;
      // Even a refusal for a moment spares the object a crowd.
      this.#refusedUntil =
        lease.granted === 0
          ? Date.now() + Math.max(lease.wait_ms, LEASE_LIMITS.REFUSED_MS)
          : Number.NEGATIVE_INFINITY;
    } catch {
      this.#goAlone(Date.now());
    }
  }

  /** So many that the object is asked about once a second, and no more of the rate than others can spare. */
  #resize(now: number): void {
    const lasted = now - this.#grantedAt;
    const max = Math.max(1, Math.floor(this.#limit.count / LEASE_LIMITS.SHARES));
    if (lasted < LEASE_LIMITS.RATE_SHORT_MS) this.#size = Math.min(max, this.#size * 2);
    else if (lasted > LEASE_LIMITS.RATE_LONG_MS) this.#size = Math.max(1, Math.floor(this.#size / 2));
  }

  /** The last lease again, for as long as it would last at the host's rate. */
  #goAlone(now: number): void {
    const { count, windowMs } = this.#limit;
    this.#isAlone = true;
    const lastsMs = Math.max(LEASE_LIMITS.REFUSED_MS, (windowMs * this.#size) / count);
    this.#grantedAt = now;
    this.#left = this.#size;
    this.#remaining = 0;
    this.#until = now + lastsMs;
  }
}

const rates = new Map<string, LeasedRate>();

/** The leased rate of a service; the same over pushes while the rate is. */
export function leasedRate(service: string, limit: RateLimit): LeasedRate {
  const key = `${service} ${limit.count}/${limit.windowMs}`;
  const known = rates.get(key);
  if (known) return known;
  const rate = new LeasedRate(service, limit);
  rates.set(key, rate);
  if (rates.size > LEASE_LIMITS.RATES_MAX) {
    const [oldest] = rates.keys();
    if (oldest !== undefined) rates.delete(oldest);
  }
  return rate;
}
