// Quotas: how many bytes a service moved in the current period of the calendar, and which services are over. The stats
// object adds up what all isolates report, each batch once; isolates learn the list of services that are over, as a whole,
// whenever it has changed. Pure: time comes in as an argument.

import { QUOTA_LIMITS } from "../limits.ts";
import type { FlowKind } from "./flow.ts";

export const QUOTA_PERIODS = ["hour", "day", "week", "month"] as const;
export type QuotaPeriod = (typeof QUOTA_PERIODS)[number];

/** Whether flows of a kind belong to hosts, which alone have quotas and expiry dates. */
export function hasTerms(kind: FlowKind): boolean {
  return kind === "http" || kind === "ws";
}

/** What a host's configuration says of its service, reported with its counts: the stats object knows no configuration. */
export interface ServiceTerms {
  /** Of the configuration that says so: isolates learn of a push one after the other, and the later one counts. */
  readonly epoch: number;
  readonly quota?: { readonly limit: number; readonly period: QuotaPeriod };
  /** The first millisecond of the day from which on the service is over; since the epoch. */
  readonly expires_at?: number;
}

/** What is stored of a service. */
export interface QuotaRow {
  readonly service: string;
  /** Of the terms that it stands under. */
  readonly epoch: number;
  /** Bytes; 0: no quota is configured at present. */
  readonly limit: number;
  readonly period: QuotaPeriod;
  /** When the period began that `used` belongs to: milliseconds since the epoch. */
  readonly start: number;
  /** Bytes both ways. */
  readonly used: number;
  /** 0: never. */
  readonly expires_at: number;
}

/** A service that has used its quota up. */
export interface OverQuota {
  readonly service: string;
  /** By what the quota was judged: an isolate with another one in its configuration knows better. */
  readonly limit: number;
  readonly period: QuotaPeriod;
  readonly epoch: number;
  /** When the next period begins: milliseconds since the epoch. */
  readonly until: number;
}

/** The whole list as of a version; versions of one list only grow. */
export interface QuotaNews {
  readonly version: number;
  readonly over: OverQuota[];
}

/** A service's quota as dashboards see it. */
export interface QuotaState {
  used: number;
  limit: number;
  resets_at: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** 1970-01-01 was a Thursday: weeks begin on Mondays (ISO 8601), three days before. */
const WEEK_OFFSET_MS = 3 * DAY_MS;

/** The period of the calendar, in UTC, that `now` lies in. */
export function periodAt(period: QuotaPeriod, now: number): { readonly start: number; readonly end: number } {
  if (period === "month") {
    const date = new Date(now);
    const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
    return { start: Date.UTC(year, month), end: Date.UTC(year, month + 1) };
  }
  const length = period === "hour" ? HOUR_MS : period === "day" ? DAY_MS : 7 * DAY_MS;
  const offset = period === "week" ? WEEK_OFFSET_MS : 0;
  const start = now - ((now + offset) % length);
  return { start, end: start + length };
}

/** The quotas of all services. */
export class QuotaBook {
  readonly #rows = new Map<string, QuotaRow>();
  readonly #over = new Map<string, OverQuota>();
  #version: number;

  /** `now` must be later than in any former life of the same book: versions count on from it. */
  constructor(rows: readonly QuotaRow[], now: number) {
    this.#version = now;
    for (const row of rows) {
      // Those of an earlier version have no epoch.
      const known = { ...row, epoch: row.epoch ?? 0 };
      this.#rows.set(row.service, known);
      this.#judge(known, now);
    }
  }

  /**
   * Adds bytes of a service. The terms that the reporter knows count unless others came from a later configuration: an
   * isolate with nothing but an old socket may not have heard of it. Returns the row to store; undefined when nothing has
   * changed.
   */
  add(service: string, terms: ServiceTerms | undefined, bytes: number, now: number): QuotaRow | undefined {
    const known = this.#rows.get(service);
    if (known === undefined && terms?.quota === undefined && terms?.expires_at === undefined)
      return undefined;
    const current = terms && terms.epoch >= (known?.epoch ?? 0) ? termsOf(terms, known) : known;
    if (current === undefined) return undefined;
    const { epoch, limit, period, expires_at } = current;
    const { start } = periodAt(period, now);
    const goesOn = known !== undefined && known.period === period && known.start === start;
    const used = (goesOn ? known.used : 0) + (limit > 0 ? bytes : 0);
    const row: QuotaRow = { service, epoch, limit, period, start, used, expires_at };
    if (goesOn && isSame(known, row)) return undefined;
    this.#makeRoom(service);
    this.#rows.set(service, row);
    this.#judge(row, now);
    return row;
  }

  /** The list of services that are over, unless `seen` is its version. */
  news(seen: number | undefined, now: number): QuotaNews | undefined {
    for (const [service, { until }] of this.#over) if (until <= now) this.#over.delete(service);
    return seen === this.#version ? undefined : { version: this.#version, over: [...this.#over.values()] };
  }

  /** The quota of a service as it stands; undefined when none is configured. */
  stateOf(service: string, now: number): QuotaState | undefined {
    const row = this.#rows.get(service);
    if (row === undefined || row.limit === 0) return undefined;
    const { start, end } = periodAt(row.period, now);
    return { used: row.start === start ? row.used : 0, limit: row.limit, resets_at: end };
  }

  /** When a service expires: milliseconds since the epoch; undefined: never. */
  expiryOf(service: string): number | undefined {
    return this.#rows.get(service)?.expires_at || undefined;
  }

  #judge(row: QuotaRow, now: number): void {
    const { service, limit, period, epoch, used } = row;
    const { start, end } = periodAt(period, now);
    const known = this.#over.get(service);
    const isOver = limit > 0 && row.start === start && used >= limit;
    if (!isOver) {
      if (this.#over.delete(service)) this.#version++;
      return;
    }
    if (known?.limit === limit && known.period === period && known.epoch === epoch && known.until === end)
      return;
    this.#over.set(service, { service, limit, period, epoch, until: end });
    this.#version++;
  }

  /** Past the bound the service that has been quiet for longest is forgotten. */
  #makeRoom(service: string): void {
    if (this.#rows.size < QUOTA_LIMITS.SERVICES_MAX || this.#rows.has(service)) return;
    let oldest: QuotaRow | undefined;
    for (const row of this.#rows.values()) if (!oldest || row.start < oldest.start) oldest = row;
    if (!oldest) return;
    this.#rows.delete(oldest.service);
    if (this.#over.delete(oldest.service)) this.#version++;
  }
}

function isSame(a: QuotaRow, b: QuotaRow): boolean {
  return a.epoch === b.epoch && a.limit === b.limit && a.used === b.used && a.expires_at === b.expires_at;
}

/** Without a quota the period stays, so that what was used is known should there be one again. */
function termsOf({ epoch, quota, expires_at }: ServiceTerms, known: QuotaRow | undefined) {
  const period: QuotaPeriod = quota?.period ?? known?.period ?? "month";
  return { epoch, limit: quota?.limit ?? 0, period, expires_at: expires_at ?? 0 };
}
