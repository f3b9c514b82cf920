// THE schema of causeway.toml. Every key has a default or is required, a legal range and one line of documentation;
// docs/CONFIG.md is generated from it. Keys are refused unless listed here. Pure.

import * as v from "valibot";
import {
  baseUrl,
  duration,
  flag,
  httpUrl,
  integer,
  isHttpUrl,
  listenAddress,
  oneOf,
  pattern,
  routePath,
  secret,
  size,
  text,
} from "./fields.ts";

const NAME = pattern(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/, "1 to 63 letters, digits, - or _");
const TOKEN_FORMS = "16 to 512 printable ASCII characters without spaces";
const TOKEN = secret("verifier", isToken, TOKEN_FORMS);
const HOST_PATTERN = pattern(
  /^(\*\.)?[^\s*/:?#@[\]\\]{1,253}$/,
  'a host name without port, as in "app.example.com" or "*.example.com"',
);
const HEADER_NAME = pattern(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, "a header name");

function isToken(value: string): boolean {
  return /^[!-~]{16,512}$/.test(value);
}

/** Text that can stand in a header: no control characters but the tab. */
function isHeaderValue(value: string): boolean {
  return /^[\t -~\u0080-\uffff]{0,4000}$/.test(value);
}

/** Costs are bounded (1 to 128 MiB of memory): a mistyped one would stop the relay at the first login. */
function isPasswordHash(value: string): boolean {
  return /^scrypt:1[0-7]:[1-8]:[1-8]:[A-Za-z0-9_-]{22,64}:[A-Za-z0-9_-]{43}$/.test(value);
}

/** A documented key with a default: absent means `fallback`, written as it would stand in the file. */
function optional<T extends v.GenericSchema>(schema: T, fallback: v.InferInput<T>, doc: string) {
  return v.pipe(v.optional(schema, fallback as never), v.metadata({ doc, fallback }));
}

/** A documented key that may be absent. */
function absent<T extends v.GenericSchema>(schema: T, doc: string) {
  return v.pipe(v.optional(schema), v.metadata({ doc }));
}

/** A documented key that must be there. */
function required<T extends v.GenericSchema>(schema: T, doc: string) {
  return v.pipe(schema, v.metadata({ doc, required: true }));
}

/** A documented list or table of tables, empty by default, of at most `max` entries. */
function list<T extends v.GenericSchema>(item: T, max: number, doc: string) {
  const legal = `at most ${max} entries`;
  return v.pipe(
    v.optional(v.pipe(v.array(item, "a list"), v.maxLength(max, legal)), []),
    v.metadata({ doc, fallback: [], legal }),
  );
}

const EdgeToken = v.strictObject({
  name: required(NAME, "Who holds the token; shown in logs."),
  role: required(
    oneOf(["viewer", "operator"]),
    "viewer reads stats and the dashboard, operator also changes things.",
  ),
  token: required(TOKEN, "The token; kept at the edge as a SHA-256 verifier only."),
});

const Edge = v.strictObject({
  channel_hosts: list(
    HOST_PATTERN,
    100,
    "Hosts that serve channels only; empty: channels are served on the control hosts.",
  ),
  tokens: list(EdgeToken, 100, "Tokens besides the admin's."),
});

const Upstream = v.union(
  [
    baseUrl(),
    v.strictObject({
      url: required(baseUrl(), "Base URL; its path is put before the request's."),
      weight: optional(integer(1, 1_000), 1, "Share of the requests under the policy weighted."),
    }),
  ],
  "a URL, or a table with url and weight",
);

const HostWebSocket = v.strictObject({
  meter: optional(flag(), true, "Count frames and bytes; false hands the socket through untouched."),
  idle_timeout: optional(
    duration("1s", "24h"),
    "10m",
    "A metered socket without frames for this long is closed 1001.",
  ),
});

const Host = v.strictObject({
  host: required(HOST_PATTERN, "Exact name, or a wildcard for one or more labels below a name."),
  path: optional(
    routePath(),
    "/*",
    'The longest matching path wins; a final "*" stands for everything below.',
  ),
  upstreams: required(
    v.pipe(
      v.array(Upstream, "a list of URLs"),
      v.minLength(1, "1 to 64 entries"),
      v.maxLength(64, "1 to 64 entries"),
      v.metadata({ legal: "1 to 64 entries" }),
    ),
    "Origins that answer for this host.",
  ),
  policy: optional(
    oneOf(["random", "weighted", "round_robin", "first", "ip_hash"]),
    "random",
    "How an upstream is chosen; round_robin counts per isolate.",
  ),
  max_connections: optional(
    integer(1, 1_000_000),
    1_000,
    "Open requests and sockets per isolate, unmetered ones until their reply begins; 503 with Retry-After beyond it.",
  ),
  max_body: optional(size("0B", "100TiB"), "100MiB", "Largest request body; 413 beyond it."),
  meter: optional(flag(), true, "Count bodies; false passes them untouched and counts requests only."),
  response_header_timeout: optional(
    duration("100ms", "10m"),
    "10s",
    "504 when the upstream's headers take longer; a slow body is not cut.",
  ),
  retries: optional(
    integer(0, 5),
    1,
    "Further attempts, on another upstream if there is one, for requests that can be repeated.",
  ),
  websocket: optional(HostWebSocket, {}, "WebSocket passthrough."),
});

/** One channel, stored and loaded as a record of its own. */
export const ChannelSchema = v.strictObject({
  id: required(
    pattern(/^ch_[A-Za-z0-9_-]{1,60}$/, "ch_ and 1 to 60 letters, digits, - or _"),
    "The channel's address is /proxy/ID/stream.m3u8.",
  ),
  name: optional(text(200), "", "Shown in players; the id when empty."),
  group: optional(text(200), "", "Group in the channel list."),
  logo: absent(httpUrl(), "Picture in the channel list."),
  tvg_id: optional(text(200), "", "Id in the programme guide."),
  sources: required(
    v.pipe(
      v.array(secret("sealed", isHttpUrl, "an http:// or https:// playlist URL"), "a list of one URL"),
      v.length(1, "one entry"),
      v.metadata({ legal: "one entry" }),
    ),
    "The origin's playlist.",
  ),
  headers: optional(
    v.pipe(
      v.record(HEADER_NAME, secret("sealed", isHeaderValue, "a header value")),
      v.maxEntries(50, "at most 50 headers"),
      v.metadata({ legal: "at most 50 headers" }),
    ),
    {},
    "Request headers sent to the origin, such as User-Agent and Referer; Authorization and Cookie to the source's own host only.",
  ),
  ignore_query: list(text(100, 1), 50, "Query names left out of the cache key."),
  forward_query: list(
    text(100, 1),
    50,
    "Viewers' query names passed to the origin and keyed; _HLS_* always are.",
  ),
  hide_query: optional(flag(), true, "Seal the queries of the origin's children."),
});

const RelayLink = v.strictObject({
  name: required(NAME, "The relay's name, the same as its [relay] name."),
  token: required(TOKEN, "Token of its control link; kept at the edge as a SHA-256 verifier only."),
});

const User = v.strictObject({
  name: required(
    pattern(/^[!-9;-~]{1,255}$/, "1 to 255 printable ASCII characters without colon or space"),
    "User name of SOCKS5 and of HTTP Basic.",
  ),
  password: required(
    secret("local", isPasswordHash, '"scrypt:…" as "causeway hash" prints it'),
    "The password's hash.",
  ),
});

const MixedInbound = v.strictObject({
  kind: required(oneOf(["mixed"]), "mixed: SOCKS5 and HTTP proxy on one port, told apart by the first byte."),
  listen: required(listenAddress(), "Address and port; port 0 takes a free one."),
  auth: optional(oneOf(["none", "password"]), "none", "none is allowed on loopback only."),
});

const Relay = v.strictObject({
  name: optional(NAME, "main", "The relay's name at the edge and in stats."),
  edge: absent(
    pattern(/^wss?:\/\/[^\s/?#]{1,300}\/?$/, 'ws:// or wss:// and a host, as in "wss://edge.example.com"'),
    "Edge of the control link; plain ws:// to loopback only. Absent: no link.",
  ),
  edge_token: absent(secret("local", isToken, TOKEN_FORMS), "Token of the control link; needed with edge."),
  idle_timeout: optional(
    duration("1s", "24h"),
    "10m",
    "A connection without bytes either way for this long is ended.",
  ),
  drain_timeout: optional(duration("0s", "1h"), "10s", "How long SIGTERM waits for open connections."),
  users: list(User, 10_000, 'Who may use inbounds with auth = "password".'),
  inbounds: list(MixedInbound, 100, "Listeners."),
});

/** The whole file. `v.safeParse` with it reports every problem at once. */
export const ConfigSchema = v.strictObject({
  edge: optional(Edge, {}, "The edge as a whole."),
  hosts: list(Host, 10_000, "Reverse proxy, by Host."),
  channels: list(ChannelSchema, 10_000, "HLS channels."),
  relays: list(RelayLink, 100, "What the edge knows of relays."),
  relay: absent(Relay, "The relay that reads this file; never sent to the edge."),
});

export type Config = v.InferOutput<typeof ConfigSchema>;
export type HostConfig = Config["hosts"][number];
export type ChannelConfig = Config["channels"][number];
export type EdgeTokenConfig = Config["edge"]["tokens"][number];
export type RelayLinkConfig = Config["relays"][number];
export type RelayConfig = NonNullable<Config["relay"]>;
export type InboundConfig = RelayConfig["inbounds"][number];
export type UserConfig = RelayConfig["users"][number];
