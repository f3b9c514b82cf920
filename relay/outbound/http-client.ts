// The client side of HTTP CONNECT (RFC 9110 section 9.3.6) as a machine: bytes in, steps out. It knows no socket and no
// clock; handshake.ts runs it.

import type { ErrorCode } from "../../shared/errors.ts";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { formatAuthority } from "../../shared/net/address.ts";
import type { ClientMachine, HandshakeStep } from "./handshake.ts";
import type { Target } from "./outbound.ts";
import type { ProxyCredentials } from "./socks-client.ts";

const HEAD_END = "\r\n\r\n";

/** Error types of RFC 9209 section 2.3 as proxies report them in Proxy-Status. */
const PROXY_ERRORS: ReadonlyMap<string, ErrorCode> = new Map([
  ["destination_ip_prohibited", "target_refused"],
  ["dns_error", "name_unknown"],
  ["dns_timeout", "name_unresolved"],
  ["connection_refused", "connection_refused"],
  ["connection_timeout", "dial_timeout"],
  ["destination_ip_unroutable", "network_unreachable"],
]);

/** What the status alone says about the target. */
const STATUS_ERRORS: Readonly<Record<number, ErrorCode>> = {
  403: "target_refused",
  407: "proxy_failed",
  504: "dial_timeout",
};

export class HttpConnectClient implements ClientMachine {
  readonly #target: Target;
  readonly #credentials: ProxyCredentials | undefined;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(target: Target, credentials: ProxyCredentials | undefined) {
    this.#target = target;
    this.#credentials = credentials;
  }

  start(): Uint8Array {
    const authority = formatAuthority(this.#target.host, this.#target.port);
    const lines = [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`];
    if (this.#credentials !== undefined) {
      const { user, password } = this.#credentials;
      const encoded = Buffer.from(`${user}:${password}`).toString("base64");
      lines.push(`Proxy-Authorization: Basic ${encoded}`);
    }
    return Buffer.from(lines.join("\r\n") + HEAD_END);
  }

  feed(chunk: Buffer): HandshakeStep {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    for (;;) {
      const end = this.#bytes.indexOf(HEAD_END);
      if (end < 0 || end > RELAY_LIMITS.HTTP_HEAD_BYTES) {
        const isTooLong = this.#bytes.length > RELAY_LIMITS.HTTP_HEAD_BYTES;
        return isTooLong ? failed("proxy_failed", "its reply is too long") : { type: "more" };
      }
      const head = this.#bytes.toString("latin1", 0, end);
      const status = Number(/^HTTP\/1\.[01] ([1-5]\d\d)(?: |\r|$)/.exec(head)?.[1] ?? Number.NaN);
      if (Number.isNaN(status)) return failed("proxy_failed", "its reply is malformed");
      this.#bytes = this.#bytes.subarray(end + HEAD_END.length);
      // Interim replies come before the one that counts (RFC 9110 section 15.2); 101 would be another protocol.
      if (status < 200 && status !== 101) continue;
      if (status >= 200 && status < 300) return { type: "open", rest: this.#bytes };
      return failed(errorOf(status, head), `status ${status}`);
    }
  }
}

function errorOf(status: number, head: string): ErrorCode {
  const reported = /^proxy-status:.*;\s*error=([a-z_]+)/im.exec(head)?.[1];
  return PROXY_ERRORS.get(reported ?? "") ?? STATUS_ERRORS[status] ?? "dial_failed";
}

function failed(code: ErrorCode, why: string): HandshakeStep {
  return { type: "failed", code, why };
}
