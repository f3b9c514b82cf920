// How the HTTP proxy answers what it cannot do: status, a JSON body with the code, and Proxy-Status for programs (RFC 9209).

import { STATUS_CODES } from "node:http";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";

/** Error types of RFC 9209 section 2.3. */
const PROXY_STATUS: Partial<Readonly<Record<ErrorCode, string>>> = {
  target_refused: "destination_ip_prohibited",
  name_unknown: "dns_error",
  name_unresolved: "dns_error",
  connection_refused: "connection_refused",
  network_unreachable: "destination_ip_unroutable",
  target_unreachable: "destination_ip_unroutable",
  dial_timeout: "connection_timeout",
  dial_failed: "destination_unavailable",
  upstream_timeout: "http_response_timeout",
  upstream_invalid: "http_protocol_error",
  bad_request: "http_request_denied",
  proxy_full: "connection_limit_reached",
  user_expired: "http_request_denied",
  traffic_exceeded: "http_request_denied",
  connections_exceeded: "connection_limit_reached",
  proxy_failed: "proxy_internal_error",
  tunnel_failed: "proxy_internal_error",
};

export interface ErrorAnswer {
  readonly status: number;
  /** Names and values in turn, as `writeHead` takes them. */
  readonly headers: string[];
  readonly body: string;
}

/** The answer for a code; the message is the code's own sentence, so that addresses of inner networks stay inside. */
export function errorAnswer(code: ErrorCode): ErrorAnswer {
  const { status, message } = new CausewayError(code);
  const body = `${JSON.stringify({ error: { code, message } })}\n`;
  const headers = ["Content-Type", "application/json", "Content-Length", String(Buffer.byteLength(body))];
  const kind = PROXY_STATUS[code];
  if (kind !== undefined) headers.push("Proxy-Status", `causeway; error=${kind}`);
  if (status === 407) headers.push("Proxy-Authenticate", 'Basic realm="causeway", charset="UTF-8"');
  if (status === 503) headers.push("Retry-After", "5");
  return { status, headers, body };
}

/** The same as it stands on the wire, announcing the close: for sockets that no parser serves any more. */
export function rawErrorAnswer(code: ErrorCode): string {
  return rawAnswer(errorAnswer(code));
}

/** An answer as it stands on the wire, announcing the close. */
export function rawAnswer({ status, headers, body }: ErrorAnswer): string {
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`];
  for (let index = 0; index + 1 < headers.length; index += 2)
    lines.push(`${headers[index]}: ${headers[index + 1]}`);
  return `${lines.join("\r\n")}\r\nConnection: close\r\n\r\n${body}`;
}

/** The code for what Node's parser or its deadlines end a request with. */
export function parserErrorCode(code: string | undefined): ErrorCode {
  if (code === "HPE_HEADER_OVERFLOW") return "head_too_large";
  return code === "ERR_HTTP_REQUEST_TIMEOUT" ? "request_timeout" : "bad_request";
}
