// Where quotas survive restarts and kills: one SQLite file under the relay's state directory. Every lease is one
// transaction, so several processes and threads may share the file. It knows no users, only subjects.

import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { RELAY_QUOTA_LIMITS } from "../../shared/limits.ts";
import type { LeaseRequest, QuotaStore } from "./quota-lease.ts";

/** A newer one belongs to a newer Causeway, which must not be guessed at. */
const SCHEMA_VERSION = 1;

/** Subjects that anybody can make up begin with this; only their number is bounded by forgetting. */
export const CLIENT_PREFIX = "client:";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS quota (
    subject TEXT NOT NULL,
    period TEXT NOT NULL,
    start INTEGER NOT NULL,
    used INTEGER NOT NULL,
    PRIMARY KEY (subject, period)
  ) STRICT, WITHOUT ROWID;
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

interface Row {
  readonly start: number;
  readonly used: number;
}

export interface QuotaFileOptions {
  /** Directory; made if it is missing, for its owner only. */
  readonly state: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Called when the file cannot be read or written: quotas then refuse rather than forget. */
  readonly onFailed: (why: string) => void;
}

export class QuotaFile implements QuotaStore {
  readonly #database: DatabaseSync;
  readonly #onFailed: (why: string) => void;
  readonly #find: StatementSync;
  readonly #put: StatementSync;
  readonly #giveBack: StatementSync;
  /** Rows of clients, at least as many as there are. */
  #rows: number;

  constructor(database: DatabaseSync, { now, onFailed }: QuotaFileOptions) {
    this.#database = database;
    this.#onFailed = onFailed;
    this.#find = database.prepare("SELECT start, used FROM quota WHERE subject = ? AND period = ?");
    this.#put = database.prepare(
      "INSERT INTO quota VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET start = excluded.start, used = excluded.used",
    );
    this.#giveBack = database.prepare(
      "UPDATE quota SET used = max(0, used - ?) WHERE subject = ? AND period = ? AND start = ?",
    );
    this.#rows = this.#sweep(now);
  }

  /** @throws Error when the file cannot be opened, is damaged, or belongs to a newer version */
  static async open(options: QuotaFileOptions): Promise<QuotaFile> {
    const path = join(options.state, "limits.sqlite");
    try {
      // Loaded here only: what never uses quotas also runs where this module does not exist.
      const { DatabaseSync: Database } = await import("node:sqlite");
      mkdirSync(options.state, { recursive: true, mode: 0o700 });
      const database = new Database(path, { timeout: RELAY_QUOTA_LIMITS.BUSY_MS });
      try {
        prepare(database);
        chmodSync(path, 0o600);
        return new QuotaFile(database, options);
      } catch (error) {
        database.close();
        throw error;
      }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`Cannot open the relay's quotas "${path}": ${why}`, { cause: error });
    }
  }

  lease(request: LeaseRequest): number | undefined {
    return this.#attempt(() => this.#transaction(() => this.#lease(request)));
  }

  usage({
    subject,
    period,
    start,
    now,
  }: Omit<LeaseRequest, "limit" | "wanted" | "needed">): number | undefined {
    return this.#attempt(() => {
      const row = this.#find.get(subject, period) as Row | undefined;
      return row !== undefined && isOfPeriod(row, start, now) ? row.used : 0;
    });
  }

  giveBack(
    { subject, period, start }: Pick<LeaseRequest, "subject" | "period" | "start">,
    bytes: number,
  ): void {
    this.#attempt(() => this.#giveBack.run(bytes, subject, period, start));
  }

  close(): void {
    this.#database.close();
  }

  #lease({ subject, period, start, now, limit, wanted, needed }: LeaseRequest): number {
    const row = this.#find.get(subject, period) as Row | undefined;
    const isSame = row !== undefined && isOfPeriod(row, start, now);
    const used = isSame ? row.used : 0;
    const free = Math.max(0, limit - used);
    const leased = free < needed ? 0 : Math.min(wanted, free);
    if (row === undefined && subject.startsWith(CLIENT_PREFIX)) this.#makeRoom(now);
    // What is too little for anything is void, or every restart would begin with it.
    this.#put.run(
      subject,
      period,
      isSame ? row.start : start,
      leased === 0 ? Math.max(used, limit) : used + leased,
    );
    return leased;
  }

  #makeRoom(now: number): void {
    if (this.#rows++ < RELAY_QUOTA_LIMITS.ROWS_MAX) return;
    this.#rows = this.#sweep(now);
    if (this.#rows < RELAY_QUOTA_LIMITS.ROWS_MAX) return;
    this.#database
      .prepare(
        `DELETE FROM quota WHERE (subject, period) IN
           (SELECT subject, period FROM quota WHERE subject GLOB '${CLIENT_PREFIX}*' ORDER BY used LIMIT ?)`,
      )
      .run(RELAY_QUOTA_LIMITS.ROWS_FORGOTTEN);
    this.#rows = this.#count();
  }

  /** Forgets periods that are long over; how many rows of clients are left. */
  #sweep(now: number): number {
    this.#database
      .prepare("DELETE FROM quota WHERE period <> 'total' AND start < ?")
      .run(now - RELAY_QUOTA_LIMITS.ROW_MAX_AGE_MS);
    return this.#count();
  }

  #count(): number {
    const { rows } = this.#database
      .prepare(`SELECT count(*) AS rows FROM quota WHERE subject GLOB '${CLIENT_PREFIX}*'`)
      .get() as { rows: number };
    return rows;
  }

  /** Nobody else writes between the look and the write. */
  #transaction<T>(work: () => T): T {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  #attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.#onFailed(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }
}

/** After a clock went back a little, the later period goes on: beginning again would forget what was used. */
function isOfPeriod(row: Row, start: number, now: number): boolean {
  return row.start >= start && row.start - now < RELAY_QUOTA_LIMITS.CLOCK_SLACK_MS;
}

function prepare(database: DatabaseSync): void {
  // A commit then costs no wait for the disk: it survives the process, though not the power.
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
  const version = database.prepare("PRAGMA user_version").get() as { user_version: number };
  if (version.user_version > SCHEMA_VERSION) {
    throw new RangeError(`it is of version ${version.user_version}, and this relay knows ${SCHEMA_VERSION}`);
  }
  database.exec(SCHEMA);
}
