// Lists of causeway.toml: providers' lists that are imported as channels, and programme guides. Pure.

import * as v from "valibot";
import { LIST_LIMITS } from "../limits.ts";
import { ChannelSchema } from "./channel-schema.ts";
import { absent, list, optional, required } from "./entries.ts";
import { duration, isHttpUrl, oneOf, pattern, secret, text } from "./fields.ts";
import { HEADER_NAME, isHeaderValue, NAME } from "./names.ts";

const VIA = pattern(/^(?:direct|relay:[A-Za-z0-9][A-Za-z0-9_-]{0,62})$/, '"direct" or "relay:NAME"');

const URL_FORMS = "an absolute http:// or https:// URL without a fragment";

function requestHeaders() {
  return v.pipe(
    v.record(HEADER_NAME, secret("sealed", isHeaderValue, "a header value")),
    v.maxEntries(20, "at most 20 headers"),
    v.metadata({ legal: "at most 20 headers" }),
  );
}

function globs(doc: string) {
  return list(text(LIST_LIMITS.TEXT_CHARS_MAX, 1), LIST_LIMITS.PATTERNS_MAX, doc);
}

function renames(doc: string) {
  const legal = `a table of at most ${LIST_LIMITS.PATTERNS_MAX} texts`;
  const side = text(LIST_LIMITS.TEXT_CHARS_MAX);
  return optional(
    v.pipe(v.record(side, side), v.maxEntries(LIST_LIMITS.PATTERNS_MAX, legal), v.metadata({ legal })),
    {},
    doc,
  );
}

/** What a list says of its entries itself. */
const {
  id: _id,
  name: _name,
  group: _group,
  logo: _logo,
  tvg_id: _tvgId,
  tvg_name: _tvgName,
  tvg_chno: _chno,
  kind: _kind,
  sources: _sources,
  ...SHARED_KEYS
} = ChannelSchema.entries;

/** A provider's list, imported as channels. */
export const ChannelImportSchema = v.strictObject({
  name: required(
    pattern(/^[A-Za-z0-9][A-Za-z0-9-]{0,19}$/, "1 to 20 letters, digits or -"),
    "Part of its channels' ids: ch_NAME_….",
  ),
  url: required(secret("sealed", isHttpUrl, URL_FORMS), "The provider's M3U, plain or gzip."),
  every: optional(duration("5m", "30d"), "6h", "How often it is fetched again."),
  epg: absent(
    secret("sealed", isHttpUrl, URL_FORMS),
    "The provider's guide (XMLTV, plain or gzip) for these channels.",
  ),
  headers: optional(
    requestHeaders(),
    {},
    "Request headers sent for the list and the guide; those of the streams are in channel.",
  ),
  via: optional(
    VIA,
    "direct",
    "Who fetches the list, the guide and the streams: the edge itself, or a relay.",
  ),
  types: optional(
    v.pipe(
      v.array(oneOf(["live", "movie", "series"]), "a list"),
      v.minLength(1, "one entry or more"),
      v.metadata({ legal: 'one or more of "live", "movie", "series"' }),
    ),
    ["live"],
    "Which entries are taken; files such as .mp4 never are.",
  ),
  kind: optional(
    oneOf(["auto", "hls", "ts"]),
    "auto",
    "What streams are whose address does not tell: .m3u8 is HLS, .ts a raw transport stream; auto takes Xtream addresses for raw ones and others for HLS.",
  ),
  include_groups: globs('Groups that are taken, as globs ("UK*"); empty: all.'),
  exclude_groups: globs("Groups that are left out."),
  include_names: globs("Names that are taken, as globs; empty: all."),
  exclude_names: globs("Names that are left out."),
  rename_groups: renames('Globs and what groups become, the first match counts: "UK| *" = "*".'),
  rename_channels: renames('Globs and what names become: "* FHD" = "* HD".'),
  group: optional(text(200), "", "The group of all channels, in place of the list's."),
  prefix: optional(text(50), "", 'Put before every name, as in "UK: ".'),
  tvg_prefix: optional(text(50), "", "Put before every guide id, where several providers use the same ids."),
  channel: optional(
    v.strictObject(SHARED_KEYS),
    {},
    "Keys of [[channels]] that every channel of the list gets; what the list says itself comes first.",
  ),
});

/** A programme guide. */
export const GuideSchema = v.strictObject({
  name: required(NAME, "Its name in the API."),
  url: required(secret("sealed", isHttpUrl, URL_FORMS), "The guide: XMLTV, plain or gzip."),
  every: optional(duration("5m", "30d"), "12h", "How often it is fetched again."),
  headers: optional(requestHeaders(), {}, "Request headers sent for it."),
  via: optional(VIA, "direct", "Who fetches it: the edge itself, or a relay."),
});

export type ChannelImportConfig = v.InferOutput<typeof ChannelImportSchema>;
export type GuideConfig = v.InferOutput<typeof GuideSchema>;
