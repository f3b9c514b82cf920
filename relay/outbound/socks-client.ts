// The client side of CONNECT in SOCKS5 (RFC 1928, RFC 1929) and SOCKS4a, as machines: bytes in, steps out. They know no
// socket and no clock; handshake.ts runs them.

import type { ErrorCode } from "../../shared/errors.ts";
import { parseHostLiteral } from "../../shared/net/address.ts";
import type { ClientMachine, HandshakeStep } from "./handshake.ts";
import type { Target } from "./outbound.ts";

export interface ProxyCredentials {
  readonly user: string;
  readonly password: string;
}

const METHOD = { NONE: 0x00, PASSWORD: 0x02, UNACCEPTABLE: 0xff } as const;
const MORE: HandshakeStep = { type: "more" };

/** What the replies of RFC 1928 section 6 say about the target. */
const REPLY_CODES: readonly (ErrorCode | undefined)[] = [
  undefined,
  "dial_failed",
  "target_refused",
  "network_unreachable",
  "target_unreachable",
  "connection_refused",
  // What servers send for a timeout: a packet's lifetime is the only time RFC 1928 knows.
  "dial_timeout",
  "not_carried",
  "network_unreachable",
];

type Socks5State = "method" | "sign_in" | "reply" | "over";

export class Socks5Client implements ClientMachine {
  readonly #target: Target;
  readonly #credentials: ProxyCredentials | undefined;
  #state: Socks5State = "method";
  #bytes: Buffer = Buffer.alloc(0);

  constructor(target: Target, credentials: ProxyCredentials | undefined) {
    this.#target = target;
    this.#credentials = credentials;
  }

  start(): Uint8Array {
    // No authentication is offered only without credentials: with them an unsigned tunnel would be another user's.
    return Uint8Array.of(5, 1, this.#credentials === undefined ? METHOD.NONE : METHOD.PASSWORD);
  }

  feed(chunk: Buffer): HandshakeStep {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    switch (this.#state) {
      case "method":
        return this.#readMethod();
      case "sign_in":
        return this.#readSignIn();
      case "reply":
        return this.#readReply();
      case "over":
        return MORE;
    }
  }

  /** VER=5 | METHOD. The proxy has nothing more to say before it is asked. */
  #readMethod(): HandshakeStep {
    const [version, method] = this.#bytes;
    if (version !== undefined && version !== 5) return this.#fail("proxy_failed", "it does not speak SOCKS5");
    if (method === undefined) return MORE;
    const wanted = this.#credentials === undefined ? METHOD.NONE : METHOD.PASSWORD;
    if (method !== wanted) return this.#fail("proxy_failed", "it wants another way to sign in");
    if (this.#bytes.length > 2) return this.#fail("proxy_failed", "it spoke out of turn");
    this.#bytes = Buffer.alloc(0);
    if (this.#credentials === undefined) return this.#ask();
    this.#state = "sign_in";
    return { type: "more", send: encodeSignIn(this.#credentials) };
  }

  /** VER=1 | STATUS (RFC 1929) */
  #readSignIn(): HandshakeStep {
    const status = this.#bytes[1];
    if (status === undefined) return MORE;
    if (status !== 0) return this.#fail("proxy_failed", "the sign-in was refused");
    if (this.#bytes.length > 2) return this.#fail("proxy_failed", "it spoke out of turn");
    this.#bytes = Buffer.alloc(0);
    return this.#ask();
  }

  #ask(): HandshakeStep {
    this.#state = "reply";
    return { type: "more", send: encodeConnect(this.#target) };
  }

  /** VER=5 | REP | RSV=0 | ATYP | BND.ADDR 4, 16 or 1 + 0..255 | BND.PORT 2 */
  #readReply(): HandshakeStep {
    const [version, reply, , type] = this.#bytes;
    if (version !== undefined && version !== 5) return this.#fail("proxy_failed", "its reply is malformed");
    if (reply !== undefined && reply !== 0) {
      return this.#fail(REPLY_CODES[reply] ?? "dial_failed", `reply ${reply}`);
    }
    if (type === undefined) return MORE;
    const end = replyEnd(this.#bytes, type);
    if (end === "malformed") return this.#fail("proxy_failed", "its reply is malformed");
    if (end === undefined || this.#bytes.length < end) return MORE;
    this.#state = "over";
    return { type: "open", rest: this.#bytes.subarray(end) };
  }

  #fail(code: ErrorCode, why: string): HandshakeStep {
    this.#state = "over";
    return { type: "failed", code, why };
  }
}

function replyEnd(bytes: Buffer, type: number): number | "malformed" | undefined {
  if (type === 1) return 4 + 4 + 2;
  if (type === 4) return 4 + 16 + 2;
  if (type !== 3) return "malformed";
  const length = bytes[4];
  return length === undefined ? undefined : 5 + length + 2;
}

/** VER=1 | ULEN | UNAME 1..255 | PLEN | PASSWD 1..255 (RFC 1929) */
function encodeSignIn({ user, password }: ProxyCredentials): Uint8Array {
  const name = Buffer.from(user);
  const secret = Buffer.from(password);
  return Buffer.concat([Buffer.of(1, name.length), name, Buffer.of(secret.length), secret]);
}

/** VER=5 | CMD=1 | RSV=0 | ATYP | DST.ADDR | DST.PORT */
function encodeConnect({ host, port }: Target): Uint8Array {
  const literal = parseHostLiteral(host);
  const name = Buffer.from(host);
  const address =
    literal instanceof Uint8Array ? [literal.length === 4 ? 1 : 4, ...literal] : [3, name.length, ...name];
  return Uint8Array.from([5, 1, 0, ...address, port >> 8, port & 0xff]);
}

/** SOCKS4, and 4a for names. There is no sign-in but a user id, and no IPv6. */
export class Socks4Client implements ClientMachine {
  readonly #target: Target;
  readonly #user: string;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(target: Target, user: string) {
    this.#target = target;
    this.#user = user;
  }

  /** VER=4 | CMD=1 | PORT 2 | IP 4 | USERID | 0 [ | NAME | 0 ]; a name stands behind the address 0.0.0.1. */
  start(): Uint8Array {
    const { host, port } = this.#target;
    const literal = parseHostLiteral(host);
    const ip = literal instanceof Uint8Array && literal.length === 4 ? literal : undefined;
    const name = ip === undefined ? [...Buffer.from(host), 0] : [];
    return Uint8Array.from([
      4,
      1,
      port >> 8,
      port & 0xff,
      ...(ip ?? [0, 0, 0, 1]),
      ...Buffer.from(this.#user),
      0,
      ...name,
    ]);
  }

  /** VN=0 | CD | PORT 2 | IP 4 */
  feed(chunk: Buffer): HandshakeStep {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    const [version, code] = this.#bytes;
    if (version !== undefined && version !== 0) {
      return { type: "failed", code: "proxy_failed", why: "it does not speak SOCKS4" };
    }
    if (code !== undefined && code !== 90) {
      // 92 and 93 are about the user id; 91 says only that it failed.
      const isSignIn = code === 92 || code === 93;
      return { type: "failed", code: isSignIn ? "proxy_failed" : "dial_failed", why: `reply ${code}` };
    }
    return this.#bytes.length < 8 ? MORE : { type: "open", rest: this.#bytes.subarray(8) };
  }
}

/** Whether SOCKS4 can name the target: it has no place for an IPv6 address. */
export function fitsSocks4({ host }: Target): boolean {
  const literal = parseHostLiteral(host);
  return !(literal instanceof Uint8Array) || literal.length === 4;
}
