// THE schema of causeway.toml. Every key has a default or is required, a legal range and one line of documentation;
// docs/CONFIG.md is generated from it. Keys are refused unless listed here. Pure.

import * as v from "valibot";
import { LIST_LIMITS } from "../limits.ts";
import { ChannelSchema } from "./channel-schema.ts";
import { absent, list, optional, required } from "./entries.ts";
import { baseUrl, httpUrl, oneOf, secret } from "./fields.ts";
import { HostSchema } from "./host-schema.ts";
import { ChannelImportSchema, GuideSchema } from "./lists-schema.ts";
import { HEADER_NAME, HOST_PATTERN, isHeaderValue, isToken, NAME, TOKEN, TOKEN_FORMS } from "./names.ts";
import { RelaySchema } from "./relay-schema.ts";
import { SigningKeySchema, ViewerSchema } from "./viewer-schema.ts";

export { type ChannelConfig, ChannelSchema, type SourceConfig } from "./channel-schema.ts";
export type { HostConfig } from "./host-schema.ts";
export type {
  InboundConfig,
  IngressInboundConfig,
  MixedInboundConfig,
  ProxyInboundConfig,
  TcpInboundConfig,
  UdpackInboundConfig,
  UdpInboundConfig,
} from "./inbound-schema.ts";
export type { ChannelImportConfig, GuideConfig } from "./lists-schema.ts";
export type { DnsConfig, OutboundConfig, RuleConfig, UdpackOutboundConfig } from "./outbound-schema.ts";
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
  signing_keys: list(
    SigningKeySchema,
    10,
    "Keys of channels' signed addresses: the first signs, all verify; empty: one derived from ROOT_KEY.",
  ),
  access_log: list(LogSink, 4, "Where hosts with access_log = true are logged."),
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
  channel_imports: list(
    ChannelImportSchema,
    LIST_LIMITS.IMPORTS_MAX,
    "Providers' lists, imported as channels.",
  ),
  guides: list(
    GuideSchema,
    LIST_LIMITS.GUIDES_MAX,
    "Programme guides for /epg.xml. The first that has a channel serves it, those of imports before these.",
  ),
  viewers: list(
    ViewerSchema,
    10_000,
    "Subscribers: who may watch which channels, with a channel list of their own.",
  ),
  relays: list(RelayLink, 100, "What the edge knows of relays."),
  relay: absent(RelaySchema, "The relay that reads this file; never sent to the edge."),
});

export type Config = v.InferOutput<typeof ConfigSchema>;
export type EdgeTokenConfig = Config["edge"]["tokens"][number];
export type SigningKeyConfig = Config["edge"]["signing_keys"][number];
export type ViewerConfig = Config["viewers"][number];
export type LogSinkConfig = Config["edge"]["access_log"][number];
export type RelayLinkConfig = Config["relays"][number];
