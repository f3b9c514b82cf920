// What a client asks of caches on the way (RFC 9111 section 5.2.1). Pure.

import { deltaMs, parseDirectives } from "./directives.ts";

export interface Wish {
  /** Nothing of the exchange may be stored. */
  readonly noStore: boolean;
  /** Only after validation. */
  readonly noCache: boolean;
  /** 504 rather than a request to the upstream. */
  readonly onlyIfCached: boolean;
  /** Largest age, in milliseconds. */
  readonly maxAgeMs: number;
  /** Freshness that must be left, in milliseconds. */
  readonly minFreshMs: number;
  /** Staleness that is accepted, in milliseconds. */
  readonly maxStaleMs: number;
}

const ANY: Wish = {
  noStore: false,
  noCache: false,
  onlyIfCached: false,
  maxAgeMs: Number.POSITIVE_INFINITY,
  minFreshMs: 0,
  maxStaleMs: 0,
};

/** The wishes in a request's fields. Pragma counts only without Cache-Control (RFC 9111 section 5.4). */
export function wishOf(headers: Headers): Wish {
  const text = headers.get("cache-control");
  if (text === null) {
    const pragma = headers.get("pragma");
    return pragma !== null && parseDirectives(pragma).has("no-cache") ? { ...ANY, noCache: true } : ANY;
  }
  const directives = parseDirectives(text);
  const staleness = directives.get("max-stale");
  return {
    noStore: directives.has("no-store"),
    noCache: directives.has("no-cache"),
    onlyIfCached: directives.has("only-if-cached"),
    maxAgeMs: deltaMs(directives.get("max-age")) ?? ANY.maxAgeMs,
    minFreshMs: deltaMs(directives.get("min-fresh")) ?? 0,
    // Without an argument any staleness will do.
    maxStaleMs: staleness === "" ? Number.POSITIVE_INFINITY : (deltaMs(staleness) ?? 0),
  };
}
