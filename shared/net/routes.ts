// Which configured entry serves a request: exact host first, then the wildcard with the longest suffix, then the longest
// path. Tables are built once per configuration; a match allocates nothing for ordinary hosts and paths. Pure: no I/O.

import { canonicalHost } from "./host-name.ts";
import { pathReadings } from "./path-readings.ts";

const WILDCARD = "*.";

/** Values by exact host and by wildcard suffix ("*.example.com" is kept as "example.com"). */
interface ByHost<V> {
  readonly exact: Map<string, V>;
  readonly wildcard: Map<string, V>;
}

/** The table and the name within it that a configured host pattern belongs to. */
function slot<V>(table: ByHost<V>, pattern: string): [Map<string, V>, string] {
  return pattern.startsWith(WILDCARD)
    ? [table.wildcard, canonicalHost(pattern.slice(WILDCARD.length))]
    : [table.exact, canonicalHost(pattern)];
}

/** The first thing that `use` makes of the values for `hostname`, asked from the most specific pattern down. */
function firstOf<V, R>(table: ByHost<V>, hostname: string, use: (value: V) => R | undefined): R | undefined {
  const host = canonicalHost(hostname);
  const exact = table.exact.get(host);
  const found = exact === undefined ? undefined : use(exact);
  if (found !== undefined || table.wildcard.size === 0) return found;
  // Cutting labels off from the left asks the longest suffix first; at least one label stands for the asterisk.
  for (let dot = host.indexOf(".", 1); dot !== -1; dot = host.indexOf(".", dot + 1)) {
    const value = table.wildcard.get(host.slice(dot + 1));
    const match = value === undefined ? undefined : use(value);
    if (match !== undefined) return match;
  }
  return undefined;
}

/** One entry with its path pattern taken apart. */
interface PathRule<T> {
  readonly entry: T;
  /** The pattern without its final asterisk. */
  readonly text: string;
  readonly prefix: boolean;
}

function toRule<T extends { path: string }>(entry: T): PathRule<T> {
  const prefix = entry.path.endsWith("*");
  return { entry, prefix, text: prefix ? entry.path.slice(0, -1) : entry.path };
}

/** The longest rule that covers `pathname`; `rules` are sorted so that it is the first. */
function longest<T>(rules: readonly PathRule<T>[], pathname: string): PathRule<T> | undefined {
  for (const rule of rules) {
    if (rule.prefix ? pathname.startsWith(rule.text) : pathname === rule.text) return rule;
  }
  return undefined;
}

/** The configured hosts. Of two entries with the same host and path the first one serves. */
export class RouteTable<T extends { readonly host: string; readonly path: string }> {
  readonly #table: ByHost<PathRule<T>[]> = { exact: new Map(), wildcard: new Map() };

  constructor(entries: readonly T[]) {
    for (const entry of entries) {
      const [map, name] = slot(this.#table, entry.host);
      const rules = map.get(name);
      if (rules) rules.push(toRule(entry));
      else map.set(name, [toRule(entry)]);
    }
    for (const map of [this.#table.exact, this.#table.wildcard]) {
      // The sort is stable. Of "/a" and "/a*" the exact one is the more specific.
      for (const rules of map.values())
        rules.sort((a, b) => b.text.length - a.text.length || Number(a.prefix) - Number(b.prefix));
    }
  }

  /**
   * The entry that serves a request. `pathname` is that of the parsed URL. A path that different servers may read in
   * different ways ("/admin%2Fx", "//admin") is served only where every reading leads to the same entry: a spelling
   * must not lead around an entry's rules.
   */
  match(hostname: string, pathname: string): T | undefined {
    const found = this.#find(hostname, pathname);
    return pathReadings(pathname).every((reading) => this.#find(hostname, reading) === found)
      ? found
      : undefined;
  }

  /** Whether some entry serves a path of this host. */
  covers(hostname: string): boolean {
    return firstOf(this.#table, hostname, isMember) ?? false;
  }

  #find(hostname: string, pathname: string): T | undefined {
    return firstOf(this.#table, hostname, (rules) => longest(rules, pathname)?.entry);
  }
}

/** A set of host patterns. */
export class HostSet {
  readonly #table: ByHost<true> = { exact: new Map(), wildcard: new Map() };

  constructor(patterns: readonly string[]) {
    for (const pattern of patterns) {
      const [map, name] = slot(this.#table, pattern);
      map.set(name, true);
    }
  }

  /** True when there is no pattern at all. */
  get empty(): boolean {
    return this.#table.exact.size + this.#table.wildcard.size === 0;
  }

  /** The first pattern that is one name. */
  get first(): string | undefined {
    const [name] = this.#table.exact.keys();
    return name;
  }

  has(hostname: string): boolean {
    return firstOf(this.#table, hostname, isMember) ?? false;
  }
}

function isMember(): true {
  return true;
}
