// The stats object's tables. A merged batch costs one row: the source's, which carries its number and what it counted
// since it was last folded into the totals, so number and counts become durable together. Knows SQL, not what it means.

import type { AggregateState, Change, SourceRow } from "../../shared/flow/aggregate.ts";
import { addChannelCounts, type ChannelCounts, noChannelCounts } from "../../shared/flow/channel.ts";
import { COUNTER_NAMES, zeroCounters } from "../../shared/flow/counters.ts";
import { FLOW_KINDS, type FlowKind } from "../../shared/flow/flow.ts";
import type { QuotaRow } from "../../shared/flow/quota.ts";
import type { LinkSnapshot } from "../../shared/flow/snapshot.ts";
import type { ServiceCounters } from "../../shared/flow/totals.ts";
import { QUOTA_LIMITS, STATS_LIMITS } from "../../shared/limits.ts";

const TABLES = `
CREATE TABLE IF NOT EXISTS totals (
  kind TEXT NOT NULL, service TEXT NOT NULL, PRIMARY KEY (kind, service)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sources (
  source TEXT PRIMARY KEY, seq INTEGER NOT NULL, seen_at INTEGER NOT NULL, live INTEGER NOT NULL,
  open INTEGER NOT NULL, lost INTEGER NOT NULL, unfolded TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refusals (
  kind TEXT NOT NULL, service TEXT NOT NULL, code TEXT NOT NULL, times INTEGER NOT NULL,
  PRIMARY KEY (kind, service, code)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS channels (service TEXT PRIMARY KEY, counts TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quotas (service TEXT PRIMARY KEY, start INTEGER NOT NULL, quota TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS links (name TEXT PRIMARY KEY, link TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
`;

const FOLD = `
INSERT INTO totals (kind, service, ${COUNTER_NAMES.join(", ")})
VALUES (?, ?, ${COUNTER_NAMES.map(() => "?").join(", ")})
ON CONFLICT DO UPDATE SET ${COUNTER_NAMES.map((name) => `${name} = ${name} + excluded.${name}`).join(", ")}`;

const FOLD_REFUSAL = `
INSERT INTO refusals (kind, service, code, times) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET times = times + excluded.times`;

type StoredSource = Record<"seq" | "seen_at" | "open" | "lost", number> & {
  source: string;
  unfolded: string;
};
type StoredTotal = Record<string, string | number> & ServiceCounters;

/** `unfolded` was written by this file, so its shape is known but for counters that are newer than the row. */
function toSourceRow(row: StoredSource): SourceRow {
  const unfolded = JSON.parse(row.unfolded) as ServiceCounters[];
  return {
    ...row,
    lost: row.lost !== 0,
    unfolded: unfolded.map((counters) => ({ ...zeroCounters(), ...counters })),
  };
}

/** Gives the totals a column per counter: those that a table of an earlier version lacks begin at 0. */
function addColumns(sql: SqlStorage): void {
  const columns = sql.exec<{ name: string }>("SELECT name FROM pragma_table_info('totals')").toArray();
  const known = new Set(columns.map((column) => column.name));
  for (const name of COUNTER_NAMES)
    if (!known.has(name)) sql.exec(`ALTER TABLE totals ADD COLUMN ${name} INTEGER NOT NULL DEFAULT 0`);
}

function isKind(kind: string): kind is FlowKind {
  return (FLOW_KINDS as readonly string[]).includes(kind);
}

export class StatsStore {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    storage.sql.exec(TABLES);
    addColumns(storage.sql);
  }

  /** What the aggregate begins with; `now` becomes the beginning of counting if this is the first time. */
  load(now: number): AggregateState {
    const { sql } = this.#storage;
    sql.exec("INSERT OR IGNORE INTO meta VALUES ('since', ?), ('lost_sources', 0)", now);
    const meta = new Map(
      sql
        .exec<{ name: string; value: number }>("SELECT name, value FROM meta")
        .toArray()
        .map((row) => [row.name, row.value]),
    );
    // A kind that this version no longer knows is left alone.
    const totals = sql.exec<StoredTotal>("SELECT * FROM totals").toArray();
    const sources = sql
      .exec<StoredSource>(
        "SELECT source, seq, seen_at, open, lost, unfolded FROM sources WHERE live = 1 ORDER BY seen_at",
      )
      .toArray();
    return {
      since: meta.get("since") ?? now,
      lost_sources: meta.get("lost_sources") ?? 0,
      totals: this.#withChannels(this.#withRefusals(totals.filter((row) => isKind(row.kind)))),
      sources: sources.map(toSourceRow),
      quotas: this.#loadQuotas(now),
    };
  }

  /** The row of a source, live or forgotten. */
  source(source: string): SourceRow | undefined {
    const [row] = this.#storage.sql
      .exec<StoredSource>(
        "SELECT source, seq, seen_at, open, lost, unfolded FROM sources WHERE source = ?",
        source,
      )
      .toArray();
    return row && toSourceRow(row);
  }

  /** Stores a merged batch; durable before anything is sent, because the runtime holds output back until then. */
  merged(change: Change, live: boolean): void {
    const { row, fold, quotas } = change;
    if (!fold && quotas.length === 0) {
      this.#put(row, JSON.stringify(row.unfolded), live);
      return;
    }
    this.#storage.transactionSync(() => {
      if (fold) this.#fold(row, live);
      else this.#put(row, JSON.stringify(row.unfolded), live);
      for (const quota of quotas) this.#putQuota(quota);
    });
  }

  /** Stores that sources were forgotten; the longest silent rows past the bound go. */
  forgotten(changes: readonly Change[]): void {
    this.#storage.transactionSync(() => {
      for (const { row } of changes) this.#fold(row, false);
      this.#storage.sql.exec(
        `DELETE FROM sources WHERE live = 0 AND source NOT IN
         (SELECT source FROM sources ORDER BY seen_at DESC LIMIT ?)`,
        STATS_LIMITS.SOURCES_MAX,
      );
    });
  }

  setLostSources(count: number): void {
    this.#storage.sql.exec("UPDATE meta SET value = ? WHERE name = 'lost_sources'", count);
  }

  /**
   * When the silence of sources counts again. Kept over an eviction: an object that is seldom asked would begin its grace anew
   * each time, and never miss anybody.
   */
  graceUntil(now: number): number {
    const { sql } = this.#storage;
    const fresh = now + STATS_LIMITS.SOURCE_GRACE_MS;
    const [row] = sql.exec<{ value: number }>("SELECT value FROM meta WHERE name = 'grace_until'").toArray();
    if (row && row.value > now - STATS_LIMITS.SOURCE_SILENT_MS) return Math.min(row.value, fresh);
    sql.exec("INSERT OR REPLACE INTO meta VALUES ('grace_until', ?)", fresh);
    return fresh;
  }

  /** All relays' links as last stored. */
  links(): LinkSnapshot[] {
    const rows = this.#storage.sql.exec<{ link: string }>("SELECT link FROM links ORDER BY name").toArray();
    return rows.map((row) => JSON.parse(row.link) as LinkSnapshot);
  }

  setLink(link: LinkSnapshot): void {
    this.#storage.sql.exec("INSERT OR REPLACE INTO links VALUES (?, ?)", link.name, JSON.stringify(link));
  }

  #withRefusals(totals: StoredTotal[]): ServiceCounters[] {
    const rows = this.#storage.sql
      .exec<{ kind: string; service: string; code: string; times: number }>("SELECT * FROM refusals")
      .toArray();
    const byService = Map.groupBy(rows, ({ kind, service }) => `${kind} ${service}`);
    return totals.map((total) => {
      const found = byService.get(`${total.kind} ${total.service}`) ?? [];
      return { ...total, refused: Object.fromEntries(found.map(({ code, times }) => [code, times])) };
    });
  }

  #withChannels(totals: ServiceCounters[]): ServiceCounters[] {
    const rows = this.#storage.sql
      .exec<{ service: string; counts: string }>("SELECT service, counts FROM channels")
      .toArray();
    const byService = new Map(rows.map(({ service, counts }) => [service, counts]));
    return totals.map((total) => {
      const counts = total.kind === "hls" ? byService.get(total.service) : undefined;
      return counts === undefined ? total : { ...total, channel: JSON.parse(counts) as ChannelCounts };
    });
  }

  #foldChannel(service: string, more: ChannelCounts): void {
    const { sql } = this.#storage;
    const [row] = sql
      .exec<{ counts: string }>("SELECT counts FROM channels WHERE service = ?", service)
      .toArray();
    const sum = row ? (JSON.parse(row.counts) as ChannelCounts) : noChannelCounts();
    addChannelCounts(sum, more);
    sql.exec("INSERT OR REPLACE INTO channels VALUES (?, ?)", service, JSON.stringify(sum));
  }

  /** Those that may still count; the others are dropped for good. */
  #loadQuotas(now: number): QuotaRow[] {
    const { sql } = this.#storage;
    sql.exec("DELETE FROM quotas WHERE start < ?", now - QUOTA_LIMITS.ROW_MAX_AGE_MS);
    const rows = sql
      .exec<{ quota: string }>(
        "SELECT quota FROM quotas ORDER BY start DESC LIMIT ?",
        QUOTA_LIMITS.SERVICES_MAX,
      )
      .toArray();
    return rows.map(({ quota }) => JSON.parse(quota) as QuotaRow);
  }

  #putQuota(quota: QuotaRow): void {
    const { service, start } = quota;
    this.#storage.sql.exec(
      "INSERT OR REPLACE INTO quotas VALUES (?, ?, ?)",
      service,
      start,
      JSON.stringify(quota),
    );
  }

  #fold(row: SourceRow, live: boolean): void {
    for (const counters of row.unfolded) {
      const values = COUNTER_NAMES.map((name) => counters[name]);
      const { kind, service, refused = {}, channel } = counters;
      this.#storage.sql.exec(FOLD, kind, service, ...values);
      for (const [code, times] of Object.entries(refused))
        this.#storage.sql.exec(FOLD_REFUSAL, kind, service, code, times);
      if (channel && kind === "hls") this.#foldChannel(service, channel);
    }
    this.#put(row, "[]", live);
  }

  #put(row: SourceRow, unfolded: string, live: boolean): void {
    this.#storage.sql.exec(
      "INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?, ?, ?, ?)",
      row.source,
      row.seq,
      row.seen_at,
      live ? 1 : 0,
      row.open,
      row.lost ? 1 : 0,
      unfolded,
    );
  }
}
