// The PROXY protocol, versions 1 and 2, as load balancers speak it: who the client behind a connection is. Encoding and
// decoding, pure; nothing throws on any bytes. https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt

import { RELAY_LIMITS } from "../../shared/limits.ts";
import { formatIp, parseIp } from "../../shared/net/address.ts";
import type { Endpoint } from "./socks-machine.ts";

export interface ProxiedConnection {
  readonly source: Endpoint;
  readonly destination: Endpoint;
}

export type ProxyHeader =
  | { readonly type: "more" }
  | { readonly type: "invalid"; readonly why: string }
  /** `used` bytes are the header. No connection: the balancer's own, as for a health check, or of no known kind. */
  | { readonly type: "header"; readonly used: number; readonly connection: ProxiedConnection | undefined };

const MORE: ProxyHeader = { type: "more" };
const SIGNATURE_1 = Buffer.from("PROXY ");
const SIGNATURE_2 = Buffer.from("\r\n\r\n\0\r\nQUIT\n");
/** With CRLF (specification, section 2.1). */
const LINE_BYTES_MAX = 107;
/** Signature, version and command, family, length. */
const FIXED_BYTES = SIGNATURE_2.length + 1 + 1 + 2;
const VERSION_2 = 0x20;
const COMMAND = { LOCAL: 0, PROXY: 1 } as const;
const FAMILY = { UNSPECIFIED: 0x00, TCP4: 0x11, TCP6: 0x21 } as const;

/** Reads the header at the beginning of `bytes`, of either version. */
export function decodeProxyHeader(bytes: Buffer): ProxyHeader {
  if (startsAlike(bytes, SIGNATURE_2)) return bytes.length < FIXED_BYTES ? MORE : decodeBinary(bytes);
  if (startsAlike(bytes, SIGNATURE_1)) return decodeLine(bytes);
  return invalid("there is no PROXY protocol header");
}

/** Whether `bytes` begins with `signature`, as far as it goes. */
function startsAlike(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length);
  return bytes.compare(signature, 0, length, 0, length) === 0;
}

function invalid(why: string): ProxyHeader {
  return { type: "invalid", why };
}

/** "PROXY TCP4 SOURCE DESTINATION SOURCE-PORT DESTINATION-PORT\r\n", or "PROXY UNKNOWN" and anything. */
function decodeLine(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, LINE_BYTES_MAX).indexOf("\r\n");
  if (end < 0) return bytes.length < LINE_BYTES_MAX ? MORE : invalid("the header's line is too long");
  const used = end + 2;
  const [, family, source, destination, sourcePort, destinationPort, ...more] = bytes
    .toString("latin1", 0, end)
    .split(" ");
  if (family === "UNKNOWN") return { type: "header", used, connection: undefined };
  if (family !== "TCP4" && family !== "TCP6") return invalid("the header's protocol is unknown");
  const from = endpointOf(source, sourcePort, family);
  const to = endpointOf(destination, destinationPort, family);
  if (from === undefined || to === undefined || more.length > 0)
    return invalid("the header's line is malformed");
  return { type: "header", used, connection: { source: from, destination: to } };
}

function endpointOf(address = "", port = "", family: "TCP4" | "TCP6"): Endpoint | undefined {
  const ip = parseIp(address);
  if (ip?.length !== (family === "TCP4" ? 4 : 16) || !/^(?:0|[1-9]\d{0,4})$/.test(port)) return undefined;
  return Number(port) > 65_535 ? undefined : { address: formatIp(ip), port: Number(port) };
}

/** SIGNATURE 12 | VERSION 4 bits | COMMAND 4 bits | FAMILY 1 | LENGTH 2 | SRC | DST | SRC.PORT 2 | DST.PORT 2 | TLVs */
function decodeBinary(bytes: Buffer): ProxyHeader {
  const [versionAndCommand = 0, family = 0] = bytes.subarray(SIGNATURE_2.length);
  const length = bytes.readUInt16BE(FIXED_BYTES - 2);
  const used = FIXED_BYTES + length;
  const command = versionAndCommand & 0x0f;
  if ((versionAndCommand & 0xf0) !== VERSION_2 || command > COMMAND.PROXY) {
    return invalid("the header's version or command is unknown");
  }
  if (used > RELAY_LIMITS.PROXY_HEADER_BYTES_MAX) return invalid("the header is too long");
  if (bytes.length < used) return MORE;
  const size = family === FAMILY.TCP4 ? 4 : 16;
  const isKnown = family === FAMILY.TCP4 || family === FAMILY.TCP6;
  if (command === COMMAND.LOCAL || !isKnown) return { type: "header", used, connection: undefined };
  if (length < 2 * size + 4) return invalid("the header is too short for its addresses");
  const ports = FIXED_BYTES + 2 * size;
  const addressAt = (start: number) => formatIp(bytes.subarray(start, start + size));
  return {
    type: "header",
    used,
    connection: {
      source: { address: addressAt(FIXED_BYTES), port: bytes.readUInt16BE(ports) },
      destination: { address: addressAt(FIXED_BYTES + size), port: bytes.readUInt16BE(ports + 2) },
    },
  };
}

/** The header for a connection; of addresses that make no pair only says that there was one. */
export function encodeProxyHeader(version: "v1" | "v2", { source, destination }: ProxiedConnection): Buffer {
  const from = parseIp(source.address);
  const to = parseIp(destination.address);
  const isPair = from !== undefined && from.length === to?.length;
  if (version === "v1") {
    if (!isPair) return Buffer.from("PROXY UNKNOWN\r\n");
    const family = from.length === 4 ? "TCP4" : "TCP6";
    const addresses = `${formatIp(from)} ${formatIp(to)}`;
    return Buffer.from(`PROXY ${family} ${addresses} ${source.port} ${destination.port}\r\n`);
  }
  const command = VERSION_2 | COMMAND.PROXY;
  if (!isPair) return Buffer.from([...SIGNATURE_2, command, FAMILY.UNSPECIFIED, 0, 0]);
  const family = from.length === 4 ? FAMILY.TCP4 : FAMILY.TCP6;
  const ports = [source.port, destination.port].flatMap((port) => [port >> 8, port & 0xff]);
  const body = [...from, ...to, ...ports];
  return Buffer.from([...SIGNATURE_2, command, family, 0, body.length, ...body]);
}
