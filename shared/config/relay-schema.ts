// The relay's part of causeway.toml: listeners, users, control link. It never leaves the machine whose file it stands in.

import * as v from "valibot";
import { absent, list, optional, required } from "./entries.ts";
import { duration, isKeptSecret, pattern, secret } from "./fields.ts";
import { InboundSchema } from "./inbound-schema.ts";
import { isToken, NAME, TOKEN_FORMS, USER_NAME } from "./names.ts";
import { DnsSchema, OutboundSchema, RuleSchema } from "./outbound-schema.ts";

const User = v.strictObject({
  name: required(USER_NAME, "User name of SOCKS5 and of HTTP Basic."),
  password: required(
    secret("local", (value) => isKeptSecret(value, "password"), '"scrypt:…" as "causeway hash" prints it'),
    "The password's hash.",
  ),
});

export const RelaySchema = v.strictObject({
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
  inbounds: list(InboundSchema, 100, "Listeners."),
  outbounds: list(OutboundSchema, 100, "Ways out of the relay besides its own."),
  rules: list(
    RuleSchema,
    1_000,
    "Which way a connection takes: the first rule that fits decides, and after the last one it is direct.",
  ),
  dns: optional(DnsSchema, {}, "How names are resolved."),
});

export type RelayConfig = v.InferOutput<typeof RelaySchema>;
export type UserConfig = RelayConfig["users"][number];
