// What one party controls of the address space: limits per client count by it. Pure.

import { formatIp, parseIp } from "./address.ts";

/** An IPv4 address as it is, or the /64 that an IPv6 customer gets (RFC 6177). `ip` is canonical text. */
export function clientNetwork(ip: string): string {
  if (!ip.includes(":")) return ip;
  const bytes = parseIp(ip);
  return bytes?.length === 16 ? formatIp(bytes.fill(0, 8)) : ip;
}
