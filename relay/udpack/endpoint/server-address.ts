// The address of a server as people write it: host and port, or a range of ports to hop through. Pure.

import { parseIp } from "../../../shared/net/address.ts";

/** A host name or IP literal, and the ports that the server listens on. */
export interface ServerAddress {
  readonly host: string;
  readonly portFirst: number;
  readonly portLast: number;
}

const PATTERN = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:[\]/]+)):(\d{1,5})(?:-(\d{1,5}))?$/;
const PORT_MAX = 65_535;

/** Reads `host:port`, `host:first-last` or the same with `[IPv6]`; undefined when it is none of these. */
export function parseServerAddress(text: string): ServerAddress | undefined {
  const match = PATTERN.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (!match || host === undefined) return undefined;
  if (match[1] !== undefined && parseIp(host) === undefined) return undefined;
  const portFirst = Number(match[3]);
  const portLast = match[4] === undefined ? portFirst : Number(match[4]);
  if (portFirst < 1 || portLast > PORT_MAX || portLast < portFirst) return undefined;
  return { host, portFirst, portLast };
}

/**
 * The port of the n-th attempt: one after the other, from a random one on, around the range. Attempts take turns over so many
 * addresses, too; where both would always meet in the same pairs, ports move on by one against addresses after each round.
 */
export function portOfAttempt(
  { portFirst, portLast }: ServerAddress,
  {
    first,
    attempt,
    addresses,
  }: { readonly first: number; readonly attempt: number; readonly addresses: number },
): number {
  const ports = portLast - portFirst + 1;
  const divisor = commonDivisor(ports, Math.max(1, addresses));
  const rounds = Math.floor((attempt * divisor) / (ports * Math.max(1, addresses)));
  return portFirst + ((first + attempt + (rounds % divisor)) % ports);
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}
