// One coarse timer per isolate for all requests that wait for an upstream or move bytes. Most are over within milliseconds
// and never pay for a timer or a signal of their own (some 20 us of 180 at 1 KB, measured). One that takes longer is called
// every round, in its own context; while its bytes move, less often. One that does not answer has lost its context, because its client has gone: no code
// after an await of such a context can be counted on to run.

import { WATCH_LIMITS } from "../shared/limits.ts";
import { releaseContext } from "./background.ts";
import type { Exchange } from "./exchange.ts";

/** A request whose context is alive. */
export type Host = Pick<Exchange, "ctx" | "env">;

/** Something that moves bytes for a request. */
export interface Mover {
  /**
   * Asked every round, in the request's own context, to break off what stands still. What the request waits for may be
   * its other direction, which has moved at `movedAt`: that is no standing still.
   */
  check(now: number, movedAt: number): void;
  /** True if the other direction has to wait for this one, and it has moved since it was looked at last. */
  hasMoved?(now: number): boolean;
  /** The client has gone: nothing may be moved any more. */
  leave(): void;
}

/** A request that is looked after. */
export interface Watched {
  readonly x: Exchange;
  /** Rounds in a row that it may leave unanswered before its context counts as lost. */
  readonly missesMax: number;
  /** Called in its own context, about once a round; returns for how many milliseconds it need not be called again. */
  round(now: number): number;
  /** Its client has gone. `host` is `x` if its own context lives, else some other one: only reporting is possible then. */
  left(host: Host): void;
}

export interface Wait {
  /** Runs `work` in the request's own context once the wait is no longer short, if that comes to pass. */
  whenSlow(work: () => void): void;
  end(): void;
}

class Waiting implements Wait {
  readonly #watched: Watched;
  #slow: (() => void) | undefined;
  #call: () => void = () => undefined;
  #answered = false;
  #misses = 0;
  #isListening = false;
  #dueAt = 0;

  constructor(watched: Watched) {
    this.#watched = watched;
    this.#listen();
  }

  whenSlow(work: () => void): void {
    this.#slow = work;
  }

  end(): void {
    waiting.delete(this);
  }

  isDue(now: number): boolean {
    return now >= this.#dueAt;
  }

  call(): void {
    this.#answered = false;
    this.#call();
  }

  /** To be called a round after `call`. */
  checkAnswer(host: Host): void {
    if (this.#answered) {
      this.#misses = 0;
      return;
    }
    if (++this.#misses < this.#watched.missesMax || !waiting.delete(this)) return;
    this.#watched.left(host);
    this.#watched.x.meter.touch(host.env, host.ctx);
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
    const { x } = this.#watched;
    this.#answered = true;
    const { signal } = x.request;
    if (signal.aborted) {
      this.#leave();
      return;
    }
    // Only now: the signal costs each request that asks for it some 40 us of 180 (measured).
    if (!this.#isListening) signal.addEventListener("abort", () => this.#leave());
    this.#isListening = true;
    this.#listen();
    const slow = this.#slow;
    this.#slow = undefined;
    slow?.();
    const now = Date.now();
    this.#dueAt = now + this.#watched.round(now);
    keepWatch(x, now);
    // A stream that is silent must not let the stats object take the isolate for gone.
    x.meter.touch(x.env, x.ctx);
  }

  #leave(): void {
    if (!waiting.delete(this)) return;
    const { x } = this.#watched;
    this.#watched.left(x);
    x.meter.touch(x.env, x.ctx);
    releaseContext(x.ctx);
  }
}

const waiting = new Set<Waiting>();
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
 * Looks after a request until `end`. `left` is called once if its client goes before, in whatever context; what it counts
 * is reported.
 */
export function watch(watched: Watched): Wait {
  const wait = new Waiting(watched);
  waiting.add(wait);
  return wait;
}

/** One round, then another context's turn: one that stays alive keeps the fetch of a client that has left alive, too. */
async function round(host: Host): Promise<void> {
  await scheduler.wait(WATCH_LIMITS.INTERVAL_MS);
  roundAt = 0;
  const now = Date.now();
  const called = [...waiting].filter((wait) => wait.isDue(now));
  for (const wait of called) wait.call();
  if (called.length === 0) {
    if (waiting.size > 0) keepWatch(host, now);
    return;
  }
  // Less than a round, so that the next one has not called again.
  await scheduler.wait(WATCH_LIMITS.ANSWER_MS);
  for (const wait of called) wait.checkAnswer(host);
}
