// Names of header fields: which ones belong to one connection (RFC 9110 §7.6.1), and which spellings servers take for one
// and the same. Pure.

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

/** Fields by which clients change what frameworks take a request for. */
export const METHOD_OVERRIDES = ["x-http-method-override", "x-http-method", "x-method-override"] as const;

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
 * The name that gateways to CGI, WSGI and PHP may take a field for: to them "x_forwarded_for" and "x.forwarded.for" are
 * X-Forwarded-For. Expects lower case, as the runtime spells names.
 */
export function foldedName(name: string): string {
  return name.replace(/[^a-z0-9]/g, "-");
}

/** What such a gateway reads as a dash. */
export const ODD_CHARACTER = /[^a-z0-9-]/;

/** True for a name that such a gateway may take for another one. */
export function isOddName(name: string): boolean {
  return ODD_CHARACTER.test(name);
}

/** The body length that Content-Length announces, or undefined. */
export function contentLength(headers: Headers): number | undefined {
  const text = headers.get("content-length");
  if (text === null || !/^\d{1,15}$/.test(text)) return undefined;
  return Number(text);
}
