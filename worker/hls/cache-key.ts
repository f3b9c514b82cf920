// Cache keys of channels' resources: who configured it, what was purged since, which resource, which bytes of it.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { DELIVERY_NAMES } from "../../shared/hls/delivery.ts";
import { filterQuery } from "../../shared/hls/query.ts";
import { channelScope, type LiveState } from "../directory/live.ts";
import type { Exchange } from "../exchange.ts";
import type { Target } from "./target.ts";

interface Owner {
  readonly epoch: number;
  readonly live: LiveState;
  readonly text: string;
}

const owners = new WeakMap<ChannelConfig, Owner>();

/**
 * The key of the target's bytes `part` ("" for the whole). The configuration's epoch is in it, so whatever a push changes
 * (headers, source, queries) starts with empty caches, and so is the number of the channel's last purge.
 */
export function cacheKey(
  x: Pick<Exchange, "config">,
  channel: ChannelConfig,
  { url, source }: Pick<Target, "url" | "source">,
  part: string,
): string {
  return `${ownerOf(x, channel)} ${source} ${part} ${withoutIgnored(channel, url)}`;
}

/** Worked out once per configuration, purge and channel. */
function ownerOf({ config }: Pick<Exchange, "config">, channel: ChannelConfig): string {
  const { epoch, live } = config;
  const known = owners.get(channel);
  if (known?.live === live && known.epoch === epoch) return known.text;
  const text = `${epoch} ${live.purgeEpoch(channelScope(channel.id).host, "")} ${channel.id}`;
  owners.set(channel, { epoch, live, text });
  return text;
}

/** What a delivery directive asks for is another body, so the configuration cannot leave it out. */
function withoutIgnored({ ignore_query: ignored }: ChannelConfig, url: string): string {
  const mark = url.indexOf("?");
  if (mark < 0 || ignored.length === 0) return url;
  const query = filterQuery(
    url.slice(mark + 1),
    (name) => DELIVERY_NAMES.has(name) || !ignored.includes(name),
  );
  return query === "" ? url.slice(0, mark) : `${url.slice(0, mark)}?${query}`;
}
