// The aggregate: merges the batches of all sources, each once, into totals, open flows and series.
// It decides what must be stored (a source's row after each merge, a fold now and then) and leaves the storing to its
// caller, who must store before acknowledging. Pure: no I/O, time comes in as an argument.

import { STATS_LIMITS } from "../limits.ts";
import type { Batch, ServiceDelta } from "./batch.ts";
import { addChannelCounts, copyChannelCounts, noChannelCounts } from "./channel.ts";
import { addCounters, isZero, zeroCounters } from "./counters.ts";
import type { FlowRecord } from "./flow.ts";
import { hasTerms, QuotaBook, type QuotaNews, type QuotaRow } from "./quota.ts";
import { addRefusals, type Refusals, toRefusals } from "./refusals.ts";
import type { LinkSnapshot, Snapshot } from "./snapshot.ts";
import { ratesOf, type ServiceCounters, type ServiceEntry, Totals } from "./totals.ts";

/** A source as stored: what merging its next batch once depends on. */
export interface SourceRow {
  source: string;
  /** The last batch merged. */
  seq: number;
  /** When it came: milliseconds since the epoch, by the stats object. */
  seen_at: number;
  /** Flows open as of that batch; 0 once the source is forgotten. */
  open: number;
  /** The source was forgotten with flows open. */
  lost: boolean;
  /** Counted, and not yet in the stored totals. */
  unfolded: ServiceCounters[];
}

interface Source {
  seq: number;
  seenAt: number;
  open: number;
  readonly gauges: Map<ServiceEntry, number>;
  readonly unfolded: Map<ServiceEntry, ServiceCounters>;
  flows: readonly FlowRecord[];
}

/**
 * What to do with a merged batch: `row` is to be stored; with `fold` its unfolded counters go into the stored totals in
 * the same transaction.
 */
export interface Change {
  row: SourceRow;
  fold: boolean;
  /** Quotas that have changed with it, to be stored in the same transaction. */
  quotas: QuotaRow[];
}

export interface AggregateState {
  /** When counting began. */
  since: number;
  totals: ServiceCounters[];
  /** Sources that may go on reporting. */
  sources: SourceRow[];
  lost_sources: number;
  quotas: QuotaRow[];
}

export class Aggregate {
  readonly #since: number;
  readonly #quotas: QuotaBook;
  readonly #totals = new Totals();
  /** In the order in which they last reported. */
  readonly #sources = new Map<string, Source>();
  readonly #graceUntil: number;
  #lostSources: number;
  #flowsKept = 0;

  /** @param graceUntil before this no silence is held against a source: nobody could report while this was away */
  constructor(state: AggregateState, now: number, graceUntil = now + STATS_LIMITS.SOURCE_GRACE_MS) {
    this.#since = state.since;
    this.#graceUntil = graceUntil;
    this.#lostSources = state.lost_sources;
    this.#quotas = new QuotaBook(state.quotas, now);
    for (const counters of state.totals)
      this.#totals.add(this.#totals.entry(counters.service, counters.kind), counters);
    for (const row of state.sources) this.#restore(row);
  }

  get lostSources(): number {
    return this.#lostSources;
  }

  knows(source: string): boolean {
    return this.#sources.has(source);
  }

  /** The source that lists the flow of this id as open. */
  holderOf(id: string): string | undefined {
    for (const [source, { flows }] of this.#sources) if (flows.some((flow) => flow.id === id)) return source;
    return undefined;
  }

  /** Merges a batch; `stored` is the row of a source that is not known here. Undefined: it was merged before. */
  merge(batch: Batch, now: number, stored?: SourceRow): Change | undefined {
    let source = this.#sources.get(batch.source);
    if (batch.seq <= (source?.seq ?? stored?.seq ?? 0)) return undefined;
    if (!source) {
      source = newSource();
      // It was given up, and here it is: nothing was lost after all.
      if (stored?.lost) this.#lostSources--;
    }
    this.#sources.delete(batch.source);
    this.#sources.set(batch.source, source);
    this.#count(source, batch, now);
    source.seq = batch.seq;
    source.seenAt = now;
    this.#keepFlows(source, batch.last ? [] : batch.active);
    const quotas = batch.origin === "edge" ? this.#charge(batch.services, now) : [];
    if (batch.last) return { row: this.#drop(batch.source, source, false), fold: true, quotas };
    const row = toRow(batch.source, source, false);
    const fold = source.unfolded.size > STATS_LIMITS.SERVICES_UNFOLDED_MAX;
    if (fold) source.unfolded.clear();
    return { row, fold, quotas };
  }

  /** The services that are over their quota, unless `seen` is the newest list's version. */
  quotaNews(seen: number | undefined, now: number): QuotaNews | undefined {
    return this.#quotas.news(seen, now);
  }

  /** Forgets the sources that have been silent for too long, and the longest silent ones past the bound. */
  sweep(now: number): Change[] {
    const changes: Change[] = [];
    this.#totals.prune(now);
    for (const [id, source] of this.#sources) {
      const early = now < this.#graceUntil;
      if (this.#sources.size <= STATS_LIMITS.SOURCES_MAX && (!isSilent(source.seenAt, now) || early)) break;
      changes.push(this.#giveUp(id, source));
    }
    return changes;
  }

  /** Forgets the sources whose id begins with `prefix`, but for `heir`: they have ended, however lately they spoke. */
  succeed(prefix: string, heir: string): Change[] {
    return [...this.#sources]
      .filter(([id]) => id.startsWith(prefix) && id !== heir)
      .map(([id, source]) => this.#giveUp(id, source));
  }

  snapshot(now: number, links: LinkSnapshot[]): Snapshot {
    return {
      type: "snapshot",
      at: now,
      since: this.#since,
      totals: { ...this.#totals.all },
      rates: ratesOf(this.#totals.series, now),
      active: this.#totals.active,
      services: this.#totals.list(now, this.#quotas),
      connections: this.#connections(),
      links,
      lost_sources: this.#lostSources,
      series: { step_ms: STATS_LIMITS.SERIES_STEP_MS, points: this.#totals.series.points(now) },
    };
  }

  #restore(row: SourceRow): void {
    const source = newSource();
    source.seq = row.seq;
    source.seenAt = row.seen_at;
    source.open = row.open;
    for (const counters of row.unfolded) {
      const entry = this.#totals.entry(counters.service, counters.kind);
      this.#totals.add(entry, counters);
      source.unfolded.set(entry, copyOf(counters));
    }
    this.#sources.set(row.source, source);
  }

  #charge(services: readonly ServiceDelta[], now: number): QuotaRow[] {
    const changed = services
      .filter(({ kind }) => hasTerms(kind))
      .map(({ service, terms, up, down }) => this.#quotas.add(service, terms, up + down, now));
    return changed.filter((row) => row !== undefined);
  }

  #count(source: Source, batch: Batch, now: number): void {
    // Of the source's clock only differences are used: clocks disagree.
    const from = now - batch.covered_ms;
    this.#clearGauges(source);
    source.open = 0;
    for (const delta of batch.services) {
      const entry = this.#totals.entry(delta.service, delta.kind);
      this.#totals.addReported(entry, delta, from, now);
      this.#totals.shift(entry, batch.last ? 0 : delta.active);
      source.gauges.set(entry, (source.gauges.get(entry) ?? 0) + (batch.last ? 0 : delta.active));
      source.open += batch.last ? 0 : delta.active;
      if (isZero(delta) && !delta.channel) continue;
      let sum = source.unfolded.get(entry);
      if (!sum) {
        sum = { service: entry.service, kind: entry.kind, ...zeroCounters() };
        source.unfolded.set(entry, sum);
      }
      addCounters(sum, delta);
      if (delta.refused) sum.refused = sumOf(sum.refused, delta.refused);
      if (!delta.channel) continue;
      sum.channel ??= noChannelCounts();
      addChannelCounts(sum.channel, delta.channel);
    }
  }

  #clearGauges(source: Source): void {
    for (const [entry, active] of source.gauges) this.#totals.shift(entry, -active);
    source.gauges.clear();
  }

  #keepFlows(source: Source, flows: readonly FlowRecord[]): void {
    this.#flowsKept -= source.flows.length;
    const room = Math.max(0, STATS_LIMITS.CONNECTIONS_KEPT_MAX - this.#flowsKept);
    source.flows = flows.length > room ? flows.slice(0, room) : flows;
    this.#flowsKept += source.flows.length;
  }

  /** Forgets a source that ended without a word. */
  #giveUp(id: string, source: Source): Change {
    const lost = source.open > 0;
    if (lost) this.#lostSources++;
    return { row: this.#drop(id, source, lost), fold: true, quotas: [] };
  }

  #drop(id: string, source: Source, lost: boolean): SourceRow {
    const row = toRow(id, source, lost);
    this.#clearGauges(source);
    this.#keepFlows(source, []);
    this.#sources.delete(id);
    return { ...row, open: 0 };
  }

  #connections(): FlowRecord[] {
    const flows: FlowRecord[] = [];
    // A source lists its flows in the order of their opening, so none past the bound can be among the oldest.
    for (const source of this.#sources.values())
      flows.push(...source.flows.slice(0, STATS_LIMITS.CONNECTIONS_LISTED_MAX));
    flows.sort((a, b) => a.started_at - b.started_at);
    return flows.slice(0, STATS_LIMITS.CONNECTIONS_LISTED_MAX);
  }
}

function sumOf(a: Refusals | undefined, b: Refusals): Refusals {
  const sum = new Map<string, number>();
  addRefusals(sum, a);
  addRefusals(sum, b);
  return toRefusals(sum);
}

/** Sums go on growing in place, and a row must stay what it is. */
function copyOf(counters: ServiceCounters): ServiceCounters {
  const { channel } = counters;
  return { ...counters, ...(channel && { channel: copyChannelCounts(channel) }) };
}

function isSilent(seenAt: number, now: number): boolean {
  return now - seenAt >= STATS_LIMITS.SOURCE_SILENT_MS;
}

/** Whether a source has ended, as it seems, with flows open. */
export function hasMissing(sources: readonly SourceRow[], now: number): boolean {
  return sources.some(({ open, seen_at }) => open > 0 && isSilent(seen_at, now));
}

function newSource(): Source {
  return { seq: 0, seenAt: 0, open: 0, gauges: new Map(), unfolded: new Map(), flows: [] };
}

function toRow(id: string, source: Source, lost: boolean): SourceRow {
  const unfolded = [...source.unfolded.values()].map(copyOf);
  return { source: id, seq: source.seq, seen_at: source.seenAt, open: source.open, lost, unfolded };
}
