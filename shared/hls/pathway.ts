// Pathway clones of content steering (RFC 8216bis section 7.2): a client makes the URIs of another pathway by changing
// host and query of those it has. Behind the proxy it has the proxy's, so the change goes along as one query parameter,
// sealed, and is made to the origin's URL when the proxy is asked for it. Pure.

import { filterQuery, joinQueries } from "./query.ts";

/** What a clone changes in a URI. */
export interface Replacement {
  readonly host?: string;
  readonly params: Readonly<Record<string, string>>;
}

/** A clone of a clone has two of them, applied in their order: each has a name of its own. */
const PREFIX = "_pathway.";

/** The query parameter of the clone called `id`. */
export function pathwayParam(id: string): string {
  return PREFIX + encodeURIComponent(id);
}

export function isPathwayParam(name: string): boolean {
  return name.startsWith(PREFIX);
}

/** `url` as a client would have changed it; undefined when that makes no URL. */
export function applyReplacement(url: string, { host, params }: Replacement): string | undefined {
  const changed = URL.parse(url);
  if (!changed) return undefined;
  // A name without port leaves the port as it is.
  if (host !== undefined) changed.host = host;
  let query = changed.search.slice(1);
  for (const [name, value] of Object.entries(params).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const pair = `${encodeURIComponent(name)}=${encodeURIComponent(value)}`;
    query = joinQueries(
      filterQuery(query, (known) => known !== name),
      pair,
    );
  }
  changed.search = query;
  return changed.href;
}
