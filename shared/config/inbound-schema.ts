// The relay's listeners in causeway.toml: one table of keys per kind, told apart by `kind`. Rules that span keys are in
// inbound-rules.ts. Pure.

import * as v from "valibot";
import { RELAY_LIMITS } from "../limits.ts";
import { parseIp } from "../net/address.ts";
import { parseHostPorts, parsePortRange, portCount } from "../net/ports.ts";
import { absent, list, optional, required } from "./entries.ts";
import { checked, cidr, duration, flag, listenAddress, oneOf, secret, transformed } from "./fields.ts";
import { isToken, NAME, TOKEN_FORMS } from "./names.ts";
import { UdpackInboundSchema } from "./udpack-schema.ts";

const RANGE_LEGAL = `of at most ${RELAY_LIMITS.FORWARD_PORTS_MAX} ports`;

const name = absent(NAME, "Its name in stats, logs and rules; the kind when absent.");
const listen = required(listenAddress(), "Address and port; port 0 takes a free one.");
const auth = optional(oneOf(["none", "password"]), "none", "none is allowed on loopback only.");
const allow = list(
  cidr(),
  1_000,
  "Client addresses that are served; empty: all. Others are disconnected before a byte is read, UDP is dropped.",
);
const from = list(
  cidr(),
  100,
  "Peers that must begin with a PROXY protocol header, version 1 or 2, which then names the client. Nobody else's is read.",
);

/** Keys of inbounds that speak SOCKS. */
const socksEntries = {
  advertise: absent(
    ipAddress(),
    "Address told to clients for BIND and UDP ASSOCIATE: behind NAT the outer one. Absent: the one in use.",
  ),
  bind_ports: absent(
    portRange(),
    "Ports on which BIND listens. Absent: any free one on loopback listeners, and no BIND on others.",
  ),
  udp_ports: absent(portRange(), "Ports on which UDP ASSOCIATE takes datagrams; absent: any free one."),
};

/** Keys of all inbounds that clients ask for targets. */
const proxyEntries = {
  name,
  listen,
  auth,
  allow,
  proxy_protocol: optional(v.strictObject({ from }), {}, "PROXY protocol of load balancers in front."),
};

const Mixed = v.strictObject({
  kind: required(oneOf(["mixed"]), "SOCKS4, 4a, 5 and HTTP proxy on one port, told apart by the first byte."),
  ...proxyEntries,
  ...socksEntries,
});

const Socks = v.strictObject({
  kind: required(oneOf(["socks"]), "SOCKS4, 4a and 5."),
  ...proxyEntries,
  ...socksEntries,
});

const Http = v.strictObject({
  kind: required(oneOf(["http"]), "HTTP proxy: CONNECT and absolute URLs."),
  ...proxyEntries,
});

const forwardEntries = {
  name,
  listen: required(
    listenRange(),
    "Address and port, or a range of ports, each forwarded to its counterpart in the target's range.",
  ),
  target: required(
    targetPorts(),
    "Where everything goes; trusted, so neither sign-in nor destination policy stand before it.",
  ),
  public: optional(
    flag(),
    false,
    "Needed to listen beyond loopback, because a forward asks for no password.",
  ),
  allow,
};

const Tcp = v.strictObject({
  kind: required(oneOf(["tcp"]), "TCP connections forwarded to one target."),
  ...forwardEntries,
  proxy_protocol: optional(
    v.strictObject({
      from,
      to: absent(
        oneOf(["v1", "v2"]),
        "tcp only: version of the PROXY protocol header that the target gets; absent: none.",
      ),
    }),
    {},
    "PROXY protocol of load balancers in front, and towards the target.",
  ),
});

const Udp = v.strictObject({
  kind: required(oneOf(["udp"]), "UDP datagrams forwarded to one target, with a session per source."),
  ...forwardEntries,
  idle_timeout: optional(
    duration("1s", "24h"),
    "60s",
    "A session without a datagram either way for this long is ended.",
  ),
});

const Ingress = v.strictObject({
  kind: required(oneOf(["ingress"]), 'Requests and WebSockets that the edge signs, for via = "relay:NAME".'),
  name,
  listen,
  key: required(
    secret("local", isToken, TOKEN_FORMS),
    "Key that the edge signs with, the same as its [[relays]] entry's.",
  ),
  allow,
});

/** Every kind of listener. */
export const InboundSchema = v.variant("kind", [Mixed, Socks, Http, Tcp, Udp, Ingress, UdpackInboundSchema]);

export type InboundConfig = v.InferOutput<typeof InboundSchema>;
export type MixedInboundConfig = Extract<InboundConfig, { kind: "mixed" }>;
export type ProxyInboundConfig = Extract<InboundConfig, { kind: "mixed" | "socks" | "http" }>;
export type TcpInboundConfig = Extract<InboundConfig, { kind: "tcp" }>;
export type IngressInboundConfig = Extract<InboundConfig, { kind: "ingress" }>;
export type UdpInboundConfig = Extract<InboundConfig, { kind: "udp" }>;
export type UdpackInboundConfig = Extract<InboundConfig, { kind: "udpack" }>;

function ipAddress() {
  return checked(
    'an IP address that clients can reach, as in "198.51.100.7"',
    (text) => parseIp(text) !== undefined && !/^(?:0\.0\.0\.0|[0:]+)$/.test(text),
  );
}

/** "40000-40100"; comes out as first and last port. */
function portRange() {
  return transformed('a port or a range of ports from 1 to 65535, as in "40000-40100"', parsePortRange);
}

/** `host:port`, `host:0` or `host:first-last`. */
function listenRange() {
  const single = listenAddress();
  const legal = `an address and a port from 0 to 65535 or a range ${RANGE_LEGAL}, as in "127.0.0.1:2222" or "127.0.0.1:3000-3010"`;
  return checked(legal, (text) => v.is(single, text) || isShortRange(text));
}

/** Where a forward leads: `host:port` or `host:first-last`. */
function targetPorts() {
  const legal = `a host and a port from 1 to 65535 or a range ${RANGE_LEGAL}, as in "10.0.0.5:22" or "[::1]:3000-3010"`;
  return checked(legal, isShortRange);
}

function isShortRange(text: string): boolean {
  const ports = parseHostPorts(text);
  return ports !== undefined && portCount(ports) <= RELAY_LIMITS.FORWARD_PORTS_MAX;
}
