// One call to an object at a time per question, however many requests of an isolate need the answer at once. None of them
// awaits what another one's context does: each waits by itself until it is told that the answer is there, or for so long.

import { ACCESS_LIMITS } from "../../shared/limits.ts";

export class OneAtATime {
  readonly #deadlineMs: number;
  #startedAt = Number.NEGATIVE_INFINITY;
  #waiting: (() => void)[] = [];
  #crowd = 0;

  /**
   * `deadlineMs` is how long the calls take at most by their own deadline. One that is under way for longer is given up: its
   * request's context has died.
   */
  constructor(deadlineMs: number) {
    this.#deadlineMs = deadlineMs + ACCESS_LIMITS.GIVE_UP_MS;
  }

  /** True while a call is under way that has not been given up. */
  get isBusy(): boolean {
    const age = Date.now() - this.#startedAt;
    // The clock may have gone back.
    return age >= 0 && age < this.#deadlineMs;
  }

  /** True while nobody else may wait: whoever comes now is told at once. */
  get isFull(): boolean {
    return this.isBusy && this.#waiting.length >= ACCESS_LIMITS.WAITING_MAX;
  }

  /** How many waited for the last call besides the one that made it. */
  get crowd(): number {
    return this.#crowd;
  }

  /** Runs `work`, or waits for the call under way. Never rejects; what `work` found out is for it to keep. */
  async run(ctx: Pick<ExecutionContext, "waitUntil">, work: () => Promise<void>): Promise<void> {
    if (this.isBusy) {
      if (!this.isFull) await this.#turn();
      return;
    }
    const startedAt = Date.now();
    this.#startedAt = startedAt;
    const { promise: given, resolve: give } = Promise.withResolvers<void>();
    const done = (): void => {
      give();
      if (this.#startedAt !== startedAt) return;
      this.#startedAt = Number.NEGATIVE_INFINITY;
      const waiting = this.#waiting;
      this.#waiting = [];
      this.#crowd = waiting.length;
      for (const wake of waiting) wake();
    };
    // Others wait for this call, too: it must not end with the client of the request that began it.
    ctx.waitUntil(work().then(done, done));
    await this.#within(given);
  }

  #turn(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    return this.#within(promise);
  }

  /** The timer is this request's own. */
  async #within(promise: Promise<void>): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.#deadlineMs);
    await Promise.race([promise, late]);
    clearTimeout(timer);
  }
}
