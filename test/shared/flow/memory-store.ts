// A stand-in for the stats object's tables: keeps what the aggregate asks to be stored, and nothing else.

import type { AggregateState, Change, SourceRow } from "../../../shared/flow/aggregate.ts";
import { addCounters, zeroCounters } from "../../../shared/flow/counters.ts";
import type { QuotaRow } from "../../../shared/flow/quota.ts";
import type { ServiceCounters } from "../../../shared/flow/totals.ts";

export class MemoryStore {
  readonly rows = new Map<string, SourceRow>();
  readonly totals = new Map<string, ServiceCounters>();
  readonly quotas = new Map<string, QuotaRow>();
  readonly #live = new Set<string>();

  store({ row, fold, quotas }: Change, live: boolean): void {
    for (const quota of quotas) this.quotas.set(quota.service, quota);
    if (fold) for (const counters of row.unfolded) this.#fold(counters);
    this.rows.set(row.source, structuredClone({ ...row, unfolded: fold ? [] : row.unfolded }));
    if (live) this.#live.add(row.source);
    else this.#live.delete(row.source);
  }

  load(lostSources = 0): AggregateState {
    const sources = [...this.rows.values()].filter((row) => this.#live.has(row.source));
    return structuredClone({
      since: 0,
      totals: [...this.totals.values()],
      sources,
      quotas: [...this.quotas.values()],
      lost_sources: lostSources,
    });
  }

  #fold(counters: ServiceCounters): void {
    const key = `${counters.kind} ${counters.service}`;
    const { service, kind } = counters;
    const sum = this.totals.get(key) ?? { service, kind, ...zeroCounters() };
    addCounters(sum, counters);
    this.totals.set(key, sum);
  }
}
