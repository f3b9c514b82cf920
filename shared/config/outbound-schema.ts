// How connections leave the relay, in causeway.toml: outbounds, the rules that choose one, name resolution. Rules that span
// keys are in outbound-rules.ts. Pure.

import * as v from "valibot";
import { parseIp } from "../net/address.ts";
import { parseHostPorts, parsePortRange } from "../net/ports.ts";
import { absent, list, optional, required } from "./entries.ts";
import { checked, cidr, duration, flag, oneOf, secret, text, transformed } from "./fields.ts";
import { HOST_PATTERN, NAME, USER_NAME } from "./names.ts";
import { UdpackOutboundSchema } from "./udpack-schema.ts";

const name = required(
  NAME,
  'Its name in rules and in via; not "direct" or "reject", which are always there.',
);

const Direct = v.strictObject({
  kind: required(oneOf(["direct"]), "Targets are dialled by the relay itself."),
  name,
  bind: required(boundAddresses(), "Local addresses to dial from; a family without one is not used."),
});

/** Keys of upstream proxies. */
const proxyEntries = {
  name,
  server: required(serverAddress(), "Where the upstream proxy listens."),
  user: absent(USER_NAME, "User name at the proxy."),
  password: absent(
    secret("local", isProxyPassword, "text of 1 to 255 bytes without control characters"),
    "Password at the proxy; needed with user.",
  ),
  via: optional(NAME, "direct", "The outbound by which the proxy itself is reached: so chains are made."),
};

const Socks = v.strictObject({
  kind: required(oneOf(["socks"]), "Upstream SOCKS proxy. Names are resolved there."),
  ...proxyEntries,
  version: optional(oneOf(["5", "4"]), "5", "4 is SOCKS4a: without password and without IPv6."),
});

const Http = v.strictObject({
  kind: required(oneOf(["http"]), "Upstream HTTP proxy, by CONNECT. Names are resolved there."),
  ...proxyEntries,
  tls: optional(flag(), false, "Speak TLS with the proxy; its certificate is verified."),
});

/** Every kind of outbound. */
export const OutboundSchema = v.variant("kind", [Direct, Socks, Http, UdpackOutboundSchema]);

/** One rule. Of each list one entry has to fit; an empty list fits everything. */
export const RuleSchema = v.strictObject({
  domains: list(HOST_PATTERN, 10_000, 'Names of targets, as in "app.example.com" or "*.example.com".'),
  cidrs: list(cidr(), 10_000, "Ranges of targets' addresses; names are resolved for it."),
  ports: list(portRange(), 100, "Ports of targets."),
  users: list(USER_NAME, 10_000, "Names of users."),
  inbounds: list(NAME, 100, "Names or kinds of inbounds."),
  outbound: optional(NAME, "direct", 'An outbound\'s name, "direct" or "reject".'),
  private: optional(
    flag(),
    false,
    "Private and loopback addresses may be reached by it; without it only listeners on loopback may.",
  ),
});

export const DnsSchema = v.strictObject({
  servers: list(dnsServer(), 8, "Name servers, the next one asked when one fails; empty: the system's."),
  hosts_file: absent(
    text(1_000),
    "Path of the hosts file, which is asked first; absent: the system's, empty: none.",
  ),
  min_ttl: optional(duration("0s", "1h"), "5s", "Answers are kept for this long at least."),
  max_ttl: optional(duration("0s", "24h"), "5m", "Answers are kept for this long at most."),
  family: optional(
    oneOf(["ipv6_first", "ipv4_first", "ipv6", "ipv4"]),
    "ipv6_first",
    "Order in which a name's addresses are tried, in turn; or the only family asked for.",
  ),
});

export type OutboundConfig = v.InferOutput<typeof OutboundSchema>;
export type UdpackOutboundConfig = Extract<OutboundConfig, { kind: "udpack" }>;
export type RuleConfig = v.InferOutput<typeof RuleSchema>;
export type DnsConfig = v.InferOutput<typeof DnsSchema>;

function boundAddresses() {
  const legal = "a list of one address, or of one IPv4 and one IPv6 address";
  const item = "an address of this machine";
  const isOnePerFamily = (addresses: string[]): boolean => {
    const families = addresses.map((address) => parseIp(address)?.length);
    return addresses.length > 0 && new Set(families).size === addresses.length;
  };
  const address = checked(item, (value) => parseIp(value) !== undefined);
  return v.pipe(
    v.array(address, legal),
    v.check(isOnePerFamily, legal),
    v.metadata({ legal: "one or two entries" }),
  );
}

/** `host:port` of an upstream proxy. */
function serverAddress() {
  const legal = 'a host and a port from 1 to 65535, as in "proxy.example.com:1080" or "[2001:db8::1]:1080"';
  return transformed(legal, (value) => {
    const ports = parseHostPorts(value);
    return ports !== undefined && ports.first === ports.last ? ports : undefined;
  });
}

/** "443" or "8000-8100"; comes out as first and last port. */
function portRange() {
  return transformed(
    'a port or a range of ports from 1 to 65535, as in "443" or "8000-8100"',
    parsePortRange,
  );
}

function dnsServer() {
  const legal = 'an address, with or without a port, as in "9.9.9.9", "127.0.0.1:5353" or "[2620:fe::fe]:53"';
  return checked(legal, (value) => {
    if (parseIp(value) !== undefined) return true;
    const ports = parseHostPorts(value);
    return ports !== undefined && ports.first === ports.last && parseIp(ports.host) !== undefined;
  });
}

/** RFC 1929 has one byte for the length. */
function isProxyPassword(value: string): boolean {
  return /^[^\p{Cc}]{1,255}$/u.test(value) && new TextEncoder().encode(value).length <= 255;
}
