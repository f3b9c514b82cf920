// One coarse timer per isolate for all requests that wait for their upstream. Most are answered within milliseconds and
// never pay for a timer or a signal of their own (some 20 us of 180 at 1 KB, measured). One that takes longer is called
// every round, in its own context. One that does not answer has lost its context, because its client has gone: no code
// after an await of such a context can be counted on to run.

import { WATCH_LIMITS } from "../shared/limits.ts";
import type { Exchange } from "./exchange.ts";

/** The request whose context hosts the timer. */
type Host = Pick<Exchange, "ctx" | "env">;

export interface Wait {
  /** Resolves in the request's own context once the wait is no longer short, if that comes to pass. */
  readonly slow: Promise<void>;
  end(): void;
}

class Watched implements Wait {
  readonly slow: Promise<void>;
  readonly #x: Exchange;
  readonly #left: () => void;
  readonly #beSlow: () => void;
  #call: () => void = () => undefined;
  #answered = false;

  constructor(x: Exchange, left: () => void) {
    this.#x = x;
    this.#left = left;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.slow = promise;
    this.#beSlow = resolve;
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
  checkAnswer({ env, ctx }: Host): void {
    if (this.#answered || !waiting.delete(this)) return;
    this.#left();
    this.#x.meter.touch(env, ctx);
  }

  /** A promise resolved by another request's context continues in the one that made it, if that still lives. */
  #listen(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#call = resolve;
    promise.then(() => {
      if (waiting.has(this)) this.#answer();
    });
  }

  /** The client may have left all the same, where other work keeps the context alive. */
  #answer(): void {
    const { request, meter, env, ctx } = this.#x;
    this.#answered = true;
    if (request.signal.aborted) {
      this.end();
      this.#left();
      meter.touch(env, ctx);
      meter.release(ctx);
      return;
    }
    this.#listen();
    this.#beSlow();
    keepWatch(this.#x, Date.now());
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
  if (now <= roundAt + WATCH_LIMITS.INTERVAL_MS) return;
  roundAt = now + WATCH_LIMITS.INTERVAL_MS;
  host.ctx.waitUntil(round(host));
}

/**
 * A request begins to wait for its upstream. `left` runs once if its client goes before `end`, in whatever context; what
 * it counts is reported.
 */
export function watch(x: Exchange, left: () => void): Wait {
  const watched = new Watched(x, left);
  waiting.add(watched);
  return watched;
}

/** One round, then another context's turn: one that stays alive keeps the fetch of a client that has left alive, too. */
async function round(host: Host): Promise<void> {
  await scheduler.wait(WATCH_LIMITS.INTERVAL_MS);
  roundAt = 0;
  const called = [...waiting];
  if (called.length === 0) return;
  for (const watched of called) watched.call();
  // Less than a round, so that the next one has not called again.
  await scheduler.wait(WATCH_LIMITS.ANSWER_MS);
  for (const watched of called) watched.checkAnswer(host);
}
