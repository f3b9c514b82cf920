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

/** The port of the n-th attempt: one after the other, from a random one on, around the range. */
export function portOfAttempt(
  { portFirst, portLast }: ServerAddress,
  first: number,
  attempt: number,
): number {
  return portFirst + ((first + attempt) % (portLast - portFirst + 1));
}
