// Query strings as they are written: pairs keep their order and encoding, because origins sign them byte for byte.
// Pure; never goes through URLSearchParams, which re-encodes.

export interface QueryPair {
  /** Percent-decoded. */
  readonly name: string;
  readonly value: string;
  /** As written. */
  readonly raw: string;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

/** The pairs of a query without its "?". Empty pieces are left out. */
export function queryPairs(query: string): QueryPair[] {
  if (query === "") return [];
  const pairs: QueryPair[] = [];
  for (const raw of query.split("&")) {
    if (raw === "") continue;
    const equals = raw.indexOf("=");
    const name = decode(equals < 0 ? raw : raw.slice(0, equals));
    pairs.push({ name, value: equals < 0 ? "" : decode(raw.slice(equals + 1)), raw });
  }
  return pairs;
}

/** The query with only those pairs whose name `keep` accepts. Untouched byte for byte when all stay. */
export function filterQuery(query: string, keep: (name: string) => boolean): string {
  const pairs = queryPairs(query);
  if (pairs.every(({ name }) => keep(name))) return query;
  return pairs
    .filter(({ name }) => keep(name))
    .map(({ raw }) => raw)
    .join("&");
}

/** Two queries one behind the other; either may be empty. */
export function joinQueries(first: string, second: string): string {
  if (first === "" || second === "") return first + second;
  return `${first}&${second}`;
}
