// What the upstream is told about the client. Whatever the client claims about itself is replaced, never appended to:
// an upstream that trusts the first address of X-Forwarded-For would otherwise believe anybody. Pure.

/**
 * Other spellings of the client's address that upstreams are known to trust, and of the path: an upstream that takes it
 * from a header would answer for a path that routing never saw.
 */
const CLAIMS = [
  "forwarded",
  "x-real-ip",
  "x-client-ip",
  "x-forwarded-port",
  "cf-connecting-ip",
  "true-client-ip",
  "x-original-url",
  "x-rewrite-url",
] as const;

export interface Forwarded {
  readonly clientIp: string;
  /** The public host with its port, as the client named it. */
  readonly host: string;
  /** "http" or "https": how the client reached the edge. */
  readonly scheme: string;
}

/** Sets X-Forwarded-For, -Host and -Proto in place and removes what the client claims otherwise. */
export function setForwarded(headers: Headers, { clientIp, host, scheme }: Forwarded): void {
  for (const name of CLAIMS) headers.delete(name);
  headers.set("x-forwarded-for", clientIp);
  headers.set("x-forwarded-host", host);
  headers.set("x-forwarded-proto", scheme);
}
