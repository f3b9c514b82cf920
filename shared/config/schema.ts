// THE schema of causeway.toml. Every key has a default or is required, a legal range and one line of documentation;
// docs/CONFIG.md is generated from it. Keys are refused unless listed here. Pure.

import * as v from "valibot";
import { absent, list, optional, required } from "./entries.ts";
import { baseUrl, flag, httpUrl, isHttpUrl, oneOf, pattern, secret, text } from "./fields.ts";
import { HostSchema } from "./host-schema.ts";
import { HEADER_NAME, HOST_PATTERN, isHeaderValue, isToken, NAME, TOKEN, TOKEN_FORMS } from "./names.ts";
import { RelaySchema } from "./relay-schema.ts";

export type { HostConfig } from "./host-schema.ts";
export type {
  InboundConfig,
  IngressInboundConfig,
  MixedInboundConfig,
  ProxyInboundConfig,
  TcpInboundConfig,
  UdpInboundConfig,
} from "./inbound-schema.ts";
export type { DnsConfig, OutboundConfig, RuleConfig } from "./outbound-schema.ts";
export type { RelayConfig, UserConfig } from "./relay-schema.ts";

const EdgeToken = v.strictObject({
  name: required(NAME, "Who holds the token; shown in logs."),
  role: required(
    oneOf(["viewer", "operator"]),
    "viewer reads stats and the dashboard, operator also changes things.",
  ),
  token: required(TOKEN, "The token; kept at the edge as a SHA-256 verifier only."),
});

const LogSink = v.strictObject({
  kind: required(
    oneOf(["console", "http"]),
    "console: one JSON line per request in the Worker's log, which Logpush carries on; http: batches of such lines, posted.",
  ),
  url: absent(httpUrl(), "Where batches are posted as application/x-ndjson; http only."),
  headers: optional(
    v.pipe(
      v.record(HEADER_NAME, secret("sealed", isHeaderValue, "a header value")),
      v.maxEntries(20, "at most 20 headers"),
      v.metadata({ legal: "at most 20 headers" }),
    ),
    {},
    "Request headers of the posts, such as Authorization; http only.",
  ),
});

const Edge = v.strictObject({
  channel_hosts: list(
    HOST_PATTERN,
    100,
    "Hosts that serve channels only; empty: channels are served on the control hosts.",
  ),
  tokens: list(EdgeToken, 100, "Tokens besides the admin's."),
  access_log: list(LogSink, 4, "Where hosts with access_log = true are logged."),
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
  url: absent(baseUrl(), 'Its ingress as the Worker reaches it; needed by via = "relay:NAME".'),
  key: absent(
    secret("sealed", isToken, TOKEN_FORMS),
    "Key that signs requests to its ingress, the same as the inbound's.",
  ),
});

/** The whole file. `v.safeParse` with it reports every problem at once. */
export const ConfigSchema = v.strictObject({
  edge: optional(Edge, {}, "The edge as a whole."),
  hosts: list(HostSchema, 10_000, "Reverse proxy, by Host."),
  channels: list(ChannelSchema, 10_000, "HLS channels."),
  relays: list(RelayLink, 100, "What the edge knows of relays."),
  relay: absent(RelaySchema, "The relay that reads this file; never sent to the edge."),
});

export type Config = v.InferOutput<typeof ConfigSchema>;
export type ChannelConfig = Config["channels"][number];
export type EdgeTokenConfig = Config["edge"]["tokens"][number];
export type LogSinkConfig = Config["edge"]["access_log"][number];
export type RelayLinkConfig = Config["relays"][number];
