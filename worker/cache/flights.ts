// Single flight within an isolate: requests for the same thing wait for the one that fetches it. Only plain values are
// shared; streams belong to the request that opened them. The leader is kept alive by waitUntil after its client has
// left, and a follower never depends on it: contexts can end without a word, so waiting has a bound.

import { CACHE_LIMITS } from "../../shared/limits.ts";
import { within } from "./deadline.ts";

/** Told to followers when they have to fetch by themselves. */
export const ALONE = Symbol("alone");

export class Flights<T> {
  readonly #flights = new Map<string, Promise<T | typeof ALONE>>();

  /**
   * The outcome of the fetch under way for `key`, or undefined when there is none and the caller shall lead. Waits for
   * `timeoutMs` at most.
   */
  follow(
    key: string,
    timeoutMs: number = CACHE_LIMITS.FOLLOW_TIMEOUT_MS,
  ): Promise<T | typeof ALONE> | undefined {
    const flight = this.#flights.get(key);
    return flight && within(flight, timeoutMs, () => this.#abandon(key, flight));
  }

  /** True while somebody fetches `key`. */
  has(key: string): boolean {
    return this.#flights.has(key);
  }

  /** Makes the caller the leader for `key` until it calls `land`, which it must on every path. */
  lead(key: string, ctx: Pick<ExecutionContext, "waitUntil">): (outcome: T | typeof ALONE) => void {
    const { promise, resolve } = Promise.withResolvers<T | typeof ALONE>();
    // Those whose context ended without a word stay until somebody asks for the same again, which may be never.
    const [oldest] = this.#flights.keys();
    if (oldest !== undefined && this.#flights.size >= CACHE_LIMITS.FLIGHTS_MAX) this.#flights.delete(oldest);
    this.#flights.set(key, promise);
    ctx.waitUntil(promise);
    return (outcome) => {
      if (this.#flights.get(key) === promise) this.#flights.delete(key);
      resolve(outcome);
    };
  }

  #abandon(key: string, flight: Promise<T | typeof ALONE>): typeof ALONE {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
    return ALONE;
  }
}
