// The server side of SOCKS4 and 4a as a machine: bytes in, actions out. It knows no socket, no clock and no users: the user
// id is read and believed by nobody, so where a password is needed the whole version is off.

import type { ErrorCode } from "../../shared/errors.ts";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { formatIp, parseIp } from "../../shared/net/address.ts";
import { readName } from "./socks-address.ts";
import type { Endpoint, SocksAction, SocksDialect, SocksMachine } from "./socks-machine.ts";

export const SOCKS4_VERSION = 4;
const COMMANDS: Readonly<Record<number, "connect" | "bind">> = { 1: "connect", 2: "bind" };
/** VN, CD, DSTPORT and DSTIP. */
const FIXED_BYTES = 1 + 1 + 2 + 4;
const RESULT = { GRANTED: 90, REJECTED: 91 } as const;

/** VN=0 | CD | DSTPORT 2 | DSTIP 4; the last two matter for BIND only. */
function encodeReply(result: number, bound: Endpoint | undefined): Buffer {
  const ip = (bound && parseIp(bound.address)) ?? new Uint8Array(4);
  const port = bound?.port ?? 0;
  // An IPv6 address has no place here; 0.0.0.0 means "where you reached this server".
  return Buffer.from([0, result, port >> 8, port & 0xff, ...(ip.length === 4 ? ip : new Uint8Array(4))]);
}

/** One code says all failures: those of identd do not apply, and there are no others. */
export const SOCKS4: SocksDialect = {
  family: 4,
  granted: (bound) => encodeReply(RESULT.GRANTED, bound),
  failed: (_code: ErrorCode) => encodeReply(RESULT.REJECTED, undefined),
};

export class Socks4Machine implements SocksMachine {
  readonly #auth: "none" | "password";
  #bytes: Buffer = Buffer.alloc(0);
  #over = false;

  constructor(auth: "none" | "password") {
    this.#auth = auth;
  }

  rest(): Buffer {
    return this.#bytes;
  }

  /** SOCKS4 has no sign-in. */
  signedIn(): SocksAction[] {
    return [];
  }

  feed(chunk: Buffer): SocksAction[] {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    if (this.#over) return [];
    const actions = this.#read();
    this.#over = actions.length > 0;
    return actions;
  }

  /** VN=4 | CD | DSTPORT 2 | DSTIP 4 | USERID | NUL, then with 4a | DOMAIN | NUL */
  #read(): SocksAction[] {
    const bytes = this.#bytes;
    if (bytes[0] !== undefined && bytes[0] !== SOCKS4_VERSION) return refuse("the version is not SOCKS4");
    if (bytes.length < FIXED_BYTES) return [];
    if (this.#auth === "password") return refuse("SOCKS4 cannot carry the password that is needed");
    const command = COMMANDS[bytes[1] ?? 0];
    if (command === undefined) return refuse(`command ${bytes[1]} is not supported`);
    const userEnd = endOfText(bytes, FIXED_BYTES);
    if (userEnd === undefined) return [];
    if (userEnd === "too_long") return refuse("the user id is too long");
    const port = bytes.readUInt16BE(2);
    const ip = bytes.subarray(4, FIXED_BYTES);
    const isNamed = ip[0] === 0 && ip[1] === 0 && ip[2] === 0 && ip[3] !== 0;
    if (!isNamed) return this.#request(command, formatIp(ip), port, userEnd + 1);
    const nameEnd = endOfText(bytes, userEnd + 1);
    if (nameEnd === undefined) return [];
    const host = nameEnd === "too_long" ? undefined : readName(bytes, userEnd + 1, nameEnd);
    if (host === undefined || nameEnd === "too_long") return refuse("the name is malformed");
    return this.#request(command, host, port, nameEnd + 1);
  }

  #request(command: "connect" | "bind", host: string, port: number, used: number): SocksAction[] {
    this.#bytes = this.#bytes.subarray(used);
    return [{ type: "request", command, host, port }];
  }
}

function refuse(why: string): SocksAction[] {
  return [
    { type: "send", bytes: encodeReply(RESULT.REJECTED, undefined) },
    { type: "fail", why },
  ];
}

/** Where the NUL of a text stands; undefined while it has not come. */
function endOfText(bytes: Buffer, start: number): number | "too_long" | undefined {
  const end = bytes.indexOf(0, start);
  if ((end < 0 ? bytes.length : end) - start > RELAY_LIMITS.SOCKS4_TEXT_BYTES_MAX) return "too_long";
  return end < 0 ? undefined : end;
}
