// A channel of causeway.toml: who it is, where it comes from, how it is cached. Pure.

import * as v from "valibot";
import { readImportedSource } from "../hls/import-options.ts";
import { HLS_LIMITS, VIEWER_LIMITS } from "../limits.ts";
import { CATCHUP_MODES, isCatchupSource } from "../lists/catchup.ts";
import { absent, list, optional, required } from "./entries.ts";
import { duration, flag, httpUrl, integer, isHttpUrl, oneOf, pattern, secret, text } from "./fields.ts";
import { HEADER_NAME, isHeaderValue } from "./names.ts";

function originHeaders() {
  return v.pipe(
    v.record(HEADER_NAME, secret("sealed", isHeaderValue, "a header value")),
    v.maxEntries(HLS_LIMITS.SOURCE_HEADERS_MAX, "at most 50 headers"),
    v.metadata({ legal: "at most 50 headers" }),
  );
}

/** Whether `value` is a URL, or a URL with header fields behind "|" as Kodi writes them. */
function isSourceUrl(value: string): boolean {
  return isHttpUrl(readImportedSource(value).url) && !/[\r\n]/.test(value) && value.length <= 8_000;
}

function sourceUrl() {
  return secret(
    "sealed",
    isSourceUrl,
    'an http:// or https:// playlist URL, "|Name=value&Name=value" behind it for header fields',
  );
}

const Source = v.union(
  [
    sourceUrl(),
    v.strictObject({
      url: required(sourceUrl(), "The playlist's URL."),
      via: optional(
        pattern(/^(?:direct|relay:[A-Za-z0-9][A-Za-z0-9_-]{0,62})$/, '"direct" or "relay:NAME"'),
        "direct",
        "Who fetches from it: the edge itself, or a relay through its ingress, whose rules then decide about private addresses.",
      ),
      headers: optional(originHeaders(), {}, "Request headers of this source, before those of the channel."),
    }),
  ],
  "a URL, or a table with url, via and headers",
);

/** A source as the edge uses it. */
export interface SourceConfig {
  /** Absolute http: or https: URL of the playlist. */
  readonly url: string;
  /** "direct" or "relay:NAME". */
  readonly via: string;
  /** Header fields of this source. */
  readonly headers: Readonly<Record<string, string>>;
  /** True for a host that a provider's list names, and no operator: it may be on public addresses only. */
  readonly foreign?: boolean;
}

/** One channel, stored and loaded as a record of its own. */
export const ChannelSchema = v.strictObject({
  id: required(
    pattern(/^ch_[A-Za-z0-9_-]{1,60}$/, "ch_ and 1 to 60 letters, digits, - or _"),
    "The channel's address is /proxy/ID/stream.m3u8.",
  ),
  name: optional(text(200), "", "Shown in players; the id when empty."),
  group: optional(text(200), "", "Group in the channel list."),
  logo: absent(httpUrl(), "Picture in the channel list."),
  tvg_id: optional(text(200), "", "Id in the programme guide; the channel's own id when empty."),
  tvg_name: optional(text(200), "", "Name that players look up in guides; the channel's name when empty."),
  tvg_chno: optional(text(20), "", "Number in the channel list."),
  tvg_shift: optional(text(20), "", 'Hours that the guide\'s times are off by, as in "-2".'),
  catchup: absent(
    oneOf(CATCHUP_MODES),
    "How the origin offers past programmes; viewers get an address of their own for them, which redirects.",
  ),
  catchup_days: optional(integer(0, 365), 0, "How many days back the origin keeps programmes."),
  catchup_source: absent(
    secret(
      "sealed",
      isCatchupSource,
      "text of 1 to 2000 characters with placeholders such as {utc} and {duration}",
    ),
    "The origin's address of a past programme (default), or what follows the stream's (append).",
  ),
  kind: optional(
    oneOf(["hls", "ts"]),
    "hls",
    "hls: playlists, at /proxy/ID/stream.m3u8; ts: one endless MPEG transport stream, at /proxy/ID/stream.ts, pulled once for all viewers.",
  ),
  sources: required(
    v.pipe(
      v.array(Source, "a list of 1 to 16 sources"),
      v.minLength(1, "1 to 16 entries"),
      v.maxLength(HLS_LIMITS.SOURCES_MAX, "1 to 16 entries"),
      v.transform((sources) =>
        sources.map(
          (source): SourceConfig =>
            typeof source === "string" ? { url: source, via: "direct", headers: {} } : source,
        ),
      ),
      v.metadata({ legal: "1 to 16 entries" }),
    ),
    "The origins' playlists or transport streams, the preferred one first; the next one takes over while those before it fail.",
  ),
  headers: optional(
    originHeaders(),
    {},
    "Request headers sent to the origin, such as User-Agent and Referer; Authorization and Cookie to the source's own host only.",
  ),
  response_header_timeout: optional(
    duration("100ms", "60s"),
    "10s",
    "Time until an origin's response headers, all redirects included; a slow body is not cut.",
  ),
  read_timeout: optional(
    duration("100ms", "60s"),
    "15s",
    "An origin's body that stands still for this long is broken off; a playlist or a short segment must be there as a whole by then.",
  ),
  failback: optional(
    duration("1s", "24h"),
    "60s",
    "Time for which a preferred source must be healthy again before it is used again; longer for one that keeps failing.",
  ),
  ignore_query: list(text(100, 1), 50, "Query names left out of the cache key."),
  forward_query: list(
    text(100, 1),
    50,
    "Viewers' query names passed to the origin and keyed; a playlist's _HLS_msn, _HLS_part and _HLS_skip always are.",
  ),
  hide_query: optional(flag(), true, "Seal the queries of the origin's children."),
  shield: optional(
    flag(),
    false,
    "Fetch each resource once for the whole world instead of once per data centre: isolates agree through the channel's object. Bodies over 128 KiB travel by R2 (binding SEGMENTS); without it they are fetched once per data centre.",
  ),
  prefetch: optional(
    integer(0, HLS_LIMITS.PREFETCH_MAX),
    0,
    "Fetch this many of the newest segments of a live playlist before viewers ask for them.",
  ),
  access: optional(
    oneOf(["public", "token"]),
    "public",
    'public: anybody; token: by signed addresses only (viewers\' lists, "causeway sign"), 403 otherwise.',
  ),
  max_viewers: optional(
    integer(0, VIEWER_LIMITS.SESSIONS_MAX),
    0,
    "Sessions that may watch at once, over all isolates within a few seconds; 0: any number. 503 with Retry-After beyond it.",
  ),
});

export type ChannelConfig = v.InferOutput<typeof ChannelSchema>;
