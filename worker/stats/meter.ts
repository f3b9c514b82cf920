// The isolate's meter: the ledger of everything this isolate moves, and the loop that reports it to the stats object.
// The runtime gives an isolate no background: the loop lives in the context of some request, by waitUntil, and moves on
// to a newer one when that context ages or dies. No context may await another's I/O, so each round stands alone.

import type { CloseReason, Flow, FlowInit, FlowKind } from "../../shared/flow/flow.ts";
import { Ledger } from "../../shared/flow/ledger.ts";
import { FLOW_LIMITS, METER_LIMITS } from "../../shared/limits.ts";
import type { Env } from "../env.ts";

/** The loop of one context; a newer one replaces it. */
interface Loop {
  readonly ctx: ExecutionContext;
  readonly startedAt: number;
  /** When it is expected to have moved on; later than that its context is taken for dead. */
  dueAt: number;
  /** Its client has left: one more flush, then it ends. */
  leaving: boolean;
}

export class Meter {
  readonly #ledger: Ledger;
  #loop: Loop | undefined;
  #flushedAt = 0;
  #failures = 0;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** Begins a flow; call `touch` with it. */
  open(init: FlowInit): Flow {
    return this.#ledger.open(init);
  }

  /** Ends a flow; only the first reason counts. */
  close(flow: Flow, reason: CloseReason): void {
    this.#ledger.close(flow, reason, Date.now());
  }

  /** Counts a request that was refused before it became a flow; call `touch` with it. */
  refuse(service: string, kind: FlowKind): void {
    this.#ledger.refuse(service, kind);
  }

  /** Counts whether a reply came from a cache. */
  count(service: string, kind: FlowKind, name: "hits" | "misses"): void {
    this.#ledger.count(service, kind, name);
  }

  /**
   * Makes sure that what was counted gets reported. Call it on each open and about once a second while moving bytes;
   * an open flow that moves nothing needs it every 10 s, or the stats object takes the isolate for gone.
   */
  touch(env: Env, ctx: ExecutionContext): void {
    const now = Date.now();
    const loop = this.#loop;
    if (loop && now <= loop.dueAt && now - loop.startedAt < METER_LIMITS.HANDOVER_MS) return;
    const next: Loop = { ctx, startedAt: now, dueAt: 0, leaving: false };
    this.#loop = next;
    // A loop taken over keeps its rhythm; one that begins lets a second's worth come together first.
    const sinceFlush = loop ? now - this.#flushedAt : 0;
    ctx.waitUntil(this.#run(next, env, Math.max(0, this.#intervalMs() - sinceFlush)));
  }

  /**
   * The client of this context has left. If the loop runs in it, it flushes once more and ends: it would keep the context
   * alive, and with it the fetch that nobody waits for. Whoever still moves bytes takes over by `touch`.
   */
  release(ctx: ExecutionContext): void {
    if (this.#loop?.ctx === ctx) this.#loop.leaving = true;
  }

  async #run(loop: Loop, env: Env, firstPause: number): Promise<void> {
    for (let pause = firstPause; this.#loop === loop; pause = this.#intervalMs()) {
      loop.dueAt = Date.now() + pause + METER_LIMITS.OVERDUE_MS;
      await scheduler.wait(pause);
      if (this.#loop !== loop) return;
      loop.dueAt = Date.now() + METER_LIMITS.FLUSH_DEADLINE_MS;
      await this.#flush(env);
      if (this.#loop !== loop) return;
      const aged = Date.now() - loop.startedAt >= METER_LIMITS.CONTEXT_MS;
      if (loop.leaving || aged || !this.#ledger.unreported) this.#loop = undefined;
    }
  }

  /** Sends one batch. A failed one stays with the ledger, which offers it again under the same number. */
  async #flush(env: Env): Promise<void> {
    this.#flushedAt = Date.now();
    const batch = this.#ledger.seal(this.#flushedAt);
    if (!batch) return;
    try {
      const reply = await env.STATS.getByName("root").ingest(batch);
      this.#ledger.acknowledge(reply.ack);
      this.#failures = 0;
    } catch {
      this.#failures++;
    }
  }

  /** The usual interval; after failures twice as long each time, so as not to pile onto an overloaded object. */
  #intervalMs(): number {
    return Math.min(FLOW_LIMITS.FLUSH_INTERVAL_MS * 2 ** this.#failures, METER_LIMITS.RETRY_MAX_MS);
  }
}

let isolate: Meter | undefined;

/** The one meter of this isolate; made within a request, because random ids are refused at start-up. */
export function isolateMeter(): Meter {
  isolate ??= new Meter(new Ledger({ source: crypto.randomUUID(), origin: "edge", name: "edge" }));
  return isolate;
}
