// What the upstream is told about the client. Whatever a client claims about itself is replaced, never appended to: an
// upstream that trusts the first address of X-Forwarded-For would otherwise believe anybody. Only what proxies say that the
// operator trusts is kept, from the client that they name on. Pure.

import { canonicalIp } from "../net/address.ts";

/**
 * Other spellings of the client's address, of the host, the scheme and the path that upstreams are known to trust: an
 * upstream that takes them from a field would answer for what routing never saw. "proxy" becomes HTTP_PROXY in CGI.
 */
export const CLAIMS = [
  "forwarded",
  "forwarded-for",
  "x-forwarded",
  "x-forwarded-by",
  "x-forwarded-path",
  "x-forwarded-port",
  "x-forwarded-prefix",
  "x-forwarded-protocol",
  "x-forwarded-scheme",
  "x-forwarded-server",
  "x-forwarded-ssl",
  "x-forwarded-uri",
  "x-url-scheme",
  "front-end-https",
  "x-real-ip",
  "x-client-ip",
  "x-cluster-client-ip",
  "x-original-forwarded-for",
  "x-originating-ip",
  "x-remote-addr",
  "x-remote-ip",
  "client-ip",
  "http-client-ip",
  "http-x-forwarded-for",
  "proxy-client-ip",
  "wl-proxy-client-ip",
  "cf-connecting-ip",
  "cf-connecting-ipv6",
  "cf-pseudo-ipv4",
  "cf-visitor",
  "true-client-ip",
  "fastly-client-ip",
  "x-azure-clientip",
  "x-envoy-external-address",
  "x-host",
  "x-original-host",
  "x-http-host-override",
  "x-forwarded-host-override",
  "x-real-host",
  "x-backend-host",
  "x-envoy-original-path",
  "x-original-uri",
  "x-original-url",
  "x-request-uri",
  "x-rewrite-url",
  "proxy",
] as const;

/** Fields that are set on every request. */
export const FORWARDED_FIELDS = ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"] as const;

/** What all fields are called in which some front or other tells of the client; "x-forwarded-user" is who signed in there. */
export const FORWARDED_FAMILY = "x-forwarded-";

/** How a request came here, as the trusted proxies that handed it on tell. */
export interface Arrival {
  /** The client's own address: the nearest one that is no trusted proxy's. */
  readonly clientIp: string;
  /** How the client reached the first proxy. */
  readonly scheme: "http" | "https";
  /** The host, with its port, that the client asked for. */
  readonly host: string;
  /** Addresses that the request came through, the client's first, the direct peer's last. */
  readonly chain: readonly string[];
}

/** What the edge itself sees of a request. */
export interface Seen {
  /** Address of the direct peer, canonical. */
  readonly peer: string;
  readonly scheme: "http" | "https";
  readonly host: string;
}

/** Proxies in a row that are believed; further ones would be a loop, or made up. */
const HOPS_MAX = 32;
/** Of a longer list only the end is read: that is where the nearest proxies have written. */
const LIST_CHARS_MAX = 8_192;

/** What one proxy says: whom it had the request from, and how that one asked. */
interface Hop {
  readonly from: string | undefined;
  readonly scheme: string | undefined;
  readonly host: string | undefined;
}

/**
 * Reads the words of trusted proxies, nearest first, as far as each one's address is trusted. X-Forwarded-For counts; only
 * without it Forwarded does: a proxy that writes one of them hands the other one through as its client made it up.
 * `isTrusted` has said yes to `seen.peer` already.
 */
export function readArrival(headers: Headers, seen: Seen, isTrusted: (ip: string) => boolean): Arrival {
  const hops = hopsOf(headers);
  const chain = [seen.peer];
  let { scheme, host } = seen;
  for (const hop of hops.reverse()) {
    const nearest = chain[0] ?? seen.peer;
    if (!isTrusted(nearest)) break;
    scheme = schemeOf(hop.scheme) ?? scheme;
    host = hostOf(hop.host) ?? host;
    if (hop.from === undefined) break;
    // Cloudflare's network has added the direct peer already.
    if (hop.from !== seen.peer || chain.length > 1) chain.unshift(hop.from);
  }
  return { clientIp: chain[0] ?? seen.peer, scheme, host, chain };
}

function hopsOf(headers: Headers): Hop[] {
  const forwardedFor = headers.get("x-forwarded-for");
  const forwarded = forwardedFor === null ? headers.get("forwarded") : null;
  if (forwarded !== null) return forwardedHops(forwarded);
  const addresses = listOf(forwardedFor);
  const schemes = listOf(headers.get("x-forwarded-proto"));
  const hosts = listOf(headers.get("x-forwarded-host"));
  // A proxy that names no address still tells how it was asked.
  if (addresses.length === 0) return [{ from: undefined, scheme: schemes.at(-1), host: hosts.at(-1) }];
  const first = Math.max(0, addresses.length - HOPS_MAX);
  return addresses.slice(first).map((address, index) => ({
    from: addressOf(address),
    scheme: inStep(schemes, addresses.length, first + index),
    host: inStep(hosts, addresses.length, first + index),
  }));
}

/** Proxies that add to one list and replace another one leave lists of unlike lengths: then the last word counts. */
function inStep(list: readonly string[], length: number, index: number): string | undefined {
  return list.length === length ? list[index] : list.at(-1);
}

function listOf(value: string | null): string[] {
  if (value === null) return [];
  const items = value.slice(-LIST_CHARS_MAX).split(",");
  if (value.length > LIST_CHARS_MAX) items.shift();
  return items.map((item) => item.trim()).filter((item) => item !== "");
}

/** The elements of Forwarded (RFC 7239 §4); what is malformed or endless says nothing. */
function forwardedHops(value: string): Hop[] {
  if (value.length > LIST_CHARS_MAX) return [];
  return splitOutsideQuotes(value, ",").slice(-HOPS_MAX).map(hopOf);
}

function hopOf(element: string): Hop {
  const pairs = new Map<string, string>();
  for (const pair of splitOutsideQuotes(element, ";")) {
    const at = pair.indexOf("=");
    if (at > 0) pairs.set(pair.slice(0, at).trim().toLowerCase(), unquoted(pair.slice(at + 1).trim()));
  }
  return { from: addressOf(pairs.get("for") ?? ""), scheme: pairs.get("proto"), host: pairs.get("host") };
}

/**
 * Walks each character once, whatever the text. Without parts where a quote is not closed: a client could open one to have
 * the words of the proxy behind it taken for its own.
 */
function splitOutsideQuotes(text: string, separator: string): string[] {
  const parts: string[] = [];
  let from = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') quoted = !quoted;
    else if (quoted && char === "\\") at++;
    else if (!quoted && char === separator) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  return quoted ? [] : [...parts, text.slice(from)];
}

function unquoted(text: string): string {
  return text.length > 1 && text.startsWith('"') && text.endsWith('"')
    ? text.slice(1, -1).replace(/\\(.)/g, "$1")
    : text;
}

/** An address with or without a port: "192.0.2.1:80", "[2001:db8::1]:80", "2001:db8::1". */
function addressOf(text: string): string | undefined {
  const bare = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? text.replace(/^([^:]*):\d+$/, "$1");
  return canonicalIp(bare);
}

function schemeOf(text: string | undefined): "http" | "https" | undefined {
  const scheme = text?.toLowerCase();
  return scheme === "http" || scheme === "https" ? scheme : undefined;
}

function hostOf(text: string | undefined): string | undefined {
  if (text === undefined || !/^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/.test(text))
    return undefined;
  return text.toLowerCase();
}

/** The Forwarded field (RFC 7239) for the upstream: how the client asked, and every address since. */
export function forwardedField(arrival: Arrival): string {
  return arrival.chain
    .map((address, index) =>
      index === 0
        ? `for=${nodeOf(address)};host=${quotedIfNeeded(arrival.host)};proto=${arrival.scheme}`
        : `for=${nodeOf(address)}`,
    )
    .join(", ");
}

/** RFC 7239 §6: IPv6 addresses stand in brackets, and so in quotes. */
function nodeOf(address: string): string {
  return address.includes(":") ? `"[${address}]"` : address;
}

function quotedIfNeeded(text: string): string {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text) ? text : `"${text.replace(/[^ !#-[\]-~]/g, "")}"`;
}
