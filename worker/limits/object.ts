// The object of one host whose limits hold world-wide: hands out leases on its places and on its rate. What it has granted
// is durable before it answers, so an eviction grants nothing twice. It knows numbers, never requests or configurations.

import { DurableObject } from "cloudflare:workers";
import { LEASE_LIMITS } from "../../shared/limits.ts";
import { type RateLimit, RateWindow } from "../../shared/net/rate-window.ts";
import { type Lease, LeaseBook, type LeaseRequest, type LeaseRow } from "./lease-book.ts";

const TABLES = `
CREATE TABLE IF NOT EXISTS leases (
  holder TEXT PRIMARY KEY, seq INTEGER NOT NULL, places INTEGER NOT NULL, until INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rate (
  id INTEGER PRIMARY KEY CHECK (id = 0), count INTEGER NOT NULL, window_ms INTEGER NOT NULL,
  start INTEGER NOT NULL, current REAL NOT NULL, previous REAL NOT NULL
);
`;

/** Requests that an isolate may let in on its own. */
export interface RateLease {
  readonly granted: number;
  /** What is left for all others. */
  readonly remaining: number;
  /** Milliseconds until more may be granted; with a grant, until the whole rate is free again. */
  readonly wait_ms: number;
}

type StoredRate = Record<"count" | "window_ms" | "start" | "current" | "previous", number>;

/** The rate's window with the limit that it counts for. */
interface Rate {
  readonly limit: RateLimit;
  readonly window: RateWindow;
}

export class Limits extends DurableObject {
  #leases: LeaseBook;
  #rate: Rate | undefined;
  #isArmed = false;

  constructor(ctx: DurableObjectState, env: object) {
    super(ctx, env);
    const { sql } = ctx.storage;
    sql.exec(TABLES);
    const rows = sql.exec<{ [K in keyof LeaseRow]: LeaseRow[K] }>("SELECT * FROM leases").toArray();
    this.#leases = new LeaseBook(rows);
    const [rate] = sql.exec<StoredRate>("SELECT * FROM rate").toArray();
    if (rate) this.#rate = toRate(rate);
  }

  /** Grants places, renews them or takes them back. */
  async lease(request: LeaseRequest): Promise<Lease> {
    const { lease, row } = this.#leases.grant(request, Date.now());
    const { sql } = this.ctx.storage;
    if (row.places > 0)
      sql.exec(
        "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?)",
        row.holder,
        row.seq,
        row.places,
        row.until,
      );
    else sql.exec("DELETE FROM leases WHERE holder = ?", row.holder);
    await this.#arm();
    return lease;
  }

  /** Grants at most `wanted` requests of the rate, and fewer when there are not as many left. */
  async take(limit: RateLimit, wanted: number): Promise<RateLease> {
    const now = Date.now();
    const rate = this.#rateOf(limit);
    const granted = Math.min(wanted, rate.window.room(limit, now));
    const verdict = rate.window.take(limit, now, Math.max(1, granted));
    const [start, current, previous] = rate.window.state;
    this.ctx.storage.sql.exec(
      "INSERT OR REPLACE INTO rate VALUES (0, ?, ?, ?, ?, ?)",
      limit.count,
      limit.windowMs,
      start,
      current,
      previous,
    );
    await this.#arm();
    return { granted: verdict.admitted ? granted : 0, remaining: verdict.remaining, wait_ms: verdict.waitMs };
  }

  /** Drops what is over; an object without anything left keeps no storage. */
  override async alarm(): Promise<void> {
    const now = Date.now();
    this.#isArmed = false;
    for (const holder of this.#leases.expire(now))
      this.ctx.storage.sql.exec("DELETE FROM leases WHERE holder = ?", holder);
    const [start] = this.#rate?.window.state ?? [0];
    const isQuiet = now - start >= 2 * (this.#rate?.limit.windowMs ?? 0);
    if (this.#leases.size > 0 || !isQuiet) {
      await this.#arm();
      return;
    }
    this.#rate = undefined;
    await this.ctx.storage.deleteAll();
    this.ctx.storage.sql.exec(TABLES);
  }

  /** A rate that was configured anew begins anew. */
  #rateOf(limit: RateLimit): Rate {
    const known = this.#rate?.limit;
    if (this.#rate && known?.count === limit.count && known.windowMs === limit.windowMs) return this.#rate;
    this.#rate = { limit: { count: limit.count, windowMs: limit.windowMs }, window: new RateWindow() };
    return this.#rate;
  }

  async #arm(): Promise<void> {
    if (this.#isArmed) return;
    this.#isArmed = true;
    if ((await this.ctx.storage.getAlarm()) === null)
      await this.ctx.storage.setAlarm(Date.now() + LEASE_LIMITS.SWEEP_MS);
  }
}

function toRate({ count, window_ms: windowMs, start, current, previous }: StoredRate): Rate {
  const window = new RateWindow();
  window.restore([start, current, previous]);
  return { limit: { count, windowMs }, window };
}
