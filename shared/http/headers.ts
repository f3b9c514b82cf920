// Hop-by-hop header fields: what a proxy consumes and never forwards (RFC 9110 §7.6.1). Pure.

/** Fields that only proxies use among themselves and that a runtime would forward. */
const PROXY_FIELDS = ["proxy-connection", "proxy-authorization"] as const;

const NONE: readonly string[] = [];

/** The fields that Connection names, apart from the usual options that name none. */
function listedFields(headers: Headers): readonly string[] {
  const value = headers.get("connection");
  if (value === null || /^(?:keep-alive|close)$/i.test(value)) return NONE;
  // Anything that is no token would make the runtime throw; it cannot name a field anyway.
  return value
    .split(",")
    .map((token) => token.trim())
    .filter((name) => /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name));
}

/** True if stripHopByHop may find something to remove. */
export function hasHopByHop(headers: Headers): boolean {
  return listedFields(headers).length > 0 || PROXY_FIELDS.some((name) => headers.has(name));
}

/**
 * Removes, in place, what Connection lists, and the hop-by-hop fields that a runtime would forward. Connection itself,
 * Keep-Alive, TE, Trailer, Transfer-Encoding and Upgrade may stay where they are: workerd consumes them and writes its own
 * (an end-to-end test holds that), and each further name costs on the hot path.
 */
export function stripHopByHop(headers: Headers): void {
  for (const name of listedFields(headers)) headers.delete(name);
  for (const name of PROXY_FIELDS) headers.delete(name);
}

/** The body length that Content-Length announces, or undefined. */
export function contentLength(headers: Headers): number | undefined {
  const text = headers.get("content-length");
  if (text === null || !/^\d{1,15}$/.test(text)) return undefined;
  return Number(text);
}
