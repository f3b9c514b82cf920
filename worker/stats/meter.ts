// The isolate's meter: the ledger of everything this isolate moves, reported to the stats object once a second.

import type { ErrorCode } from "../../shared/errors.ts";
import type { News } from "../../shared/flow/batch.ts";
import type { ChannelTally } from "../../shared/flow/channel.ts";
import type { CloseReason, Flow, FlowInit, FlowKind } from "../../shared/flow/flow.ts";
import { Ledger } from "../../shared/flow/ledger.ts";
import { hasTerms, type QuotaNews } from "../../shared/flow/quota.ts";
import { FLOW_LIMITS, METER_LIMITS } from "../../shared/limits.ts";
import { holdsLeases, tendLeases } from "../access/places.ts";
import { type QuotaWatch, quotaWatch } from "../access/quota-watch.ts";
import { termsOf } from "../access/service.ts";
import { BackgroundLoop, type BackgroundWork } from "../background.ts";
import type { Env } from "../env.ts";

export class Meter implements BackgroundWork {
  readonly intervalMs = FLOW_LIMITS.FLUSH_INTERVAL_MS;
  readonly deadlineMs = METER_LIMITS.FLUSH_DEADLINE_MS;
  readonly #ledger: Ledger;
  readonly #loop: BackgroundLoop;

  readonly #quotas: QuotaWatch;

  constructor(ledger: Ledger, quotas: QuotaWatch = quotaWatch()) {
    this.#ledger = ledger;
    this.#quotas = quotas;
    this.#loop = new BackgroundLoop(this);
  }

  /** Begins a flow; call `touch` with it. */
  open(init: FlowInit): Flow {
    return this.#ledger.open(init);
  }

  /** Ends a flow; only the first reason counts. `code` says why it was refused. */
  close(flow: Flow, reason: CloseReason, code?: ErrorCode): void {
    this.#ledger.close(flow, reason, Date.now(), code);
  }

  /** Counts a request that was refused, by its error code, before it became a flow; call `touch` with it. */
  refuse(service: string, kind: FlowKind, code: ErrorCode): void {
    this.#ledger.refuse(service, kind, code);
  }

  /** Counts whether a reply came from a cache. */
  count(service: string, kind: FlowKind, name: "hits" | "misses"): void {
    this.#ledger.count(service, kind, name);
  }

  /** Where to count what only channels have; to be asked for each time. Call `touch` with it. */
  channel(id: string): ChannelTally {
    return this.#ledger.channel(id);
  }

  /**
   * Makes sure that what was counted gets reported. Call it on each open and about once a second while moving bytes;
   * an open flow that moves nothing needs it every 10 s, or the stats object takes the isolate for gone.
   */
  touch(env: Env, ctx: ExecutionContext): void {
    this.#loop.touch(env, ctx);
  }

  /** True while something is unreported, or a lease is held. */
  get pending(): boolean {
    return this.#ledger.unreported || holdsLeases();
  }

  /** Sends what was counted, and sees to the leases of the hosts that bytes and requests belong to. */
  async round(env: Env): Promise<boolean> {
    const [sent] = await Promise.all([this.#report(env), tendLeases(env)]);
    return sent;
  }

  /** Sends one batch. A failed one stays with the ledger, which offers it again under the same number. */
  async #report(env: Env): Promise<boolean> {
    const now = Date.now();
    const batch = this.#ledger.seal(now);
    if (!batch && this.#ledger.active === 0) return true;
    const stats = env.STATS.getByName("root");
    const { seen } = this.#quotas;
    try {
      // Silent flows have nothing to report, and can be over or be closed all the same.
      const news = batch ? await stats.ingest(batch, seen) : await stats.news(this.#ledger.source, seen);
      if (batch) this.#ledger.acknowledge(batch.seq);
      this.#heed(news, now);
    } catch {
      return false;
    }
    if (!this.#quotas.empty) this.#cutOver(Date.now());
    return true;
  }

  #heed({ quotas, cut }: News, now: number): void {
    this.#quotas.learn(quotas as QuotaNews | undefined, now);
    for (const id of cut ?? []) this.#ledger.cutById(id);
  }

  /** What is open of a host that is over its quota is broken off by whoever moves its bytes. */
  #cutOver(now: number): void {
    this.#ledger.cut(
      ({ service, kind }) => hasTerms(kind) && this.#quotas.overUntil(service, now) !== undefined,
    );
  }
}

let isolate: Meter | undefined;

/** The one meter of this isolate; made within a request, because random ids are refused at start-up. */
export function isolateMeter(): Meter {
  isolate ??= new Meter(new Ledger({ source: crypto.randomUUID(), origin: "edge", name: "edge" }, termsOf));
  return isolate;
}
