// The server side of SOCKS5 (RFC 1928) with user names and passwords (RFC 1929), as a machine: bytes in, actions out.
// It knows no socket, no clock and no users; whoever owns the socket runs the actions.

import type { ErrorCode } from "../../shared/errors.ts";
import { encodeAddress, readAddress } from "./socks-address.ts";
import type { Endpoint, SocksAction, SocksCommand, SocksDialect, SocksMachine } from "./socks-machine.ts";

export const SOCKS5_VERSION = 5;
const AUTH_VERSION = 1;
const METHOD = { NONE: 0x00, PASSWORD: 0x02, UNACCEPTABLE: 0xff } as const;
const COMMANDS: Readonly<Record<number, SocksCommand>> = { 1: "connect", 2: "bind", 3: "associate" };

/** Reply codes of RFC 1928 section 6. */
export const REPLY = {
  SUCCEEDED: 0,
  GENERAL_FAILURE: 1,
  NOT_ALLOWED: 2,
  NETWORK_UNREACHABLE: 3,
  HOST_UNREACHABLE: 4,
  CONNECTION_REFUSED: 5,
  TTL_EXPIRED: 6,
  COMMAND_NOT_SUPPORTED: 7,
  ADDRESS_NOT_SUPPORTED: 8,
} as const;
export type Reply = (typeof REPLY)[keyof typeof REPLY];

const REPLIES: Partial<Readonly<Record<ErrorCode, Reply>>> = {
  target_refused: REPLY.NOT_ALLOWED,
  user_expired: REPLY.NOT_ALLOWED,
  traffic_exceeded: REPLY.NOT_ALLOWED,
  connections_exceeded: REPLY.NOT_ALLOWED,
  network_unreachable: REPLY.NETWORK_UNREACHABLE,
  target_unreachable: REPLY.HOST_UNREACHABLE,
  name_unknown: REPLY.HOST_UNREACHABLE,
  connection_refused: REPLY.CONNECTION_REFUSED,
  // A packet's lifetime is the only time RFC 1928 knows; this keeps a timeout apart from an unreachable host.
  dial_timeout: REPLY.TTL_EXPIRED,
  command_unsupported: REPLY.COMMAND_NOT_SUPPORTED,
  not_carried: REPLY.COMMAND_NOT_SUPPORTED,
};

/** The reply that tells why a request was not met. */
export function replyFor(code: ErrorCode): Reply {
  return REPLIES[code] ?? REPLY.GENERAL_FAILURE;
}

/**
 * A reply to a request:
 *
 *     VER=5 | REP | RSV=0 | ATYP | BND.ADDR 4 or 16 | BND.PORT 2
 */
export function encodeReply(reply: Reply, bound: Endpoint | undefined): Buffer {
  return Buffer.from([SOCKS5_VERSION, reply, 0, ...encodeAddress(bound)]);
}

export const SOCKS5: SocksDialect = {
  family: undefined,
  granted: (bound) => encodeReply(REPLY.SUCCEEDED, bound),
  failed: (code) => encodeReply(replyFor(code), undefined),
};

type State = "greeting" | "credentials" | "signing_in" | "request" | "over";

/** What a state made of the bytes: how many it used, and what follows; undefined while there are too few. */
interface Step {
  readonly used: number;
  readonly next: State;
  readonly actions: readonly SocksAction[];
}

export class Socks5Machine implements SocksMachine {
  readonly #auth: "none" | "password";
  #state: State = "greeting";
  #bytes: Buffer = Buffer.alloc(0);

  constructor(auth: "none" | "password") {
    this.#auth = auth;
  }

  rest(): Buffer {
    return this.#bytes;
  }

  feed(chunk: Buffer): SocksAction[] {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    return this.#run();
  }

  /** Goes on after `sign_in`. RFC 1929: a failure is answered and the connection closed. */
  signedIn(accepted: boolean): SocksAction[] {
    if (this.#state !== "signing_in") return [];
    this.#state = accepted ? "request" : "over";
    const answer = send(AUTH_VERSION, accepted ? 0 : 1);
    return accepted ? [answer, ...this.#run()] : [answer, { type: "fail", why: "the sign-in was refused" }];
  }

  #run(): SocksAction[] {
    const actions: SocksAction[] = [];
    for (;;) {
      const step = this.#step();
      if (step === undefined) return actions;
      this.#bytes = this.#bytes.subarray(step.used);
      this.#state = step.next;
      actions.push(...step.actions);
    }
  }

  #step(): Step | undefined {
    switch (this.#state) {
      case "greeting":
        return readGreeting(this.#bytes, this.#auth);
      case "credentials":
        return readCredentials(this.#bytes);
      case "request":
        return readRequest(this.#bytes);
      case "signing_in":
      case "over":
        return undefined;
    }
  }
}

function send(...bytes: number[]): SocksAction {
  return { type: "send", bytes: Uint8Array.from(bytes) };
}

function fail(why: string, ...before: SocksAction[]): Step {
  return { used: 0, next: "over", actions: [...before, { type: "fail", why }] };
}

function refuse(reply: Reply, why: string): Step {
  return fail(why, { type: "send", bytes: encodeReply(reply, undefined) });
}

/** VER=5 | NMETHODS | METHODS 1..255 */
function readGreeting(bytes: Buffer, auth: "none" | "password"): Step | undefined {
  const [version, count] = bytes;
  if (version === undefined) return undefined;
  if (version !== SOCKS5_VERSION) return fail(`version ${version} is not SOCKS5`);
  if (count === undefined || bytes.length < 2 + count) return undefined;
  const method = auth === "none" ? METHOD.NONE : METHOD.PASSWORD;
  if (!bytes.subarray(2, 2 + count).includes(method)) {
    return fail("no acceptable method was offered", send(SOCKS5_VERSION, METHOD.UNACCEPTABLE));
  }
  return {
    used: 2 + count,
    next: auth === "none" ? "request" : "credentials",
    actions: [send(SOCKS5_VERSION, method)],
  };
}

/** VER=1 | ULEN | UNAME 1..255 | PLEN | PASSWD 1..255 (RFC 1929) */
function readCredentials(bytes: Buffer): Step | undefined {
  const [version, userLength] = bytes;
  if (version === undefined) return undefined;
  if (version !== AUTH_VERSION) return fail("the sign-in is malformed", send(AUTH_VERSION, 1));
  if (userLength === undefined) return undefined;
  const passwordLength = bytes[2 + userLength];
  if (passwordLength === undefined) return undefined;
  const start = 3 + userLength;
  const used = start + passwordLength;
  if (bytes.length < used) return undefined;
  const user = bytes.toString("utf8", 2, 2 + userLength);
  const password = bytes.toString("utf8", start, used);
  return { used, next: "signing_in", actions: [{ type: "sign_in", user, password }] };
}

/** VER=5 | CMD | RSV=0 | ATYP | DST.ADDR 4, 16 or 1 + 0..255 | DST.PORT 2 */
function readRequest(bytes: Buffer): Step | undefined {
  const [version, code, , type] = bytes;
  if (version === undefined) return undefined;
  if (version !== SOCKS5_VERSION) return refuse(REPLY.GENERAL_FAILURE, "the request is malformed");
  const address = readAddress(bytes);
  if (address === "unknown_type")
    return refuse(REPLY.ADDRESS_NOT_SUPPORTED, `address type ${type} is not supported`);
  if (address === undefined) return undefined;
  const command = COMMANDS[code ?? 0];
  if (command === undefined) return refuse(REPLY.COMMAND_NOT_SUPPORTED, `command ${code} is not supported`);
  // What an association's client says of its own address is not used, so it may say anything.
  const host = address.host ?? (command === "associate" ? "" : undefined);
  if (host === undefined) return refuse(REPLY.GENERAL_FAILURE, "the name is malformed");
  return {
    used: address.end,
    next: "over",
    actions: [{ type: "request", command, host, port: address.port }],
  };
}
