// Rows of the lists object: the state of each source, and what was made of it in pages by generation. Decides nothing.

import { type GuideState, NO_GUIDE, type SourceKey, type SourceState } from "./source-state.ts";

/**
 * `record`: sealed records of channels as a JSON table by id, in the order of their hashes; `summary`: what lists show, in the
 * provider's order; `ids`: the table of ids; `found`: a guide's channels; `piece`: compressed text.
 */
export type PageKind = "record" | "summary" | "ids" | "found" | "piece";

/** Under which a page of the merged guide stands. */
export type PageKey = SourceKey | "merged";

const TABLES = `
  CREATE TABLE IF NOT EXISTS sources (key TEXT PRIMARY KEY, place INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS pages (
    key TEXT NOT NULL, gen INTEGER NOT NULL, kind TEXT NOT NULL, n INTEGER NOT NULL, body NOT NULL,
    PRIMARY KEY (key, gen, kind, n)
  );
  CREATE TABLE IF NOT EXISTS meta (k INTEGER PRIMARY KEY, body TEXT NOT NULL);
`;

/** What the object keeps besides its sources. */
export interface ListsMeta {
  /** Of the configuration that the sources are from; 0: none. */
  readonly epoch: number;
  readonly guide: GuideState;
  /** The merged guide is older than what it is made of. */
  readonly outdated: boolean;
}

export class ListsStore {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    storage.sql.exec(TABLES);
  }

  meta(): ListsMeta {
    const row = this.#storage.sql.exec<{ body: string }>("SELECT body FROM meta WHERE k = 0").toArray()[0];
    return row === undefined
      ? { epoch: 0, guide: NO_GUIDE, outdated: false }
      : (JSON.parse(row.body) as ListsMeta);
  }

  saveMeta(meta: ListsMeta): void {
    this.#storage.sql.exec("INSERT OR REPLACE INTO meta VALUES (0, ?)", JSON.stringify(meta));
  }

  /** In the order of the configuration. */
  sources(): SourceState[] {
    const rows = this.#storage.sql
      .exec<{ body: string }>("SELECT body FROM sources ORDER BY place")
      .toArray();
    return rows.map(({ body }) => JSON.parse(body) as SourceState);
  }

  source(key: SourceKey): SourceState | undefined {
    const query = "SELECT body FROM sources WHERE key = ?";
    const row = this.#storage.sql.exec<{ body: string }>(query, key).toArray()[0];
    return row === undefined ? undefined : (JSON.parse(row.body) as SourceState);
  }

  save(state: SourceState): void {
    this.#storage.sql.exec("UPDATE sources SET body = ? WHERE key = ?", JSON.stringify(state), state.key);
  }

  /** These are all sources there are: pages of others go. */
  replaceSources(states: readonly SourceState[]): void {
    this.#storage.transactionSync(() => {
      const kept = new Set<string>(states.map(({ key }) => key));
      for (const { key } of this.sources())
        if (!kept.has(key)) this.#storage.sql.exec("DELETE FROM pages WHERE key = ?", key);
      this.#storage.sql.exec("DELETE FROM sources");
      for (const [place, state] of states.entries())
        this.#storage.sql.exec(
          "INSERT INTO sources VALUES (?, ?, ?)",
          state.key,
          place,
          JSON.stringify(state),
        );
    });
  }

  put(key: PageKey, gen: number, kind: PageKind, n: number, body: string | Uint8Array): void {
    const query = "INSERT OR REPLACE INTO pages VALUES (?, ?, ?, ?, ?)";
    this.#storage.sql.exec(query, key, gen, kind, n, body);
  }

  text(key: PageKey, gen: number, kind: PageKind, n: number): string | undefined {
    const body = this.#body(key, gen, kind, n);
    return typeof body === "string" ? body : undefined;
  }

  bytes(key: PageKey, gen: number, kind: PageKind, n: number): Uint8Array | undefined {
    const body = this.#body(key, gen, kind, n);
    return body instanceof ArrayBuffer ? new Uint8Array(body) : undefined;
  }

  #body(key: PageKey, gen: number, kind: PageKind, n: number): SqlStorageValue | undefined {
    const query = "SELECT body FROM pages WHERE key = ? AND gen = ? AND kind = ? AND n = ?";
    return this.#storage.sql.exec<{ body: SqlStorageValue }>(query, key, gen, kind, n).toArray()[0]?.body;
  }

  /** Pages of that kind. */
  count(key: PageKey, gen: number, kind: PageKind): number {
    const query = "SELECT COUNT(*) AS count FROM pages WHERE key = ? AND gen = ? AND kind = ?";
    return this.#storage.sql.exec<{ count: number }>(query, key, gen, kind).one().count;
  }

  /** Pages of other generations go, whether in service once or given up half-way. */
  keepOnly(key: PageKey, generations: readonly number[]): void {
    const [first = 0, second = first] = generations;
    this.#storage.sql.exec("DELETE FROM pages WHERE key = ? AND gen <> ? AND gen <> ?", key, first, second);
  }
}
