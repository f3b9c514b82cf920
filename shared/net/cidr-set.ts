// A set of address ranges that answers by one look-up per prefix length in use, however many ranges there are. Pure.

import { NET_LIMITS } from "../limits.ts";
import { type IpBytes, parseIp } from "./address.ts";
import { parseCidr } from "./cidr.ts";

/** Leading bytes of an IPv4-mapped range (RFC 4291 section 2.5.5.2); the address itself is what counts. */
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
const MAPPED_BITS = 96;

/** Ranges of one length: their first bits, as a number for IPv4 and as text of the kept bytes for IPv6. */
interface Length {
  readonly prefix: number;
  readonly ranges: Set<number | string>;
}

export class CidrSet {
  /** By family, the length of an address in bytes. */
  readonly #families: Readonly<Record<4 | 16, Length[]>> = { 4: [], 16: [] };

  /** Texts that are no ranges are left out: the schema has refused them before. */
  constructor(ranges: readonly string[]) {
    for (const range of ranges) {
      const cidr = parseCidr(range);
      if (cidr === undefined) continue;
      const isMapped = cidr.prefix >= MAPPED_BITS && cidr.ip.length === 16 && startsMapped(cidr.ip);
      if (isMapped) this.#add(cidr.ip.subarray(12), cidr.prefix - MAPPED_BITS);
      else this.#add(cidr.ip, cidr.prefix);
    }
  }

  /** Whether an address is in the set; text that is none is in no set. IPv4-mapped addresses count as IPv4. */
  has(text: string): boolean {
    const ip = recentIp(text);
    if (ip === undefined) return false;
    for (const { prefix, ranges } of this.#lengths(ip)) if (ranges.has(firstBits(ip, prefix))) return true;
    return false;
  }

  #add(ip: IpBytes, prefix: number): void {
    const lengths = this.#lengths(ip);
    let length = lengths.find((known) => known.prefix === prefix);
    if (length === undefined) {
      length = { prefix, ranges: new Set() };
      lengths.push(length);
    }
    length.ranges.add(firstBits(ip, prefix));
  }

  #lengths(ip: IpBytes): Length[] {
    return this.#families[ip.length === 4 ? 4 : 16];
  }
}

/** One request asks several sets about one address, and its client comes back: reading the text costs more than the look-up. */
const recent = new Map<string, IpBytes>();

function recentIp(text: string): IpBytes | undefined {
  const known = recent.get(text);
  if (known !== undefined) return known;
  const ip = parseIp(text);
  const plain = ip?.length === 16 && startsMapped(ip) ? ip.subarray(12) : ip;
  if (recent.size >= NET_LIMITS.RECENT_ADDRESSES_MAX) recent.clear();
  if (plain !== undefined) recent.set(text, plain);
  return plain;
}

function startsMapped(ip: IpBytes): boolean {
  return MAPPED.every((byte, index) => ip[index] === byte);
}

/** The first `prefix` bits, in one form per family. */
function firstBits(ip: IpBytes, prefix: number): number | string {
  if (ip.length === 4) return prefix === 0 ? 0 : numberOf(ip) >>> (32 - prefix);
  const whole = prefix >> 3;
  const rest = prefix & 7;
  const kept = String.fromCharCode(...ip.subarray(0, whole));
  return rest === 0 ? kept : kept + String.fromCharCode((ip[whole] ?? 0) & ((0xff << (8 - rest)) & 0xff));
}

function numberOf(ip: IpBytes): number {
  return ((ip[0] ?? 0) << 24) | ((ip[1] ?? 0) << 16) | ((ip[2] ?? 0) << 8) | (ip[3] ?? 0);
}
