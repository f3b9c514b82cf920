// Hop-by-hop header fields: what a proxy consumes and never forwards (RFC 9110 §7.6.1). Pure.

/** Fields of one connection that workerd consumes by itself, writing its own (an end-to-end test holds that). */
const CONSUMED_BY_WORKERD = [
  "connection",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
] as const;
/** Those that it would forward. */
const PROXY_FIELDS = ["proxy-connection", "proxy-authorization"] as const;

/** All fields of one connection, whether or not Connection lists them: for a runtime that consumes none. */
export const HOP_BY_HOP: readonly string[] = [...CONSUMED_BY_WORKERD, ...PROXY_FIELDS];

const NONE: readonly string[] = [];

/** The fields that a Connection field names, apart from the usual options that name none. */
export function listedFields(value: string | null): readonly string[] {
  if (value === null || /^(?:keep-alive|close)$/i.test(value)) return NONE;
  // Anything that is no token would make the runtime throw; it cannot name a field anyway.
  return value
    .split(",")
    .map((token) => token.trim())
    .filter((name) => /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name));
}

/**
 * Removes, in place, what Connection lists and the fields of one connection that workerd would forward. What it consumes
 * may stay where it is: each further name costs on the hot path.
 */
export function stripHopByHop(headers: Headers): void {
  for (const name of listedFields(headers.get("connection"))) headers.delete(name);
  for (const name of PROXY_FIELDS) headers.delete(name);
}

/** The body length that Content-Length announces, or undefined. */
export function contentLength(headers: Headers): number | undefined {
  const text = headers.get("content-length");
  if (text === null || !/^\d{1,15}$/.test(text)) return undefined;
  return Number(text);
}
