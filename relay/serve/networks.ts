// The networks of the local edge, each a service binding of Miniflare.

import { getCACertificates } from "node:tls";

/** What workerd counts as public although nothing there is anybody's server: IANA's special-purpose registries. */
const SPECIAL = [
  "0.0.0.0/8",
  "100.64.0.0/10",
  "168.63.129.16/32",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3",
  "::/96",
  "::ffff:0:0:0/96",
  "64:ff9b:1::/48",
  "2001::/23",
  "2001:db8::/32",
  "2002::/16",
  "3fff::/20",
  "fc00::/6",
  "ff00::/8",
];

/** Private IPv4 addresses behind the NAT64 prefix (RFC 6052): networks without IPv4 reach all of IPv4 by it. */
const TRANSLATED = [
  "64:ff9b::/104",
  "64:ff9b::a00:0/104",
  "64:ff9b::6440:0/106",
  "64:ff9b::7f00:0/104",
  "64:ff9b::a83f:8110/128",
  "64:ff9b::a9fe:0/112",
  "64:ff9b::ac10:0/108",
  "64:ff9b::c000:0/120",
  "64:ff9b::c0a8:0/112",
];

/** Reaches what the configuration names: whatever Miniflare's own network does, which lies behind a Worker of Miniflare's. */
export function originNetwork() {
  return networkOf(["public", "private"], []);
}

/**
 * Reaches what origins name: it connects to public addresses only, judged when the connection is made, so that no name that
 * resolves to a private address leads into this machine's networks.
 */
export function publicNetwork() {
  return networkOf(["public"], [...SPECIAL, ...TRANSLATED]);
}

function networkOf(allow: string[], deny: string[]) {
  // As Miniflare's own network has it: NODE_EXTRA_CA_CERTS counts for all.
  const tlsOptions = { trustBrowserCas: true, trustedCertificates: getCACertificates("extra") };
  return { network: { allow, deny, tlsOptions } };
}
