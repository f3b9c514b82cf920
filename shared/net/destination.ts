// What kind of place an address or a host name is, so that nobody is sent to fetch from places that only look public
// (SSRF). Sources: the IANA special-purpose address registries (RFC 6890) and the clouds' metadata addresses. Pure: names
// are not resolved, so whoever resolves one must classify each address that comes back and dial exactly that address.

import { embeddedIpv4, type IpBytes, parseHostLiteral } from "./address.ts";
import { CidrTable } from "./cidr.ts";

/** `shared` is carrier-grade NAT (RFC 6598); `metadata` are the addresses where clouds hand out credentials. */
export type AddressClass =
  | "public"
  | "loopback"
  | "private"
  | "shared"
  | "link_local"
  | "metadata"
  | "multicast"
  | "unspecified"
  | "reserved";

/** `name` is a name that says nothing about where it leads. */
export type HostClass = AddressClass | "name";

const CLASSES = new CidrTable<AddressClass>([
  ["0.0.0.0/0", "public"],
  ["0.0.0.0/8", "reserved"],
  ["0.0.0.0/32", "unspecified"],
  ["10.0.0.0/8", "private"],
  ["100.64.0.0/10", "shared"],
  ["100.100.100.200/32", "metadata"],
  ["127.0.0.0/8", "loopback"],
  ["168.63.129.16/32", "metadata"],
  ["169.254.0.0/16", "link_local"],
  ["169.254.169.254/32", "metadata"],
  ["169.254.170.2/32", "metadata"],
  ["169.254.170.23/32", "metadata"],
  ["172.16.0.0/12", "private"],
  ["192.0.0.0/24", "reserved"],
  ["192.0.0.192/32", "metadata"],
  ["192.0.2.0/24", "reserved"],
  ["192.88.99.0/24", "reserved"],
  ["192.168.0.0/16", "private"],
  ["198.18.0.0/15", "reserved"],
  ["198.51.100.0/24", "reserved"],
  ["203.0.113.0/24", "reserved"],
  ["224.0.0.0/4", "multicast"],
  ["240.0.0.0/4", "reserved"],
  // Only 2000::/3 is global unicast; everything else is special or unassigned.
  ["::/0", "reserved"],
  ["::/128", "unspecified"],
  ["::1/128", "loopback"],
  ["64:ff9b:1::/48", "private"],
  ["2000::/3", "public"],
  ["2001::/23", "reserved"],
  ["2001:db8::/32", "reserved"],
  ["3fff::/20", "reserved"],
  ["fc00::/7", "private"],
  ["fd00:ec2::/32", "metadata"],
  ["fd20:ce::254/128", "metadata"],
  ["fe80::/10", "link_local"],
  ["fec0::/10", "private"],
  ["ff00::/8", "multicast"],
]);

/** The class of an address; an IPv6 address that carries an IPv4 one has the class of that one. */
export function classifyIp(ip: IpBytes): AddressClass {
  return CLASSES.find(embeddedIpv4(ip) ?? ip) ?? "reserved";
}

/** Whether an address, written in its usual form or any other, is on the public internet; false for names. */
export function isPublicAddress(address: string): boolean {
  return classifyHost(address) === "public";
}

const NAMES: Readonly<Record<string, AddressClass>> = {
  localhost: "loopback",
  "ip6-localhost": "loopback",
  "ip6-loopback": "loopback",
  metadata: "metadata",
  "metadata.google.internal": "metadata",
  "metadata.goog": "metadata",
  "instance-data": "metadata",
  "instance-data.ec2.internal": "metadata",
};
/** Names below these never lead to the public internet: RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`. */
const DOMAINS: readonly (readonly [suffix: string, AddressClass])[] = [
  [".localhost", "loopback"],
  [".localdomain", "loopback"],
  [".local", "private"],
  [".internal", "private"],
  [".home.arpa", "private"],
];

/**
 * The class of what stands in a URL's or a request's host, in any spelling: every literal form of addresses, a trailing
 * dot, upper case, full-width characters. A number that is no address is `reserved`, and so is an empty host.
 */
export function classifyHost(hostname: string): HostClass {
  const host = foldHost(hostname);
  if (host === "") return "reserved";
  const literal = parseHostLiteral(host);
  if (literal === "invalid") return "reserved";
  if (literal !== undefined) return classifyIp(literal);
  const named = Object.hasOwn(NAMES, host) ? NAMES[host] : undefined;
  return named ?? DOMAINS.find(([suffix]) => host.endsWith(suffix))?.[1] ?? "name";
}

/** Lower case, compatibility characters as what they stand for (UTS 46 does so before a name is looked up). */
function foldHost(hostname: string): string {
  const plain = hostname.normalize("NFKC").replaceAll("\u3002", ".").toLowerCase();
  return plain.endsWith(".") ? plain.slice(0, -1) : plain;
}
