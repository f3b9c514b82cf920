// One coarse timer per isolate for all requests that wait for their upstream. Most are answered within milliseconds and
// never pay for a timer or a signal of their own (some 20 us of 180 at 1 KB, measured). One that takes longer is called
// every round, in its own context. One that does not answer has lost its context, because its client has gone: the runtime
// drops such a context without running any more of its code, listeners included.

import { PROXY_LIMITS } from "../../shared/limits.ts";
import type { Exchange } from "../exchange.ts";

export interface Waiter {
  /** Runs in the request's own context, in each round that finds it waiting. */
  called(): void;
  /** Runs once when its own context has died, in that of `host`. */
  lost(host: Host): void;
}

/** The request whose context hosts the timer. */
type Host = Pick<Exchange, "ctx" | "env">;

export interface Wait {
  end(): void;
}

class Watched implements Wait {
  readonly #waiter: Waiter;
  #call: () => void = () => undefined;
  #answered = false;

  constructor(waiter: Waiter) {
    this.#waiter = waiter;
    this.#listen();
  }

  end(): void {
    waiting.delete(this);
  }

  call(): void {
    this.#answered = false;
    this.#call();
  }

  /** To be called a round after `call`. */
  checkAnswer(host: Host): void {
    if (!this.#answered && waiting.delete(this)) this.#waiter.lost(host);
  }

  /** A promise resolved by another request's context continues in the one that made it, if that still lives. */
  #listen(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#call = resolve;
    promise.then(() => {
      if (!waiting.has(this)) return;
      this.#answered = true;
      this.#listen();
      this.#waiter.called();
    });
  }
}

const waiting = new Set<Watched>();
/** When the context that hosts the timer promised to look; 0: none does. Overdue means that it has died. */
let roundAt = 0;

/**
 * Sees to it that somebody looks at who waits. Called for every request, refused ones too: were the places of a host held
 * by requests whose contexts had died, nobody else would ever give them back.
 */
export function keepWatch(host: Host, now: number): void {
  if (now <= roundAt + PROXY_LIMITS.WATCH_INTERVAL_MS) return;
  roundAt = now + PROXY_LIMITS.WATCH_INTERVAL_MS;
  host.ctx.waitUntil(round(host));
}

/** A request begins to wait for its upstream. */
export function watch(waiter: Waiter): Wait {
  const watched = new Watched(waiter);
  waiting.add(watched);
  return watched;
}

/** One round, then another context's turn: one that stays alive keeps the fetch of a client that has left alive, too. */
async function round(host: Host): Promise<void> {
  await scheduler.wait(PROXY_LIMITS.WATCH_INTERVAL_MS);
  roundAt = 0;
  const called = [...waiting];
  if (called.length === 0) return;
  for (const watched of called) watched.call();
  // Less than a round, so that the next one has not called again.
  await scheduler.wait(PROXY_LIMITS.WATCH_ANSWER_MS);
  for (const watched of called) watched.checkAnswer(host);
}
