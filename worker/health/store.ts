// What the health object keeps through evictions: the checks of the configuration it follows, one row each, and what is
// known of all of them in one row, because it changes with every round.

import type { HealthCheck } from "../../shared/config/health-checks.ts";
import type { CheckState, CheckTable } from "./table.ts";

const TABLES = `
  CREATE TABLE IF NOT EXISTS checks (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS progress (k INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, states TEXT NOT NULL);
`;

export class HealthStore {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    storage.sql.exec(TABLES);
  }

  /** Fills an empty table; resolves to the epoch of the configuration that it is from, 0 for none. */
  load(table: CheckTable, now: number): number {
    const { sql } = this.#storage;
    const row = sql
      .exec<{ epoch: number; states: string }>("SELECT epoch, states FROM progress WHERE k = 0")
      .toArray()[0];
    if (row === undefined) return 0;
    const known = new Map(JSON.parse(row.states) as [string, CheckState][]);
    const rows = sql.exec<{ body: string }>("SELECT body FROM checks").toArray();
    table.adopt(
      rows.map(({ body }) => JSON.parse(body) as HealthCheck),
      now,
      known,
    );
    return row.epoch;
  }

  saveChecks(checks: readonly HealthCheck[]): void {
    this.#storage.transactionSync(() => {
      this.#storage.sql.exec("DELETE FROM checks");
      for (const check of checks)
        this.#storage.sql.exec("INSERT INTO checks VALUES (?, ?)", check.id, JSON.stringify(check));
    });
  }

  saveStates(epoch: number, table: CheckTable): void {
    const states = table.entries().map(({ check, state }) => [check.id, state]);
    this.#storage.sql.exec("INSERT OR REPLACE INTO progress VALUES (0, ?, ?)", epoch, JSON.stringify(states));
  }
}
