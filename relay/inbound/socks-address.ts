// Addresses as SOCKS5 writes them, in requests, replies and datagrams alike (RFC 1928 section 5). Pure; never throws.
//
//     ... 3 bytes before ... | ATYP | ADDR: 4, 16 or 1 + 0..255 | PORT 2

import { formatIp, type IpBytes, parseIp } from "../../shared/net/address.ts";
import type { Endpoint } from "./socks-machine.ts";

const TYPE = { IPV4: 1, DOMAIN: 3, IPV6: 4 } as const;
/** In all three messages three bytes stand before the address. */
const BEFORE = 3;

export interface SocksAddress {
  /** Undefined for a name that cannot be one: empty, or with characters beyond printable ASCII. */
  readonly host: string | undefined;
  readonly port: number;
  /** Where the next field stands. */
  readonly end: number;
}

/** Reads the address at its fixed place; undefined while bytes are missing. */
export function readAddress(bytes: Buffer): SocksAddress | "unknown_type" | undefined {
  const type = bytes[BEFORE];
  const start = BEFORE + 1;
  if (type === undefined) return undefined;
  if (type === TYPE.IPV4 || type === TYPE.IPV6) {
    const end = start + (type === TYPE.IPV4 ? 4 : 16);
    if (bytes.length < end + 2) return undefined;
    return { host: formatIp(bytes.subarray(start, end)), port: bytes.readUInt16BE(end), end: end + 2 };
  }
  if (type !== TYPE.DOMAIN) return "unknown_type";
  const length = bytes[start];
  if (length === undefined) return undefined;
  const end = start + 1 + length;
  if (bytes.length < end + 2) return undefined;
  return { host: readName(bytes, start + 1, end), port: bytes.readUInt16BE(end), end: end + 2 };
}

/** A name between two places; undefined when it cannot be one. */
export function readName(bytes: Buffer, start: number, end: number): string | undefined {
  const name = bytes.toString("latin1", start, end);
  return /^[!-~]+$/.test(name) ? name : undefined;
}

/** Type, address and port; 0.0.0.0:0 for none, as a failure says. */
export function encodeAddress(endpoint: Endpoint | undefined): number[] {
  const ip: IpBytes = (endpoint && parseIp(endpoint.address)) ?? new Uint8Array(4);
  const port = endpoint?.port ?? 0;
  return [ip.length === 4 ? TYPE.IPV4 : TYPE.IPV6, ...ip, port >> 8, port & 0xff];
}
