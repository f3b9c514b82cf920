// What changes without a push: which addresses were purged from caches, which active checks found their upstream down, and
// which state of imported lists is current.
// The document is what the directory keeps and isolates load; LiveState is what a request asks. Pure: numbers that rise
// come in as arguments.

import { LIVE_LIMITS as LIMITS } from "../../shared/limits.ts";

/** What a purge covers: one address, everything that begins alike, or a whole host. */
export interface PurgeScope {
  /** A host as a parsed URL spells it, without port; "*.name" for all below a name; "*" for every host and channel. */
  readonly host: string;
  /** Absent: the whole host. `exact` is a path with its query, `prefix` the beginning of one. */
  readonly exact?: string;
  readonly prefix?: string;
}

export interface PurgeRule extends PurgeScope {
  /** What caches filled before the purge stand below of. */
  readonly epoch: number;
}

/** JSON: small enough for one row, one cache entry and one call. */
export interface LiveDocument {
  /** Rises with each change, also when the directory's storage was lost in between. */
  readonly seq: number;
  readonly purges: readonly PurgeRule[];
  /** Ids of the checks whose upstream is down, sorted. */
  readonly down: readonly string[];
  /** Absent until lists are imported. */
  readonly lists?: ListsState;
}

/** Which state of each imported list, by the import's name, and of the merged guide is current; 0: there is no guide. */
export interface ListsState {
  readonly imports: Readonly<Record<string, number>>;
  readonly guide: number;
}

/** All that a channel's caches hold. No host is spelled like it, and "*" covers it, too. */
export function channelScope(id: string): PurgeScope {
  return { host: `channel:${id}` };
}

const NO_LISTS: ListsState = { imports: {}, guide: 0 };

export const NOTHING_LIVE: LiveDocument = { seq: 0, purges: [], down: [] };

/** The document after a purge. Rules that the new one covers go; too many, and the oldest becomes a wider one. */
export function withPurge(document: LiveDocument, scope: PurgeScope, seq: number): LiveDocument {
  const rules = document.purges.filter((rule) => !covers(scope, rule));
  rules.push({ ...scope, epoch: seq });
  while (rules.length > LIMITS.PURGES_MAX || sizeOf(rules) > LIMITS.PURGE_CHARS_MAX) widenOldest(rules);
  return { ...document, seq, purges: rules };
}

/** The document after a round of checks; the same one where nothing has changed. */
export function withDown(document: LiveDocument, ids: readonly string[], seq: number): LiveDocument {
  const down = [...new Set(ids)].sort().slice(0, LIMITS.DOWN_MAX);
  const isSame = down.length === document.down.length && down.every((id, at) => id === document.down[at]);
  return isSame ? document : { ...document, seq, down };
}

/** The document with other states of the lists; the same one where nothing has changed. */
export function withLists(document: LiveDocument, lists: ListsState, seq: number): LiveDocument {
  const text = (state: ListsState) => JSON.stringify([Object.entries(state.imports).sort(), state.guide]);
  return text(document.lists ?? NO_LISTS) === text(lists) ? document : { ...document, seq, lists };
}

/** True when every address of `inner` is one of `outer`. */
function covers(outer: PurgeScope, inner: PurgeScope): boolean {
  if (!hostCovers(outer.host, inner.host)) return false;
  if (outer.exact !== undefined) return inner.exact === outer.exact && inner.host === outer.host;
  if (outer.prefix === undefined) return true;
  return (inner.exact ?? inner.prefix)?.startsWith(outer.prefix) ?? false;
}

function hostCovers(outer: string, inner: string): boolean {
  if (outer === inner || outer === "*") return true;
  return outer.startsWith("*.") && inner.endsWith(outer.slice(1));
}

function sizeOf(rules: readonly PurgeRule[]): number {
  return rules.reduce(
    (sum, { host, exact, prefix }) => sum + host.length + (exact ?? prefix ?? "").length,
    0,
  );
}

/**
 * In place: the oldest rule becomes one for its whole host, the oldest of those one for every host. Its epoch stays, so only
 * what was stored before that purge is fetched anew.
 */
function widenOldest(rules: PurgeRule[]): void {
  const narrow = rules.filter(({ exact, prefix }) => exact !== undefined || prefix !== undefined);
  const oldest = oldestOf(narrow) ?? oldestOf(rules.filter(({ host }) => host !== "*"));
  if (!oldest) return;
  const wide =
    narrow.length > 0 ? { host: oldest.host, epoch: oldest.epoch } : { host: "*", epoch: oldest.epoch };
  const kept = rules.filter((rule) => rule.epoch > wide.epoch || !covers(wide, rule));
  const hasNewer = kept.some((rule) => covers(rule, wide));
  rules.splice(0, rules.length, ...kept, ...(hasNewer ? [] : [wide]));
}

function oldestOf(rules: readonly PurgeRule[]): PurgeRule | undefined {
  let oldest: PurgeRule | undefined;
  for (const rule of rules) if (oldest === undefined || rule.epoch < oldest.epoch) oldest = rule;
  return oldest;
}

/** The live state as requests ask it; one per change and isolate. */
export class LiveState {
  readonly seq: number;
  readonly lists: ListsState;
  readonly #byHost = new Map<string, PurgeRule[]>();
  readonly #hasWildcards: boolean;
  readonly #down: ReadonlySet<string>;

  constructor(document: LiveDocument) {
    this.seq = document.seq;
    this.lists = document.lists ?? NO_LISTS;
    this.#down = new Set(document.down);
    this.#hasWildcards = document.purges.some(({ host }) => host.startsWith("*"));
    for (const rule of document.purges) {
      const rules = this.#byHost.get(rule.host);
      if (rules) rules.push(rule);
      else this.#byHost.set(rule.host, [rule]);
    }
  }

  /**
   * A number for keys of caches: it rises with each purge that covers the address. 0: none ever did.
   * @param host as a parsed URL spells it, without port
   * @param pathAndQuery as the client sent it: the parsed URL's path and search
   */
  purgeEpoch(host: string, pathAndQuery: string): number {
    if (this.#byHost.size === 0) return 0;
    let epoch = newest(this.#byHost.get(host), pathAndQuery);
    if (!this.#hasWildcards) return epoch;
    epoch = Math.max(epoch, newest(this.#byHost.get("*"), pathAndQuery));
    for (let dot = host.indexOf("."); dot >= 0; dot = host.indexOf(".", dot + 1))
      epoch = Math.max(epoch, newest(this.#byHost.get(`*${host.slice(dot)}`), pathAndQuery));
    return epoch;
  }

  /** True while active checks find any upstream down. */
  get anyDown(): boolean {
    return this.#down.size > 0;
  }

  /** True while the active check of that id (`checkOf` in shared/config/health-checks.ts) finds its upstream down. */
  isDown(checkId: string): boolean {
    return this.#down.has(checkId);
  }
}

function newest(rules: readonly PurgeRule[] | undefined, pathAndQuery: string): number {
  let epoch = 0;
  if (rules === undefined) return epoch;
  for (const rule of rules) {
    const matches =
      rule.exact !== undefined ? rule.exact === pathAndQuery : pathAndQuery.startsWith(rule.prefix ?? "");
    if (matches && rule.epoch > epoch) epoch = rule.epoch;
  }
  return epoch;
}
