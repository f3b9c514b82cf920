// The directory's tables: versions of the document, one row per channel and state of it, uploads under way, the live state,
// used passes.
// Rows hold ASCII (escaped JSON), so that text can be cut anywhere. Validates nothing and answers nobody.

import type { RawDocument } from "../../shared/config/document.ts";
import { isTable } from "../../shared/config/inspect.ts";
import { DIRECTORY_LIMITS as LIMITS } from "../../shared/limits.ts";
import { type LiveDocument, NOTHING_LIVE } from "./live.ts";
import { asciiJson, cut } from "./pieces.ts";

/** A kept version as it is listed. */
export interface VersionRow {
  readonly version: number;
  /** Rises with every version, also when the directory's storage was lost in between. */
  readonly epoch: number;
  /** Milliseconds since the epoch. */
  readonly pushed_at: number;
  /** The version this one brought back; null for a push. */
  readonly rollback_of: number | null;
}

// A channel's row is valid for versions from `since` to before `until`, so a push writes only what it changes.
const TABLES = `
  CREATE TABLE IF NOT EXISTS versions (
    version INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, pushed_at INTEGER NOT NULL, rollback_of INTEGER
  );
  CREATE TABLE IF NOT EXISTS bodies (
    version INTEGER NOT NULL, n INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (version, n)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS channels (
    id TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER, body TEXT NOT NULL, PRIMARY KEY (id, since)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS uploads (
    upload TEXT NOT NULL, n INTEGER NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (upload, n)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS live (k INTEGER PRIMARY KEY, body TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS redeemed (id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) WITHOUT ROWID;
`;

/** What stands in `bodies`: everything but the channels, and their order. */
interface Body {
  readonly document: RawDocument;
  readonly order: readonly string[];
}

export class DirectoryStore {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;
  #live: LiveDocument | undefined;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
    this.#sql.exec(TABLES);
  }

  /** The newest version; undefined before the first push. */
  newest(): VersionRow | undefined {
    return this.versions(1)[0];
  }

  /** Kept versions, newest first. */
  versions(limit: number = LIMITS.VERSIONS_KEPT): VersionRow[] {
    const query = "SELECT version, epoch, pushed_at, rollback_of FROM versions ORDER BY version DESC LIMIT ?";
    return this.#sql.exec<VersionRow & Record<string, SqlStorageValue>>(query, limit).toArray();
  }

  /** Stores a document as the newest version and drops the oldest beyond those that are kept. */
  write(document: RawDocument, now: number, rollbackOf?: number): VersionRow {
    return this.#storage.transactionSync(() => {
      const last = this.newest();
      const row: VersionRow = {
        version: (last?.version ?? 0) + 1,
        epoch: Math.max((last?.epoch ?? 0) + 1, now),
        pushed_at: now,
        rollback_of: rollbackOf ?? null,
      };
      const { channels, ...rest } = document;
      this.#writeChannels(channelsOf(channels), row.version);
      this.#writeBody({ document: rest, order: channelsOf(channels).map(({ id }) => id) }, row.version);
      this.#sql.exec(
        "INSERT INTO versions VALUES (?, ?, ?, ?)",
        row.version,
        row.epoch,
        row.pushed_at,
        row.rollback_of,
      );
      this.#dropBefore(row.version - LIMITS.VERSIONS_KEPT + 1);
      return row;
    });
  }

  #writeChannels(channels: readonly { id: string; raw: unknown }[], version: number): void {
    const old = new Map<string, string>();
    for (const { id, body } of this.#sql.exec<{ id: string; body: string }>(
      "SELECT id, body FROM channels WHERE until IS NULL",
    )) {
      old.set(id, body);
    }
    for (const { id, raw } of channels) {
      const body = asciiJson(raw);
      const before = old.get(id);
      old.delete(id);
      if (before === body) continue;
      if (before !== undefined) this.#endChannel(id, version);
      this.#sql.exec("INSERT INTO channels VALUES (?, ?, NULL, ?)", id, version, body);
    }
    for (const id of old.keys()) this.#endChannel(id, version);
  }

  #endChannel(id: string, version: number): void {
    this.#sql.exec("UPDATE channels SET until = ? WHERE id = ? AND until IS NULL", version, id);
  }

  #writeBody(body: Body, version: number): void {
    for (const [n, text] of cut(asciiJson(body), LIMITS.ROW_CHARS).entries()) {
      this.#sql.exec("INSERT INTO bodies VALUES (?, ?, ?)", version, n, text);
    }
  }

  #dropBefore(oldest: number): void {
    this.#sql.exec("DELETE FROM versions WHERE version < ?", oldest);
    this.#sql.exec("DELETE FROM bodies WHERE version < ?", oldest);
    this.#sql.exec("DELETE FROM channels WHERE until <= ?", oldest);
  }

  /** The document of a kept version; undefined for any other. */
  document(version: number): RawDocument | undefined {
    const rows = this.#sql
      .exec<{ body: string }>("SELECT body FROM bodies WHERE version = ? ORDER BY n", version)
      .toArray();
    if (rows.length === 0) return undefined;
    const { document, order } = JSON.parse(rows.map(({ body }) => body).join("")) as Body;
    const channels = new Map<string, unknown>();
    for (const { id, body } of this.#sql.exec<{ id: string; body: string }>(
      "SELECT id, body FROM channels WHERE since <= ?1 AND (until IS NULL OR until > ?1)",
      version,
    )) {
      channels.set(id, JSON.parse(body));
    }
    return { ...document, channels: order.map((id) => channels.get(id)) };
  }

  /** A channel as it stood in a version; the newest state where that version is no longer kept. */
  channel(id: string, version: number): unknown {
    const query = `SELECT body FROM channels WHERE id = ?1
      AND ((since <= ?2 AND (until IS NULL OR until > ?2)) OR until IS NULL) ORDER BY since LIMIT 1`;
    const row = this.#sql.exec<{ body: string }>(query, id, version).toArray()[0];
    return row === undefined ? undefined : JSON.parse(row.body);
  }

  /** What changes without a push. */
  live(): LiveDocument {
    if (this.#live) return this.#live;
    const row = this.#sql.exec<{ body: string }>("SELECT body FROM live WHERE k = 0").toArray()[0];
    this.#live = row === undefined ? NOTHING_LIVE : (JSON.parse(row.body) as LiveDocument);
    return this.#live;
  }

  setLive(document: LiveDocument): void {
    this.#sql.exec("INSERT OR REPLACE INTO live VALUES (0, ?)", asciiJson(document));
    this.#live = document;
  }

  /** Keeps one piece of an upload. Uploads that were given up, and too many at once, are swept. */
  stage(upload: string, n: number, body: string, now: number): void {
    this.#sql.exec("DELETE FROM uploads WHERE at < ?", now - LIMITS.UPLOAD_TTL_MS);
    this.#sql.exec("INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?)", upload, n, now, body);
    this.#sql.exec(
      `DELETE FROM uploads WHERE upload NOT IN
        (SELECT upload FROM uploads GROUP BY upload ORDER BY MAX(at) DESC, upload = ? DESC LIMIT ?)`,
      upload,
      LIMITS.UPLOADS_MAX,
    );
  }

  /** The text of a complete upload, which is then forgotten; undefined where a piece is missing. */
  take(upload: string, pieces: number): string | undefined {
    const rows = this.#sql
      .exec<{ n: number; body: string }>("SELECT n, body FROM uploads WHERE upload = ? ORDER BY n", upload)
      .toArray();
    this.#sql.exec("DELETE FROM uploads WHERE upload = ?", upload);
    return rows.length === pieces && rows.every(({ n }, index) => n === index)
      ? rows.map(({ body }) => body).join("")
      : undefined;
  }

  /** Notes a pass as used: true the first time, false ever after and where no more can be remembered. */
  redeem(id: string, expiresAt: number, now: number): boolean {
    this.#sql.exec("DELETE FROM redeemed WHERE expires_at <= ?", now);
    const { count } = this.#sql.exec<{ count: number }>("SELECT COUNT(*) AS count FROM redeemed").one();
    if (count >= LIMITS.REDEEMED_MAX) return false;
    const query = "INSERT INTO redeemed VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id";
    return this.#sql.exec(query, id, expiresAt).toArray().length === 1;
  }
}

function channelsOf(channels: unknown): { id: string; raw: unknown }[] {
  if (!Array.isArray(channels)) return [];
  return channels.map((raw: unknown) => ({ id: isTable(raw) ? String(raw.id) : "", raw }));
}
