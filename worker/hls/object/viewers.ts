// The part of an object that knows who watches: a channel, or with a subscriber's object all that one watches. Written
// down now and then, so that a deploy neither ends a session past its token's expiry nor gives its place away.

import { VIEWER_LIMITS as LIMITS } from "../../../shared/limits.ts";
import { type AudienceNews, type SeatVerdict, SessionTable } from "../../../shared/viewers/session-table.ts";

const TABLE = "CREATE TABLE IF NOT EXISTS audience (n INTEGER PRIMARY KEY, body TEXT NOT NULL)";

export class StoredAudience {
  readonly #storage: DurableObjectStorage;
  #table: SessionTable | undefined;
  #savedAt = 0;

  /** Reads and writes nothing until the first report. */
  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** One verdict per session of the report, in its order. */
  report(news: AudienceNews, now: number): SeatVerdict[] {
    this.#table ??= this.#load(now);
    const verdicts = this.#table.report(news, now);
    if (Math.abs(now - this.#savedAt) >= LIMITS.SAVE_MS) this.#save(this.#table, now);
    return verdicts;
  }

  #load(now: number): SessionTable {
    const { sql } = this.#storage;
    sql.exec(TABLE);
    const rows = sql.exec<{ body: string }>("SELECT body FROM audience ORDER BY n").toArray();
    const table = new SessionTable();
    if (rows.length > 0) table.restore(rows.map(({ body }) => body).join(""));
    // What is written at once would be the first session alone.
    this.#savedAt = now;
    return table;
  }

  #save(table: SessionTable, now: number): void {
    this.#savedAt = now;
    const text = table.save();
    this.#storage.transactionSync(() => {
      const { sql } = this.#storage;
      sql.exec("DELETE FROM audience");
      for (let n = 0; n * LIMITS.ROW_CHARS < text.length; n++) {
        const body = text.slice(n * LIMITS.ROW_CHARS, (n + 1) * LIMITS.ROW_CHARS);
        sql.exec("INSERT INTO audience VALUES (?, ?)", n, body);
      }
    });
  }
}
