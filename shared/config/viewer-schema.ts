// Who watches channels by signed addresses: subscribers of causeway.toml and the keys that sign. Pure.

import * as v from "valibot";
import { VIEWER_LIMITS } from "../limits.ts";
import { absent, list, optional, required } from "./entries.ts";
import { cidr, date, duration, flag, integer, pattern, secret, text } from "./fields.ts";
import { isToken, NAME, TOKEN_FORMS } from "./names.ts";

/** What stands in a subscriber's addresses: characters that mean nothing else in a path. */
const PATH_SECRET = secret(
  "verifier",
  (value) => /^[A-Za-z0-9_-]{16,200}$/.test(value),
  "16 to 200 letters, digits, - and _",
);

export const SigningKeySchema = v.strictObject({
  id: required(
    pattern(/^[A-Za-z0-9_-]{1,32}$/, "1 to 32 letters, digits, - or _"),
    "Names the key in tokens.",
  ),
  key: required(secret("sealed", isToken, TOKEN_FORMS), "The key; its characters are the HMAC-SHA256 key."),
});

export const ViewerSchema = v.strictObject({
  name: required(NAME, "Who watches: the user in stats, and whom tokens name."),
  token: required(
    PATH_SECRET,
    "Secret of the viewer's own addresses /v.TOKEN/playlist.m3u and /v.TOKEN/epg.xml; kept at the edge as a SHA-256 verifier only. A new one ends all that was signed for the viewer.",
  ),
  channels: list(
    pattern(/^ch_[A-Za-z0-9_-]{1,60}$/, "a channel's id"),
    10_000,
    "Channels that the viewer may watch; without channels and groups all.",
  ),
  groups: list(text(200, 1), 1_000, "Groups of channels that the viewer may watch, besides channels."),
  expires: absent(date(), "From this day on (UTC) 403 for the viewer."),
  max_connections: optional(
    integer(0, VIEWER_LIMITS.SESSIONS_MAX),
    0,
    "Clients that may watch at once, told apart by IP address (IPv6: /64) and User-Agent; 0: any number. 429 with Retry-After beyond it.",
  ),
  allow: list(cidr(), 100, "Client addresses that the viewer may watch from; empty: all."),
  bind_ip: optional(
    flag(),
    false,
    "Bind the addresses of the viewer's list to the client that asks for the list.",
  ),
  link_ttl: optional(
    duration("1m", "366d"),
    "7d",
    "How long addresses of the viewer's list are good for beginning to watch: at least this, at most twice.",
  ),
});
