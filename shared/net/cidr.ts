// Address ranges in CIDR notation, and tables of them that answer by the longest prefix. Pure.

import { type IpBytes, parseIp } from "./address.ts";

/** A range: its first bytes, of which `prefix` bits count. IPv4 and IPv6 ranges never contain each other's addresses. */
export interface Cidr {
  readonly ip: IpBytes;
  /** Length in bits: 0 to 32 or 0 to 128. */
  readonly prefix: number;
}

/** Reads "10.0.0.0/8" or "fc00::/7"; a bare address is a range of one. Undefined when it is neither. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = "", length, ...more] = text.split("/");
  const ip = parseIp(address);
  if (ip === undefined || more.length > 0) return undefined;
  const bits = ip.length * 8;
  if (length === undefined) return { ip, prefix: bits };
  const prefix = /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN;
  return prefix <= bits ? { ip, prefix } : undefined;
}

export function cidrContains({ ip: range, prefix }: Cidr, ip: IpBytes): boolean {
  if (range.length !== ip.length) return false;
  const whole = prefix >> 3;
  for (let index = 0; index < whole; index++) if (range[index] !== ip[index]) return false;
  const rest = prefix & 7;
  if (rest === 0) return true;
  const mask = (0xff << (8 - rest)) & 0xff;
  return ((range[whole] ?? 0) & mask) === ((ip[whole] ?? 0) & mask);
}

/** Values by range; the longest range that contains an address decides. */
export class CidrTable<T> {
  readonly #entries: readonly (readonly [Cidr, T])[];

  /** @throws RangeError for a range that cannot be read: tables are written by programmers */
  constructor(entries: readonly (readonly [range: string, value: T])[]) {
    const parsed = entries.map(([text, value]) => {
      const cidr = parseCidr(text);
      if (cidr === undefined) throw new RangeError(`Cannot read the range "${text}"`);
      return [cidr, value] as const;
    });
    this.#entries = parsed.sort(([a], [b]) => b.prefix - a.prefix);
  }

  find(ip: IpBytes): T | undefined {
    return this.#entries.find(([cidr]) => cidrContains(cidr, ip))?.[1];
  }
}
