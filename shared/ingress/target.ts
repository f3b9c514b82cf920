// The target of an ingress request taken apart. Path and query stay as they were written: nothing is normalised, or the
// upstream would see another path than the edge judged. Pure: resolves nothing and judges no address (the relay does).

import { INGRESS_LIMITS } from "../limits.ts";
import { parseHostLiteral } from "../net/address.ts";

const ABSOLUTE =
  /^(https?):\/\/(\[[0-9A-Fa-f:.]{2,45}\]|[^\s:/?#@[\]\\%]{1,255})(?::(\d{1,5}))?(\/[!-"$-~]*|\?[!-"$-~]*)?$/i;

export interface IngressTarget {
  readonly secure: boolean;
  /** A name, or a literal address without brackets; in lower case. */
  readonly host: string;
  readonly port: number;
  /** Scheme, host and port, without a final slash and without a default port: the key of a connection pool. */
  readonly origin: string;
  /** The Host to send: without a default port. */
  readonly authority: string;
  /** Path and query, byte for byte; at least "/". */
  readonly path: string;
  /** For logs and stats: without the query, which may hold secrets. */
  readonly label: string;
}

/** Reads an absolute http: or https: URL of printable ASCII, without user info and fragment; undefined for anything else. */
export function parseIngressTarget(text: string): IngressTarget | undefined {
  if (text.length > INGRESS_LIMITS.TARGET_CHARS_MAX) return undefined;
  const [, scheme = "", rawHost = "", rawPort, rest = ""] = ABSOLUTE.exec(text) ?? [];
  const secure = scheme.toLowerCase() === "https";
  const defaultPort = secure ? 443 : 80;
  const port = rawPort === undefined ? defaultPort : Number(rawPort);
  if (scheme === "" || port < 1 || port > 65_535) return undefined;
  const bracketed = rawHost.toLowerCase();
  if (!/^[!-~]+$/.test(bracketed) || parseHostLiteral(bracketed) === "invalid") return undefined;
  const authority = port === defaultPort ? bracketed : `${bracketed}:${port}`;
  const origin = `${secure ? "https" : "http"}://${authority}`;
  const path = rest.startsWith("/") ? rest : `/${rest}`;
  return {
    secure,
    host: bracketed.startsWith("[") ? bracketed.slice(1, -1) : bracketed,
    port,
    origin,
    authority,
    path,
    label: origin + (path.split("?")[0] ?? ""),
  };
}
