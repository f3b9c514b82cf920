// IP addresses as bytes: reading their text, one canonical text each, and the IPv4 address that some IPv6 addresses carry.
// Pure: resolves nothing and judges nothing (destination.ts does).

import ipaddr from "ipaddr.js";

/** An address: 4 bytes for IPv4, 16 for IPv6, in network order. */
export type IpBytes = Uint8Array;

const DOT = 0x2e;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;

/** The usual text form of an address: dotted quad without leading zeros, or RFC 4291 section 2.2. Zone ids are refused. */
export function parseIp(text: string): IpBytes | undefined {
  const quad = parseDottedQuad(text);
  if (quad !== undefined) return quad;
  if (!text.includes(":") || text.includes("%") || !ipaddr.IPv6.isValid(text)) return undefined;
  return Uint8Array.from(ipaddr.IPv6.parse(text).toByteArray());
}

/** Read digit by digit: every connection has half a dozen of them read, and patterns cost a microsecond each. */
function parseDottedQuad(text: string): IpBytes | undefined {
  if (text.length > 15) return undefined;
  const ip = new Uint8Array(4);
  let part = 0;
  let digits = 0;
  let value = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === DOT && digits > 0 && part < 3) {
      ip[part++] = value;
      digits = 0;
      value = 0;
      continue;
    }
    const isLeadingZero = digits > 0 && value === 0;
    if (code < DIGIT_0 || code > DIGIT_9 || isLeadingZero) return undefined;
    value = value * 10 + code - DIGIT_0;
    digits++;
    if (value > 255) return undefined;
  }
  if (part !== 3 || digits === 0) return undefined;
  ip[3] = value;
  return ip;
}

/** Canonical text: dotted quad, or RFC 5952. */
export function formatIp(ip: IpBytes): string {
  if (ip.length === 4) return ip.join(".");
  return new ipaddr.IPv6([...ip]).toRFC5952String();
}

/** The one spelling of the address in `text`, IPv4-mapped ones as IPv4; undefined when it is none. */
export function canonicalIp(text: string): string | undefined {
  const ip = parseIp(text);
  // There is one spelling of an IPv4 address.
  if (ip?.length === 4) return text;
  return ip === undefined ? undefined : formatIp(isMapped(ip) ? ip.subarray(12) : ip);
}

/** `host:port` with IPv6 addresses in brackets. */
export function formatAuthority(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2): what a dual-stack socket reports for an IPv4 peer. */
function isMapped(ip: IpBytes): boolean {
  return ip.length === 16 && startsWith(ip, MAPPED);
}

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
/** Prefixes after which the last four bytes are an IPv4 address that a gateway or the kernel dials instead. */
const BEFORE_IPV4 = [
  MAPPED,
  // IPv4-translated, RFC 2765
  [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0],
  // NAT64, RFC 6052
  [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0],
] as const;
const COMPATIBLE = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/** The IPv4 address inside `ip`: mapped, translated, compatible, NAT64 or 6to4; undefined when it carries none. */
export function embeddedIpv4(ip: IpBytes): IpBytes | undefined {
  if (ip.length !== 16) return undefined;
  if (BEFORE_IPV4.some((prefix) => startsWith(ip, prefix))) return ip.subarray(12);
  // 6to4, RFC 3056: 2002:AABB:CCDD::/48
  if (ip[0] === 0x20 && ip[1] === 0x02) return ip.subarray(2, 6);
  // IPv4-compatible, RFC 4291 section 2.5.5.1; :: and ::1 are addresses of their own
  const low = ip.subarray(12);
  const isSpecial = low[0] === 0 && low[1] === 0 && low[2] === 0 && (low[3] ?? 0) <= 1;
  return startsWith(ip, COMPATIBLE) && !isSpecial ? low : undefined;
}

function startsWith(ip: IpBytes, prefix: readonly number[]): boolean {
  return prefix.every((byte, index) => ip[index] === byte);
}

/**
 * The address that `hostname` spells in any way that some resolver accepts: bracketed IPv6, a trailing dot, and IPv4 as
 * inet_aton and URLs read it (decimal, octal, hexadecimal, one to four parts). "invalid" for a number that is no
 * address, which no name may be either (URL Standard, "ends in a number"); undefined for a name.
 */
export function parseHostLiteral(hostname: string): IpBytes | "invalid" | undefined {
  const host = hostname.endsWith(".") ? hostname.slice(0, -1) : hostname;
  const quad = parseDottedQuad(host);
  if (quad !== undefined) return quad;
  if (host.startsWith("[")) {
    const ip = host.endsWith("]") ? parseIp(host.slice(1, -1)) : undefined;
    return ip?.length === 16 ? ip : "invalid";
  }
  if (host.includes(":")) return parseIp(host) ?? "invalid";
  const parts = host.split(".");
  if (!/^(?:\d+|0[xX][0-9A-Fa-f]*)$/.test(parts.at(-1) ?? "")) return undefined;
  return parseNumericIpv4(parts) ?? "invalid";
}

function parseNumericIpv4(parts: readonly string[]): IpBytes | undefined {
  if (parts.length > 4) return undefined;
  const numbers = parts.map(parseNumber);
  const last = numbers.pop() ?? Number.NaN;
  if (!numbers.every((number) => number <= 255) || !(last < 256 ** (4 - numbers.length))) return undefined;
  const value = numbers.reduce((sum, number, index) => sum + number * 256 ** (3 - index), last);
  return Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

/** One part as inet_aton reads it: 0x.. hexadecimal, 0.. octal, else decimal; NaN when it is none. */
function parseNumber(part: string): number {
  if (/^0[xX][0-9A-Fa-f]*$/.test(part)) return part.length === 2 ? 0 : Number.parseInt(part, 16);
  if (/^0[0-7]+$/.test(part)) return Number.parseInt(part, 8);
  return /^(?:0|[1-9]\d*)$/.test(part) ? Number(part) : Number.NaN;
}
