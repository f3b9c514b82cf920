// The directory object: the versioned configuration, what changes without a push, and the registry of used passes. Reached only through `proxyDurable`
// (calls.ts); a client's request must never be forwarded here, because the path names the method to call.

import { createDurable } from "itty-durable";
import * as v from "valibot";
import { type Index, indexOf, type RawDocument } from "../../shared/config/document.ts";
import { checksOf, type HealthCheck } from "../../shared/config/health-checks.ts";
import { type Problem, parseConfig } from "../../shared/config/parse.ts";
import { type ChannelConfig, ChannelSchema } from "../../shared/config/schema.ts";
import { DIRECTORY_LIMITS as LIMITS } from "../../shared/limits.ts";
import {
  type ListsState,
  type LiveDocument,
  type PurgeScope,
  withDown,
  withLists,
  withPurge,
} from "./live.ts";
import { DirectoryStore, type VersionRow } from "./store.ts";

/** Which configuration is current; both are 0 before the first push. */
export interface Version {
  readonly version: number;
  readonly epoch: number;
}

/** What isolates ask for every few seconds. */
export interface VersionReply extends Version {
  /** The number of the live state; 0: there is none. */
  readonly live: number;
}

/** What isolates load. */
export interface VersionedIndex extends Version {
  readonly index: Index;
  /** The newest version, where this release cannot read it: `version` is then the newest that it can. */
  readonly unreadable?: number;
}

/** `null` where there is nothing: the wire has no undefined. */
export type IndexReply = VersionedIndex | null;
export type RecordReply = { readonly channel: ChannelConfig } | null;
/** The active checks of a configuration; `epoch` is 0 before the first push. */
export interface ChecksReply {
  readonly epoch: number;
  readonly checks: HealthCheck[];
}
export type DocumentReply = { readonly version: number; readonly document: RawDocument } | null;

/** A stored version, or why there is none. */
export type StoreReply =
  | ({ readonly ok: true } & Version)
  | { readonly ok: false; readonly code: "config_invalid"; readonly problems: Problem[] }
  | { readonly ok: false; readonly code: "config_conflict" | "bad_request" | "not_found" };

/** Completes an upload. `if_version` null: whatever is current is replaced. */
export interface CommitOrder {
  readonly upload: string;
  readonly pieces: number;
  readonly if_version: number | null;
}

/** Methods that may be called; the base class has others, such as one that deletes everything. */
const METHODS: ReadonlySet<string> = new Set([
  "version",
  "index",
  "record",
  "document",
  "versions",
  "stage",
  "commit",
  "rollback",
  "redeem",
  "live",
  "purge",
  "down",
  "checks",
  "listed",
]);

export class Directory extends createDurable() {
  #opened: DirectoryStore | undefined;
  /** The newest index, parsed once. */
  #index: IndexReply = null;

  get #store(): DirectoryStore {
    this.#opened ??= new DirectoryStore((this.state as DurableObjectState).storage);
    return this.#opened;
  }

  override async fetch(request: Request): Promise<Response> {
    const [, method] = /^\/do\/call\/([a-z]+)$/.exec(new URL(request.url).pathname) ?? [];
    if (method === undefined || !METHODS.has(method)) return new Response(null, { status: 404 });
    return super.fetch(request);
  }

  version(): VersionReply {
    const newest = this.#store.newest();
    const { seq: live } = this.#store.live();
    return { ...(newest === undefined ? { version: 0, epoch: 0 } : pick(newest)), live };
  }

  /** What changes without a push. */
  live(): LiveDocument {
    return this.#store.live();
  }

  /** Makes caches everywhere forget what `scope` covers. */
  purge(scope: PurgeScope): { seq: number } {
    return this.#change((live, seq) => withPurge(live, scope, seq));
  }

  /** Takes over which active checks find their upstream down, in place of what was known before. */
  down(ids: readonly string[]): { seq: number } {
    return this.#change((live, seq) => withDown(live, ids, seq));
  }

  /** Takes over which state of imported lists and of the guide is current. */
  listed(lists: ListsState): { seq: number } {
    return this.#change((live, seq) => withLists(live, lists, seq));
  }

  #change(change: (live: LiveDocument, seq: number) => LiveDocument): { seq: number } {
    const live = this.#store.live();
    const next = change(live, Math.max(live.seq + 1, Date.now()));
    if (next !== live) this.#store.setLive(next);
    return { seq: next.seq };
  }

  /** The active checks of the configuration that is in service. */
  checks(): ChecksReply {
    const current = this.index();
    return current === null
      ? { epoch: 0, checks: [] }
      : { epoch: current.epoch, checks: checksOf(current.index.hosts) };
  }

  /**
   * The newest version that this release can read: what another release stored may not be legal for it.
   * @throws Error when it can read none
   */
  index(): IndexReply {
    const newest = this.#store.newest();
    if (newest === undefined) return null;
    if (this.#index?.epoch === newest.epoch) return this.#index;
    for (const { version } of this.#store.versions()) {
      const parsed = parseConfig(this.#store.document(version));
      if (!parsed.ok) continue;
      const unreadable = version === newest.version ? {} : { unreadable: newest.version };
      this.#index = { version, epoch: newest.epoch, index: indexOf(parsed.config), ...unreadable };
      return this.#index;
    }
    throw new Error(`Cannot read version ${newest.version} or any older one: push again`);
  }

  /** A channel with its secrets sealed. */
  record(id: string, version: number): RecordReply {
    const raw = this.#store.channel(id, version);
    return raw === undefined ? null : { channel: v.parse(ChannelSchema, raw) };
  }

  document(): DocumentReply {
    const newest = this.#store.newest();
    const document = newest && this.#store.document(newest.version);
    return newest === undefined || document === undefined ? null : { version: newest.version, document };
  }

  versions(): VersionRow[] {
    return this.#store.versions();
  }

  /** Keeps one piece of a document's text until `commit`. */
  stage(upload: string, n: number, text: string): { ok: boolean } {
    if (n >= LIMITS.PIECES_MAX || text.length > LIMITS.PIECE_CHARS) return { ok: false };
    this.#store.stage(upload, n, text, Date.now());
    return { ok: true };
  }

  /** Validates the uploaded document and makes it the newest version. */
  commit(order: CommitOrder): StoreReply {
    const text = this.#store.take(order.upload, order.pieces);
    if (text === undefined) return { ok: false, code: "bad_request" };
    if (order.if_version !== null && order.if_version !== this.version().version) {
      return { ok: false, code: "config_conflict" };
    }
    return this.#adopt(JSON.parse(text));
  }

  /** Makes a kept version's document the newest version. */
  rollback(version: number): StoreReply {
    const document = this.#store.document(version);
    return document === undefined ? { ok: false, code: "not_found" } : this.#adopt(document, version);
  }

  #adopt(raw: unknown, rollbackOf?: number): StoreReply {
    const parsed = parseConfig(raw);
    if (!parsed.ok) return { ok: false, code: "config_invalid", problems: parsed.problems };
    const reply = pick(this.#store.write(raw as RawDocument, Date.now(), rollbackOf));
    this.#index = { ...reply, index: indexOf(parsed.config) };
    return { ok: true, ...reply };
  }

  /** Uses a pass up: `first` is true once per id. `expiresAt` is in milliseconds since the epoch. */
  redeem(id: string, expiresAt: number): { first: boolean } {
    const now = Date.now();
    const isLegal = id.length > 0 && id.length <= LIMITS.REDEEM_ID_CHARS && expiresAt > now;
    if (!isLegal || expiresAt > now + LIMITS.REDEEM_TTL_MS) return { first: false };
    return { first: this.#store.redeem(id, expiresAt, now) };
  }
}

function pick({ version, epoch }: Version): Version {
  return { version, epoch };
}
