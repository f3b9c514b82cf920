// One line of the access log: flat, the same fields in every line, null for what is not known. Nothing secret: no query,
// no credentials, no other header than the two named. Pure.

import { ACCESS_LOG_LIMITS as LIMITS } from "../../shared/limits.ts";
import { maskPath } from "../../shared/viewers/address.ts";

export interface LogRecord {
  readonly event: "request";
  /** When the request came in, ISO 8601. */
  readonly time: string;
  readonly request_id: string;
  readonly kind: "http" | "ws";
  /** As the client named it, with its port. */
  readonly host: string;
  /** The configured host that served it, as in the stats. */
  readonly service: string;
  readonly method: string;
  /** Without query; tokens of channels that stand in a path are "***". */
  readonly path: string;
  readonly scheme: string;
  /** HTTP version towards the client, as in "HTTP/2"; null where no network in front tells. */
  readonly protocol: string | null;
  /** Of the reply; 499 when the client left before it began. */
  readonly status: number;
  /** Error code of a request that was refused or failed here. */
  readonly code: string | null;
  /** Why the transfer ended (CLOSE_REASONS). */
  readonly reason: string;
  /** Cache-Status of the reply. */
  readonly cache: string | null;
  /** Body bytes; null where they are not counted. */
  readonly bytes_up: number | null;
  readonly bytes_down: number | null;
  /** WebSocket messages; null for everything else. */
  readonly messages_up: number | null;
  readonly messages_down: number | null;
  /** How a metered WebSocket ended: its close code (1005: none was given), "client", "upstream" or "edge". */
  readonly close_code: number | null;
  readonly closed_by: string | null;
  /** From the request's first byte to the end of the transfer. */
  readonly duration_ms: number;
  readonly client_ip: string;
  readonly country: string | null;
  /** Who signed in. */
  readonly user: string | null;
  /** Base URL of the upstream that was asked last; null when none was. */
  readonly upstream: string | null;
  readonly user_agent: string | null;
  /** Without query, fragment and credentials. */
  readonly referer: string | null;
}

/** A text that the client chose, bounded; null for none. */
export function clipped(text: string | null | undefined, charsMax: number): string | null {
  return text ? text.slice(0, charsMax) : null;
}

/** What of a Referer may be logged: queries and credentials in it are secrets of other sites. */
export function refererOf(value: string | null): string | null {
  // Parsed whole: cut before, credentials could be taken for a host.
  const url = value === null ? null : URL.parse(value);
  if (url?.protocol !== "https:" && url?.protocol !== "http:") return null;
  return clipped(url.origin + maskPath(url.pathname), LIMITS.HEADER_CHARS_MAX);
}
