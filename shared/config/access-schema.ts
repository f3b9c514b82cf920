// Who is let in to a proxied host, how often and for how much: keys of a host in causeway.toml. Pure.

import * as v from "valibot";
import { absent, list, optional, required } from "./entries.ts";
import { cidr, date, flag, integer, oneOf, pattern, quota, rate, secret } from "./fields.ts";
import { isPassword, NAME, TOKEN, USER_NAME } from "./names.ts";

const COUNTRY = pattern(/^[A-Z][A-Z0-9]$/, 'a country as Cloudflare names it, as in "DE" ("T1" is Tor)');

const BasicUser = v.strictObject({
  user: required(USER_NAME, "User name."),
  password: required(
    secret("password", isPassword, "1 to 128 characters without control characters"),
    "Password; kept at the edge as an scrypt hash only.",
  ),
});

const Bearer = v.strictObject({
  name: required(NAME, "Who holds the token: the user in stats and logs."),
  token: required(TOKEN, "The token; kept at the edge as a SHA-256 verifier only."),
});

/** Keys of a host about who is let in, and how much. */
export const accessKeys = {
  allow: list(cidr(), 1_000, "Client addresses that are let in; empty: all. 403 for the rest."),
  deny: list(cidr(), 1_000, "Client addresses that are turned away, whatever allow says."),
  allow_countries: list(
    COUNTRY,
    300,
    "Countries that are let in; empty: all. An unknown country is not in the list; behind trusted_proxies all are unknown.",
  ),
  deny_countries: list(COUNTRY, 300, "Countries that are turned away."),
  basic_auth: list(
    BasicUser,
    1_000,
    "Users of HTTP Basic; with any, 401 for everybody else. Authorization goes on to the upstream.",
  ),
  bearer: list(Bearer, 1_000, "Tokens let in as Authorization: Bearer; with any, 401 for everybody else."),
  realm: optional(
    pattern(/^[ -~]{1,100}$/, "1 to 100 printable ASCII characters"),
    "causeway",
    "Named in the browser's sign-in dialogue.",
  ),
  rate: absent(rate(), "Requests per client address (IPv6: its /64) and isolate; 429 beyond it."),
  host_rate: absent(rate(), "Requests to the host; by scope per isolate or world-wide; 429 beyond it."),
  max_connections: optional(
    integer(1, 1_000_000),
    1_000,
    "Open requests and sockets by scope, unmetered ones until their reply begins; 503 with Retry-After beyond it.",
  ),
  scope: optional(
    oneOf(["isolate", "global"]),
    "isolate",
    "Whether max_connections and host_rate hold per isolate or, within one lease, world-wide.",
  ),
  quota: absent(quota(), "Bytes both ways per period (UTC); at most 5 s later 403 until the next period."),
  expires: absent(date(), "From this day on (UTC) 403."),
  access_log: optional(flag(), false, "Log requests to the sinks of edge.access_log."),
};
