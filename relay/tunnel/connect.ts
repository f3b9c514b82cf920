// The question and the answer that open a connection on the tunnel, as packets and as what they mean. Pure.

import { CausewayError, ERRORS, type ErrorCode } from "../../shared/errors.ts";
import { formatIp, parseIp } from "../../shared/net/address.ts";
import type { PacketFields, ReadPacket } from "../../shared/packet/codec.ts";

/** What a client asks for. */
export type Asked =
  | { readonly type: "connection"; readonly host: string; readonly port: number }
  | { readonly type: "association" }
  | { readonly type: "refused"; readonly code: ErrorCode };

/** `service` of a stream that stands for datagrams. */
const UDP_SERVICE = "udp";
const NAME_BYTES_MAX = 255;

/** What a far end may say of a target, and of who asks; anything else counts as a failed dial. */
const ANSWERS: readonly ErrorCode[] = [
  "target_refused",
  "connection_refused",
  "network_unreachable",
  "target_unreachable",
  "dial_timeout",
  "dial_failed",
  "name_unknown",
  "name_unresolved",
  "not_carried",
  "user_expired",
  "traffic_exceeded",
  "connections_exceeded",
  "proxy_full",
  "proxy_failed",
  "tunnel_failed",
  "command_unsupported",
  "port_unavailable",
];

/** Asks for a connection to a name or an address. */
export function connectPacket(host: string, port: number): PacketFields {
  const ip = parseIp(host);
  return {
    cmd: "connect",
    authority: ip === undefined ? { domain: host, port } : { ip: formatIp(ip), port },
  };
}

/** Asks for an association: datagrams to and from anywhere. */
export function associatePacket(): PacketFields {
  return { cmd: "connect", authority: { service: UDP_SERVICE } };
}

/** What a stream's first packet asks for; undefined: it is no question at all. */
export function readConnect({ cmd, authority }: ReadPacket): Asked | undefined {
  if (cmd !== "connect" || authority === null) return undefined;
  const { domain, ip, port, service } = authority;
  if (service === UDP_SERVICE) return { type: "association" };
  if (service !== "") return { type: "refused", code: "command_unsupported" };
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return { type: "refused", code: "bad_request" };
  if (ip !== "") {
    const address = parseIp(ip);
    if (address === undefined || domain !== "") return { type: "refused", code: "bad_request" };
    return { type: "connection", host: formatIp(address), port };
  }
  return isHost(domain)
    ? { type: "connection", host: domain, port }
    : { type: "refused", code: "bad_request" };
}

/** A name that rules, logs and resolvers may see, as SOCKS5 has them; spellings of addresses are read where it is dialled. */
export function isHost(name: string): boolean {
  return name.length <= NAME_BYTES_MAX && /^[!-~]+$/.test(name);
}

export function connectedPacket(localAddress: string, localPort: number): PacketFields {
  const connect_res = { succeeded: true, local_address: localAddress, local_port: localPort };
  return { cmd: "connect", connect_res };
}

export function refusedPacket(code: ErrorCode): PacketFields {
  return { cmd: "connect", code, connect_res: { succeeded: false, error_code: code } };
}

/** Where the far end dials from. @throws CausewayError as it says why it does not, `tunnel_failed` when it says nothing of use */
export function readAnswer({ cmd, connect_res }: ReadPacket): { address: string; port: number } {
  if (cmd !== "connect" || connect_res === null) {
    throw new CausewayError("tunnel_failed", "The other end of the tunnel sent something malformed");
  }
  const { succeeded, local_address, local_port, error_code } = connect_res;
  if (succeeded) return { address: local_address, port: local_port & 0xffff };
  const code = ANSWERS.find((known) => known === error_code) ?? "dial_failed";
  throw new CausewayError(code, `The other end of the tunnel refused: ${ERRORS[code].text}`);
}
