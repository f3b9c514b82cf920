// The document as the edge keeps it: the raw file without [relay], tokens as verifiers, other secrets sealed. Also its
// index for isolates and its masked form for showing. Pure; cryptography and environment come in as functions.

import { type ListedChannel, listedChannel } from "../lists/listed-channel.ts";
import { isEnvReference, isKeptSecret, MASK, type SecretKind } from "./fields.ts";
import { type Field, fieldBelow, formatPath, isTable, type Path, ROOT_FIELD } from "./inspect.ts";
import { type Problem, showValue } from "./problem.ts";
import type {
  ChannelImportConfig,
  Config,
  EdgeTokenConfig,
  GuideConfig,
  HostConfig,
  LogSinkConfig,
  RelayLinkConfig,
  SigningKeyConfig,
  ViewerConfig,
} from "./schema.ts";

/** A raw document: what TOML or JSON gave. */
export type RawDocument = Readonly<Record<string, unknown>>;

/** What an isolate knows of a channel without loading its record. */
export type ChannelSummary = ListedChannel;

/** What every isolate loads: everything but the channels' records. */
export interface Index {
  readonly hosts: HostConfig[];
  readonly channel_hosts: string[];
  readonly tokens: EdgeTokenConfig[];
  readonly relays: RelayLinkConfig[];
  readonly channels: ChannelSummary[];
  readonly access_log: LogSinkConfig[];
  readonly signing_keys: SigningKeyConfig[];
  readonly viewers: ViewerConfig[];
  readonly imports: ChannelImportConfig[];
  readonly guides: GuideConfig[];
}

export interface EdgeDocumentOptions {
  /** The value of an environment variable; undefined when it is not set. */
  resolveEnv(name: string): string | undefined;
  /** What is legal instead of a variable that is not set; absent: "a variable that is set". */
  readonly unresolved?: string;
  /** Seals a plain secret as "sealed:…". */
  sealSecret(text: string): Promise<string>;
  /** Makes a token's verifier, "sha256:HEX". */
  tokenVerifier(token: string): Promise<string>;
  /**
   * Hashes a password as "scrypt:…". `place` names whose password it is and stays the same from push to push, so that an
   * unchanged one may keep its hash. Undefined: it is too much work here.
   */
  hashPassword(password: string, place: string): Promise<string | undefined>;
  /** Whether a secret that came sealed can be opened; absent: taken as it is. */
  canOpen?(sealed: string): Promise<boolean>;
}

export type EdgeDocumentResult =
  | { readonly ok: true; readonly document: RawDocument }
  | { readonly ok: false; readonly problems: Problem[] };

/**
 * Makes the document that is pushed. Expects one that `parseConfig` accepts; what "env:NAME" stands for is read and
 * checked here, and every variable that is missing is reported at once.
 */
export async function toEdgeDocument(
  raw: RawDocument,
  options: EdgeDocumentOptions,
): Promise<EdgeDocumentResult> {
  const { relay: _, ...sent } = raw;
  const problems: Problem[] = [];
  const document = await replaceSecrets(sent, ROOT_FIELD, [], async (text, kind, path, field) => {
    const plain = resolveText(text, path, field, options, problems);
    return plain === undefined
      ? text
      : keep({ plain, kind, path, place: placeOf(raw, path) }, options, problems);
  });
  return problems.length === 0 ? { ok: true, document: document as RawDocument } : { ok: false, problems };
}

/** What "env:NAME" stands for must be legal in its place; a second reference is not. Other texts are taken as they are. */
function resolveText(
  text: string,
  path: Path,
  field: Field,
  options: Pick<EdgeDocumentOptions, "resolveEnv" | "unresolved">,
  problems: Problem[],
): string | undefined {
  if (!isEnvReference(text)) return text;
  const plain = options.resolveEnv(text.slice("env:".length));
  if (plain !== undefined && !isEnvReference(plain) && field.accepts(plain)) return plain;
  const legal =
    plain === undefined
      ? (options.unresolved ?? "a variable that is set")
      : `a variable that holds ${field.legal}`;
  problems.push({ path: formatPath(path), value: showValue(text, field.secret), legal });
  return undefined;
}

interface Kept {
  readonly plain: string;
  readonly kind: SecretKind;
  readonly path: Path;
  readonly place: string;
}

async function keep(
  { plain, kind, path, place }: Kept,
  options: EdgeDocumentOptions,
  problems: Problem[],
): Promise<string> {
  if (!isKeptSecret(plain, kind)) {
    if (kind === "verifier") return options.tokenVerifier(plain);
    if (kind !== "password") return options.sealSecret(plain);
    const hash = await options.hashPassword(plain, place);
    if (hash !== undefined) return hash;
    const legal =
      'a hash made by "causeway hash": these are more plain passwords than the edge hashes at once';
    problems.push({ path: formatPath(path), value: MASK, legal });
    return plain;
  }
  if (kind === "sealed" && options.canOpen !== undefined && !(await options.canOpen(plain))) {
    problems.push({
      path: formatPath(path),
      value: MASK,
      legal: "a secret sealed under this edge's root key",
    });
  }
  return plain;
}

/** What names the tables on the way to a value: hosts by host and path, users by user. */
function placeOf(raw: RawDocument, path: Path): string {
  const names: unknown[] = [];
  let at: unknown = raw;
  for (const step of path) {
    if (isTable(at)) names.push(at.host, at.path, at.user, at.name, step);
    at = Array.isArray(at) ? at[Number(step)] : isTable(at) ? at[step] : undefined;
  }
  return JSON.stringify(names);
}

type ReplaceSecret = (text: string, kind: SecretKind, path: Path, field: Field) => string | Promise<string>;

async function replaceSecrets(
  raw: unknown,
  field: Field,
  path: Path,
  replace: ReplaceSecret,
): Promise<unknown> {
  if (typeof raw === "string") {
    return field.secret === undefined ? raw : replace(raw, field.secret, path, field);
  }
  if (Array.isArray(raw)) {
    const items: unknown[] = [];
    for (const [index, item] of raw.entries()) {
      const below = fieldBelow(field, index, raw);
      items.push(below === undefined ? item : await replaceSecrets(item, below, [...path, index], replace));
    }
    return items;
  }
  if (!isTable(raw)) return raw;
  const entries: [string, unknown][] = [];
  for (const [key, value] of Object.entries(raw)) {
    const below = fieldBelow(field, key, raw);
    entries.push([
      key,
      below === undefined ? value : await replaceSecrets(value, below, [...path, key], replace),
    ]);
  }
  return Object.fromEntries(entries);
}

/** A document for showing: every secret is MASK, whatever form it has. */
export function maskDocument(document: RawDocument): Promise<RawDocument> {
  return replaceSecrets(document, ROOT_FIELD, [], () => MASK) as Promise<RawDocument>;
}

/** Replaces the secrets of a part of a document, such as [relay], by what "env:NAME" stands for. */
export async function resolveSecrets(
  part: unknown,
  field: Field,
  path: Path,
  resolveEnv: EdgeDocumentOptions["resolveEnv"],
): Promise<{ part: unknown; problems: Problem[] }> {
  const problems: Problem[] = [];
  const resolved = await replaceSecrets(
    part,
    field,
    path,
    (text, _, at, below) => resolveText(text, at, below, { resolveEnv }, problems) ?? text,
  );
  return { part: resolved, problems };
}

/** The index of a parsed document. */
export function indexOf(config: Config): Index {
  return {
    hosts: config.hosts,
    channel_hosts: config.edge.channel_hosts,
    tokens: config.edge.tokens,
    relays: config.relays,
    channels: config.channels.map(listedChannel),
    access_log: config.edge.access_log,
    signing_keys: config.edge.signing_keys,
    viewers: config.viewers,
    imports: config.channel_imports,
    guides: config.guides,
  };
}
