// The address inside a DATAGRAM frame (docs/UDPACK.md section 8.2): family, address, port. Never throws on any bytes.

import { formatIp, parseIp } from "../../../shared/net/address.ts";
import { readU16, writeU16 } from "./integers.ts";

/** Where a datagram goes to or came from: an IP address or a name as text. */
export interface DatagramAddress {
  readonly host: string;
  readonly port: number;
}

const FAMILY = { none: 0, name: 1, v4: 4, v6: 6 } as const;
const PORT_BYTES = 2;
const NAME_BYTES_MAX = 255;

const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

/** The offset behind the address whose family byte is at `at`; -1: malformed, or it runs over `end`. */
export function datagramAddressEnd(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return -1;
  let length: number;
  switch (bytes[at]) {
    case FAMILY.none:
      length = 0;
      break;
    case FAMILY.v4:
      length = 4 + PORT_BYTES;
      break;
    case FAMILY.v6:
      length = 16 + PORT_BYTES;
      break;
    case FAMILY.name: {
      const name = at + 1 < end ? (bytes[at + 1] ?? 0) : 0;
      if (name === 0) return -1;
      length = 1 + name + PORT_BYTES;
      break;
    }
    default:
      return -1;
  }
  return at + 1 + length <= end ? at + 1 + length : -1;
}

/** The address whose family byte and fields are exactly `bytes`; undefined: there is none, or the name is not UTF-8. */
export function readDatagramAddress(bytes: Uint8Array): DatagramAddress | undefined {
  const family = bytes[0];
  if (family === undefined || family === FAMILY.none) return undefined;
  const portAt = bytes.length - PORT_BYTES;
  const port = readU16(bytes, portAt);
  if (family !== FAMILY.name) return { host: formatIp(bytes.subarray(1, portAt)), port };
  try {
    return { host: decoder.decode(bytes.subarray(2, portAt)), port };
  } catch {
    return undefined;
  }
}

/** Family byte and fields of `address`; undefined: a name that is empty or longer than 255 bytes. */
export function encodeDatagramAddress(address: DatagramAddress | undefined): Uint8Array | undefined {
  if (address === undefined) return Uint8Array.of(FAMILY.none);
  const ip = parseIp(address.host);
  const host = ip ?? encoder.encode(address.host);
  if (host.length === 0 || host.length > NAME_BYTES_MAX) return undefined;
  const prefix = ip ? [ip.length === 4 ? FAMILY.v4 : FAMILY.v6] : [FAMILY.name, host.length];
  const bytes = new Uint8Array(prefix.length + host.length + PORT_BYTES);
  bytes.set(prefix);
  bytes.set(host, prefix.length);
  writeU16(bytes, prefix.length + host.length, address.port);
  return bytes;
}
