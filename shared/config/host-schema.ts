// A proxied host of causeway.toml: routing, upstreams, access, headers, time, cache, WebSockets. Pure.

import * as v from "valibot";
import { accessKeys } from "./access-schema.ts";
import { absent, list, optional, required } from "./entries.ts";
import {
  baseUrl,
  checked,
  cidr,
  duration,
  flag,
  integer,
  oneOf,
  pattern,
  routePath,
  size,
  text,
} from "./fields.ts";
import { HEADER_NAME, HOST_PATTERN, isHeaderValue } from "./names.ts";

const PATH_PREFIX = pattern(
  /^(?:\/[A-Za-z0-9._~!$&'()+,=@-]+)*$/,
  'a path without a final slash, as in "/api", or ""',
);
const ORIGIN = pattern(
  /^(?:\*|https?:\/\/(?:\*\.)?[^\s/?#*@\\]{1,253})$/,
  'an origin, as in "https://app.example.com", "https://*.example.com", or "*"',
);
const HEADER_VALUE = checked("a header value", isHeaderValue);
const STATUS_RANGE = pattern(/^[1-5](?:xx|[0-9]{2})$/, 'a status or a class of them, as in "204" or "2xx"');

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

const Redirect = v.strictObject({
  https: optional(flag(), false, "Answer plain HTTP with a redirect to the same address under https."),
  to: absent(baseUrl(), "Redirect everything to this base URL; the host then needs no upstreams."),
  keep_path: optional(flag(), true, "With to: append the request's path and query."),
  status: optional(
    v.pipe(
      v.picklist([301, 302, 307, 308], "one of 301, 302, 307, 308"),
      v.metadata({ legal: "one of 301, 302, 307, 308" }),
    ),
    308,
    "301 and 302 let clients turn POST into GET, 307 and 308 do not.",
  ),
});

const PassiveHealth = v.strictObject({
  max_failures: optional(
    integer(0, 1_000),
    3,
    "Failures within the window that take an upstream out, per isolate; 0: never.",
  ),
  window: optional(duration("1s", "1h"), "30s", "Time in which failures add up."),
  cooldown: optional(
    duration("1s", "1h"),
    "10s",
    "Time until one trial request decides whether it comes back.",
  ),
  statuses: list(STATUS_RANGE, 20, "Replies that count as failures; none: only those that never came."),
});

const ActiveHealth = v.strictObject({
  path: required(
    pattern(/^\/[^\s#\\]{0,1000}$/, 'a path, as in "/health"'),
    "Asked of each upstream with GET, behind its own path.",
  ),
  interval: optional(duration("5s", "1h"), "30s", "Time between two checks of an upstream."),
  timeout: optional(duration("100ms", "30s"), "5s", "Time for the whole reply."),
  status: optional(STATUS_RANGE, "2xx", "Status of a healthy upstream."),
  body: optional(text(200), "", "Text that the first 64 KiB of a healthy reply contain; empty: any."),
  fails: optional(integer(1, 20), 2, "Failed checks in a row that take an upstream out."),
  passes: optional(integer(1, 20), 1, "Passed checks in a row that bring it back."),
});

const Health = v.strictObject({
  passive: optional(PassiveHealth, {}, "What the requests themselves show."),
  active: absent(ActiveHealth, "Checks of its own, by one object for all data centres."),
});

const HeaderRules = v.strictObject({
  set: optional(headerMap(), {}, "Fields set, replacing any of that name."),
  add: optional(headerMap(), {}, "Fields added beside those of that name."),
  remove: list(HEADER_NAME, 50, "Fields removed, before set and add."),
});

function headerMap() {
  return v.pipe(
    v.record(HEADER_NAME, HEADER_VALUE),
    v.maxEntries(50, "at most 50 headers"),
    v.metadata({ legal: "at most 50 headers" }),
  );
}

const Headers = v.strictObject({
  request: optional(HeaderRules, {}, "On the way to the upstream."),
  response: optional(HeaderRules, {}, "On the way to the client."),
});

const Rewrite = v.strictObject({
  strip_prefix: optional(PATH_PREFIX, "", "Taken off the request's path where it begins with it."),
  add_prefix: optional(PATH_PREFIX, "", "Put before what is left of the path."),
});

const Cors = v.strictObject({
  origins: required(
    v.pipe(
      v.array(ORIGIN, "a list of origins"),
      v.minLength(1, "1 to 100 entries"),
      v.maxLength(100, "1 to 100 entries"),
      v.metadata({ legal: "1 to 100 entries" }),
    ),
    "Sites whose pages may read replies.",
  ),
  methods: optional(
    v.pipe(
      v.array(pattern(/^[A-Z]{1,20}$/, "a method in capitals")),
      v.maxLength(20, "at most 20 entries"),
      v.metadata({ legal: "at most 20 entries" }),
    ),
    ["GET", "HEAD", "POST"],
    "Methods allowed across sites.",
  ),
  headers: list(HEADER_NAME, 50, "Request fields allowed across sites, besides the safelisted ones."),
  expose: list(HEADER_NAME, 50, "Reply fields that pages may read, besides the safelisted ones."),
  credentials: optional(flag(), false, 'Allow cookies and sign-ins; not together with origins = ["*"].'),
  max_age: optional(duration("0s", "24h"), "10m", "Time for which browsers keep a preflight's answer."),
});

const HostWebSocket = v.strictObject({
  meter: optional(flag(), true, "Count frames and bytes; false hands the socket through untouched."),
  idle_timeout: optional(
    duration("1s", "24h"),
    "10m",
    "A metered socket without frames for this long is closed 1001.",
  ),
  max_connections: optional(
    integer(1, 1_000_000),
    1_000_000,
    "Open metered sockets per isolate, within the host's max_connections; 503 beyond it.",
  ),
  max_per_ip: optional(
    integer(1, 1_000_000),
    1_000_000,
    "Open metered sockets of one client address per isolate; 429 beyond it.",
  ),
});

const routing = {
  host: required(HOST_PATTERN, "Exact name, or a wildcard for one or more labels below a name."),
  path: optional(
    routePath(),
    "/*",
    'The longest matching path wins; a final "*" stands for everything below.',
  ),
  enabled: optional(flag(), true, "false switches the host off: 503 with code host_disabled."),
  redirect: optional(Redirect, {}, "Redirects instead of proxying."),
};

const upstreams = {
  upstreams: list(Upstream, 64, "Origins that answer for this host; required unless redirect.to is set."),
  policy: optional(
    oneOf(["random", "weighted", "round_robin", "first", "ip_hash", "cookie", "least_conn"]),
    "random",
    "How an upstream is chosen; round_robin and least_conn count per isolate, cookie keeps a browser with its upstream.",
  ),
  via: optional(
    pattern(/^(?:direct|relay:[A-Za-z0-9][A-Za-z0-9_-]{0,62})$/, '"direct" or "relay:NAME"'),
    "direct",
    "Who connects to the upstreams: the edge itself, or a relay through its ingress.",
  ),
  health: optional(Health, {}, "Which upstreams are left out for a while."),
  retries: optional(
    integer(0, 5),
    1,
    "Further attempts, on another upstream if there is one, for requests that can be repeated.",
  ),
  retry_budget: optional(
    integer(0, 100),
    20,
    "Attempts that may be repetitions, in per cent of the isolate's requests of the last 10 s (ten are always allowed).",
  ),
};

const rewriting = {
  headers: optional(
    Headers,
    {},
    'Header fields; values may hold {client_ip}, {host}, {scheme}, {path}, {request_id}, {country}, {user} and {upstream}; "{{" is a brace.',
  ),
  rewrite: optional(Rewrite, {}, "The path on its way to the upstream."),
  trusted_proxies: list(
    cidr(),
    100,
    "Addresses of proxies in front of the edge: what they say in X-Forwarded-For, -Host and -Proto, or without these in Forwarded, is believed, kept from the client on and added to.",
  ),
  forwarded: optional(flag(), false, "Send Forwarded (RFC 7239) to the upstream, beside X-Forwarded-*."),
  rewrite_location: optional(
    flag(),
    true,
    "Turn an upstream's own address in Location back to the public host.",
  ),
  rewrite_cookies: optional(
    flag(),
    false,
    "Turn an upstream's own host in the Domain of Set-Cookie back to the public host, and its Path back to the public path.",
  ),
  cors: absent(Cors, "Cross-origin access: preflights are answered here, replies get the fields."),
};

const transfer = {
  max_body: optional(size("0B", "100TiB"), "100MiB", "Largest request body; 413 beyond it."),
  meter: optional(flag(), true, "Count bodies; false passes them untouched and counts requests only."),
  response_header_timeout: optional(
    duration("100ms", "10m"),
    "10s",
    "504 when the upstream's headers take longer; a slow body is not cut.",
  ),
  body_idle_timeout: optional(
    duration("1s", "24h"),
    "1m",
    "A metered reply whose upstream sends nothing for this long is broken off; event streams need their pings more often.",
  ),
  upload_idle_timeout: optional(
    duration("1s", "24h"),
    "1m",
    "408 when the client sends nothing of its body for this long, 504 when the upstream takes nothing of it.",
  ),
  cache: optional(flag(), false, "Keep replies in the edge's HTTP cache as RFC 9111 allows."),
  websocket: optional(HostWebSocket, {}, "WebSocket passthrough."),
};

export const HostSchema = v.strictObject({
  ...routing,
  ...upstreams,
  ...accessKeys,
  ...rewriting,
  ...transfer,
});

export type HostConfig = v.InferOutput<typeof HostSchema>;
export type HostHealth = HostConfig["health"];
