// The relay's part of causeway.toml: listeners, users, control link. It never leaves the machine whose file it stands in.

import * as v from "valibot";
import { THREAD_LIMITS } from "../limits.ts";
import { parseIp } from "../net/address.ts";
import { parseHostPorts } from "../net/ports.ts";
import { absent, list, optional, required } from "./entries.ts";
import {
  duration,
  integer,
  isKeptSecret,
  listenAddress,
  pattern,
  secret,
  text,
  transformed,
} from "./fields.ts";
import { InboundSchema } from "./inbound-schema.ts";
import { relayLimitKeys, userLimitKeys } from "./limits-schema.ts";
import { isToken, NAME, TOKEN_FORMS, USER_NAME } from "./names.ts";
import { DnsSchema, OutboundSchema, RuleSchema } from "./outbound-schema.ts";
import { SpoolSchema } from "./udpack-schema.ts";

const User = v.strictObject({
  name: required(USER_NAME, "User name of SOCKS5 and of HTTP Basic."),
  password: required(
    secret("local", (value) => isKeptSecret(value, "password"), '"scrypt:…" as "causeway hash" prints it'),
    "The password's hash.",
  ),
  ...userLimitKeys,
});

/** "0.0.0.0:40000-40010"; comes out as host, first and last port. */
function remotePorts() {
  return transformed('an IP address and a port or a range of ports, as in "0.0.0.0:40000-40010"', (text) => {
    const ports = parseHostPorts(text);
    return ports !== undefined && parseIp(ports.host) !== undefined ? ports : undefined;
  });
}

export const RelaySchema = v.strictObject({
  name: optional(NAME, "main", "The relay's name at the edge and in stats."),
  edge: absent(
    pattern(/^wss?:\/\/[^\s/?#]{1,300}\/?$/, 'ws:// or wss:// and a host, as in "wss://edge.example.com"'),
    "Edge of the control link; plain ws:// to loopback only. Absent: no link.",
  ),
  edge_token: absent(secret("local", isToken, TOKEN_FORMS), "Token of the control link; needed with edge."),
  admin: absent(
    listenAddress(),
    "Loopback address and port of the relay's own admin API. Absent: there is none.",
  ),
  admin_token: absent(secret("local", isToken, TOKEN_FORMS), "Token of the admin API; needed with admin."),
  remote_ports: list(
    remotePorts(),
    100,
    'Where an order may open proxy inbounds besides loopback; beyond loopback they take auth = "password" only.',
  ),
  idle_timeout: optional(
    duration("1s", "24h"),
    "10m",
    "A connection without bytes either way for this long is ended.",
  ),
  drain_timeout: optional(duration("0s", "1h"), "10s", "How long SIGTERM waits for open connections."),
  state: optional(
    text(1_000, 1),
    ".causeway/relay",
    "Directory for quotas, which survive restarts, and for spool files. Relative to the working directory; made when needed.",
  ),
  workers: optional(
    integer(1, THREAD_LIMITS.WORKERS_MAX),
    1,
    "Threads that serve connections and share the ports, where the system lets them; limits and counts are those of all together.",
  ),
  ...relayLimitKeys,
  users: list(User, 10_000, 'Who may use inbounds with auth = "password".'),
  inbounds: list(InboundSchema, 100, "Listeners."),
  outbounds: list(OutboundSchema, 100, "Ways out of the relay besides its own."),
  rules: list(
    RuleSchema,
    1_000,
    "Which way a connection takes: the first rule that fits decides, and after the last one it is direct.",
  ),
  dns: optional(DnsSchema, {}, "How names are resolved."),
  spool: optional(
    SpoolSchema,
    {},
    "What targets sent and slow clients of the UDP tunnel have not read yet. Files are encrypted with a key in memory.",
  ),
});

export type RelayConfig = v.InferOutput<typeof RelaySchema>;
export type UserConfig = RelayConfig["users"][number];
