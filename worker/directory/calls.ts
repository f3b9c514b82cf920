// Typed calls to the directory object: the only way to it. Every call has a deadline, and failures come out as one error.

import { proxyDurable } from "itty-durable";
import { type RawDocument, toEdgeDocument } from "../../shared/config/document.ts";
import { isKeptSecret } from "../../shared/config/fields.ts";
import { isTable, visit } from "../../shared/config/inspect.ts";
import { type Problem, parseConfig } from "../../shared/config/parse.ts";
import { showValue } from "../../shared/config/problem.ts";
import type { ChannelConfig, Config } from "../../shared/config/schema.ts";
import { tokenVerifier } from "../../shared/config/secrets.ts";
import { CausewayError } from "../../shared/errors.ts";
import { DIRECTORY_LIMITS as LIMITS, SIGN_IN_LIMITS } from "../../shared/limits.ts";
import { canonicalHost } from "../../shared/net/host-name.ts";
import { hashPassword } from "../access/passwords.ts";
import { isControlHost } from "../control-hosts.ts";
import type { Env } from "../env.ts";
import { withDeadline } from "./deadline.ts";
import type { ListsState, LiveDocument, PurgeScope } from "./live.ts";
import type {
  ChecksReply,
  CommitOrder,
  Directory,
  DocumentReply,
  IndexReply,
  StoreReply,
  Version,
  VersionReply,
} from "./object.ts";
import { asciiJson, cut } from "./pieces.ts";
import { secretBox } from "./root-key.ts";
import type { VersionRow } from "./store.ts";

/** A push that was stored, or everything that is wrong with it. */
type PutResult =
  | { readonly ok: true; readonly version: number; readonly epoch: number }
  | { readonly ok: false; readonly problems: Problem[] };

/**
 * The directory's methods as an isolate calls them. Each rejects with CausewayError `object_unreachable` when the object
 * fails or takes too long.
 */
export interface DirectoryCalls {
  /** The current version; zeros before the first push. */
  version(): Promise<VersionReply>;
  /** The current index with its version; null before the first push. */
  index(): Promise<IndexReply>;
  /** A channel's record as of a version, with secrets sealed. */
  record(id: string, version: number): Promise<ChannelConfig | undefined>;
  /** The current document. @throws CausewayError `config_unavailable` before the first push. */
  document(): Promise<{ version: number; document: RawDocument }>;
  /**
   * Validates and stores a raw document. Plain secrets are turned into verifiers or sealed on the way.
   * @throws CausewayError `config_conflict` when `ifVersion` is not the current version
   */
  put(raw: unknown, options?: { readonly ifVersion?: number }): Promise<PutResult>;
  /** Kept versions, newest first. */
  versions(): Promise<VersionRow[]>;
  /** Brings a kept version back as a new one. @throws CausewayError `not_found` for one that is not kept. */
  rollback(version: number): Promise<Version>;
  /** Uses a single-use pass up: true the first time only. `expiresAt`: milliseconds since the epoch, a day ahead at most. */
  redeem(id: string, expiresAt: number): Promise<boolean>;
  /** What changes without a push. */
  live(): Promise<LiveDocument>;
  /** Makes caches everywhere forget what `scope` covers; resolves to the number that the live state then has. */
  purge(scope: PurgeScope): Promise<number>;
  /** Takes over which active checks find their upstream down, by their ids. */
  down(ids: readonly string[]): Promise<void>;
  /** The active checks of the configuration in service. */
  checks(): Promise<ChecksReply>;
  /** Takes over which state of imported lists and of the guide is current. */
  listed(lists: ListsState): Promise<void>;
}

/** The stub's methods: as the class has them, but every answer is a promise. */
type Stub = {
  readonly [M in
    | "version"
    | "index"
    | "record"
    | "document"
    | "versions"
    | "stage"
    | "commit"
    | "rollback"
    | "redeem"
    | "live"
    | "purge"
    | "down"
    | "checks"
    | "listed"]: (...args: Parameters<Directory[M]>) => Promise<ReturnType<Directory[M]>>;
};

/** Runs after each change made through these calls; `pushed` is the epoch of a new version, undefined for a purge. */
type OnStored = (pushed?: number) => Promise<void>;

/** The directory of this deployment. */
export function directoryCalls(env: Env, onStored: OnStored): DirectoryCalls {
  const stub = proxyDurable(env.DIRECTORY, { name: "DIRECTORY", parse: true }).get("root") as Stub;
  return {
    version: () => ask(() => stub.version()),
    index: () => ask(() => stub.index()),
    record: async (id, version) =>
      (await ask(() => stub.record(id, version), LIMITS.RECORD_DEADLINE_MS))?.channel,
    document: async () => found(await ask(() => stub.document())),
    versions: () => ask(() => stub.versions()),
    redeem: async (id, expiresAt) => (await ask(() => stub.redeem(id, expiresAt))).first,
    live: () => ask(() => stub.live()),
    checks: () => ask(() => stub.checks()),
    async listed(lists) {
      await ask(() => stub.listed(lists));
      await onStored();
    },
    async purge(scope) {
      const { seq } = await ask(() => stub.purge(scope));
      await onStored();
      return seq;
    },
    async down(ids) {
      await ask(() => stub.down(ids));
    },
    put: (raw, options = {}) => put(stub, env, raw, options.ifVersion, onStored),
    async rollback(version) {
      const reply = await ask(() => stub.rollback(version), LIMITS.PUT_DEADLINE_MS);
      if (!reply.ok) throw rollbackError(version, reply);
      await onStored(reply.epoch);
      return { version: reply.version, epoch: reply.epoch };
    },
  };
}

async function ask<T>(call: () => Promise<T>, deadlineMs: number = LIMITS.CALL_DEADLINE_MS): Promise<T> {
  try {
    return await withDeadline(call(), deadlineMs);
  } catch (cause) {
    throw new CausewayError("object_unreachable", undefined, { cause });
  }
}

function found(reply: DocumentReply): { version: number; document: RawDocument } {
  if (reply === null) throw new CausewayError("config_unavailable");
  return reply;
}

async function put(
  stub: Stub,
  env: Env,
  raw: unknown,
  ifVersion: number | undefined,
  onStored: OnStored,
): Promise<PutResult> {
  const parsed = parseConfig(raw);
  if (!parsed.ok) return parsed;
  const problems = controlHostProblems(parsed.config, env);
  if (problems.length > 0) return { ok: false, problems };
  const kept = await keepSecrets(raw, env);
  if (!kept.ok) return kept;
  const reply = await upload(stub, kept.document, ifVersion);
  if (!reply.ok) {
    if (reply.code === "config_invalid") return { ok: false, problems: reply.problems };
    throw new CausewayError(reply.code === "config_conflict" ? "config_conflict" : "object_unreachable");
  }
  await onStored(reply.epoch);
  return { ok: true, version: reply.version, epoch: reply.epoch };
}

/** The control plane answers on its own names before anything is routed: an entry for one would never be asked. */
function controlHostProblems({ hosts, edge }: Config, env: Env): Problem[] {
  const names = [
    ...hosts.map(({ host }, index) => ({ path: `hosts[${index}].host`, host })),
    ...edge.channel_hosts.map((host, index) => ({ path: `edge.channel_hosts[${index}]`, host })),
  ];
  return names
    .filter(({ host }) => isControlHost(canonicalHost(host), env.CONTROL_HOSTS))
    .map(({ path, host }) => ({
      path,
      value: showValue(host, undefined),
      legal: `none of the control plane's own names (the var CONTROL_HOSTS: ${env.CONTROL_HOSTS})`,
    }));
}

async function keepSecrets(raw: unknown, env: Env) {
  const box = await secretBox(env);
  const isTooMuch = plainPasswords(raw) > SIGN_IN_LIMITS.PLAIN_PASSWORDS_MAX;
  return toEdgeDocument(isTable(raw) ? raw : {}, {
    resolveEnv: () => undefined,
    unresolved: 'the secret itself: "env:NAME" is read by "causeway push", not at the edge',
    sealSecret: (text) => box.seal(text),
    tokenVerifier,
    hashPassword: async (password, place) =>
      isTooMuch ? undefined : hashPassword(password, await box.salt(place)),
    canOpen: async (sealed) => (await box.open(sealed)) !== undefined,
  });
}

/** How many passwords of a document would have to be hashed here. */
function plainPasswords(raw: unknown): number {
  let count = 0;
  visit(raw, (value, field, [top]) => {
    const isPlain = typeof value === "string" && !isKeptSecret(value, "password");
    if (field?.secret === "password" && isPlain && top !== "relay") count++;
  });
  return count;
}

/** Sends a document in pieces, then has them put together and stored. */
async function upload(stub: Stub, document: RawDocument, ifVersion: number | undefined): Promise<StoreReply> {
  const pieces = cut(asciiJson(document), LIMITS.PIECE_CHARS);
  const order: CommitOrder = {
    upload: crypto.randomUUID(),
    pieces: pieces.length,
    if_version: ifVersion ?? null,
  };
  for (let n = 0; n < pieces.length; n += LIMITS.PIECES_AT_ONCE) {
    const batch = pieces.slice(n, n + LIMITS.PIECES_AT_ONCE);
    const replies = await Promise.all(
      batch.map((piece, offset) => ask(() => stub.stage(order.upload, n + offset, piece))),
    );
    if (replies.some(({ ok }) => !ok)) throw new CausewayError("request_too_large");
  }
  return ask(() => stub.commit(order), LIMITS.PUT_DEADLINE_MS);
}

function rollbackError(version: number, reply: Extract<StoreReply, { ok: false }>): CausewayError {
  if (reply.code === "not_found") {
    return new CausewayError("not_found", `Cannot roll back to version ${version}: it is not kept`);
  }
  return new CausewayError(reply.code);
}
