// Work that an isolate does beside its requests, such as reporting what it counted. The runtime gives an isolate no
// background: a loop lives in the context of some request, by waitUntil, and moves on to a newer one when that context
// ages or dies. No context may await another's I/O, so each round stands alone.

import { BACKGROUND_LIMITS as LIMITS } from "../shared/limits.ts";
import type { Env } from "./env.ts";

export interface BackgroundWork {
  /** Time between two rounds. */
  readonly intervalMs: number;
  /** A round under way for longer than this is taken over by another request's context. */
  readonly deadlineMs: number;
  /** One round; false: it failed and is to be tried again, later each time. Must not reject. */
  round(env: Env): Promise<boolean>;
  /** True while another round is needed. */
  readonly pending: boolean;
}

/** The loop of one context; a newer one replaces it. */
interface Turn {
  readonly ctx: ExecutionContext;
  readonly startedAt: number;
  /** When it is expected to have moved on; later than that its context is taken for dead. */
  dueAt: number;
  /** Its client has left: one more round, then it ends. */
  leaving: boolean;
}

const loops = new Set<BackgroundLoop>();

/**
 * The client of this context has left. Loops that run in it do one more round and end: they would keep the context alive,
 * and with it the fetch that nobody waits for. Whoever still has work takes over by `touch`.
 */
export function releaseContext(ctx: ExecutionContext): void {
  for (const loop of loops) loop.release(ctx);
}

export class BackgroundLoop {
  readonly #work: BackgroundWork;
  #turn: Turn | undefined;
  #roundAt = 0;
  #failures = 0;

  constructor(work: BackgroundWork) {
    this.#work = work;
  }

  /**
   * Makes sure that rounds go on while there is work. Call it whenever there is some, and about once a second while a
   * long transfer makes more.
   */
  touch(env: Env, ctx: ExecutionContext): void {
    const now = Date.now();
    const turn = this.#turn;
    if (turn && now <= turn.dueAt && now - turn.startedAt < LIMITS.HANDOVER_MS) return;
    const next: Turn = { ctx, startedAt: now, dueAt: 0, leaving: false };
    this.#turn = next;
    loops.add(this);
    // A loop taken over keeps its rhythm; one that begins lets a round's worth come together first.
    const sinceRound = turn ? now - this.#roundAt : 0;
    ctx.waitUntil(this.#run(next, env, Math.max(0, this.#pauseMs() - sinceRound)));
  }

  release(ctx: ExecutionContext): void {
    if (this.#turn?.ctx === ctx) this.#turn.leaving = true;
  }

  async #run(turn: Turn, env: Env, firstPause: number): Promise<void> {
    for (let pause = firstPause; this.#turn === turn; pause = this.#pauseMs()) {
      turn.dueAt = Date.now() + pause + LIMITS.OVERDUE_MS;
      await scheduler.wait(pause);
      if (this.#turn !== turn) return;
      this.#roundAt = Date.now();
      turn.dueAt = this.#roundAt + this.#work.deadlineMs;
      this.#failures = (await this.#work.round(env)) ? 0 : this.#failures + 1;
      if (this.#turn !== turn) return;
      const aged = Date.now() - turn.startedAt >= LIMITS.CONTEXT_MS;
      if (turn.leaving || aged || !this.#work.pending) this.#end();
    }
  }

  #end(): void {
    this.#turn = undefined;
    loops.delete(this);
  }

  /** The usual interval; after failures twice as long each time, so as not to pile onto who is overloaded. */
  #pauseMs(): number {
    return Math.min(this.#work.intervalMs * 2 ** this.#failures, LIMITS.RETRY_MAX_MS);
  }
}
