// How many attempts of a host may be repetitions: where everything fails, repeating all of it would double the load that
// made it fail. Counted per isolate. Pure state: the clock comes in as an argument.

import { PROXY_LIMITS } from "../../shared/limits.ts";

const { RETRY_BUCKETS: BUCKETS, RETRY_BUCKET_MS: BUCKET_MS } = PROXY_LIMITS;

export class RetryBudget {
  readonly #share: number;
  readonly #requests = new Array<number>(BUCKETS).fill(0);
  readonly #retries = new Array<number>(BUCKETS).fill(0);
  /** The number of the newest bucket: the time in BUCKET_MS. */
  #newest = 0;

  /** @param percent how many of a hundred requests may be repeated */
  constructor(percent: number) {
    this.#share = percent / 100;
  }

  /** A request is sent for the first time. */
  count(now: number): void {
    const at = this.#bucket(now);
    this.#requests[at] = (this.#requests[at] ?? 0) + 1;
  }

  /** Takes leave to repeat a request; false: the budget is used up. */
  spend(now: number): boolean {
    const at = this.#bucket(now);
    const spent = sum(this.#retries);
    if (spent >= PROXY_LIMITS.RETRIES_FREE && spent >= this.#share * sum(this.#requests)) return false;
    this.#retries[at] = (this.#retries[at] ?? 0) + 1;
    return true;
  }

  /** The bucket of `now`; those that have aged out are emptied. A clock that falls back counts as standing still. */
  #bucket(now: number): number {
    const number = Math.floor(now / BUCKET_MS);
    const passed = Math.min(number - this.#newest, BUCKETS);
    for (let back = 0; back < passed; back++) {
      this.#requests[(number - back) % BUCKETS] = 0;
      this.#retries[(number - back) % BUCKETS] = 0;
    }
    if (passed > 0) this.#newest = number;
    return this.#newest % BUCKETS;
  }
}

function sum(counts: readonly number[]): number {
  let total = 0;
  for (const count of counts) total += count;
  return total;
}
