// Cache keys of channels' resources: who configured it, which resource, which bytes of it.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { filterQuery } from "../../shared/hls/query.ts";
import type { Exchange } from "../exchange.ts";
import { SOURCE } from "./target.ts";

/**
 * The key of `url`'s bytes `part` ("" for the whole). The configuration's epoch is in it, so whatever a push changes
 * (headers, source, queries) starts with empty caches.
 */
export function cacheKey(x: Exchange, channel: ChannelConfig, url: string, part: string): string {
  return [x.config.epoch, channel.id, SOURCE, part, withoutIgnored(channel, url)].join(" ");
}

function withoutIgnored(channel: ChannelConfig, url: string): string {
  const mark = url.indexOf("?");
  if (mark < 0 || channel.ignore_query.length === 0) return url;
  const query = filterQuery(url.slice(mark + 1), (name) => !channel.ignore_query.includes(name));
  return query === "" ? url.slice(0, mark) : `${url.slice(0, mark)}?${query}`;
}
