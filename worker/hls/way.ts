// The way to a channel's source, worked out once per configuration: its URL, the header fields it wants, and who carries
// the requests. Knows nothing of replies.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { isForbiddenField } from "../../shared/http/header-rules.ts";
import { sourceOf } from "./target.ts";

export interface Way {
  readonly source: URL;
  /** The source's host is a provider's word, to be trusted no more than a redirect. */
  readonly foreign: boolean;
  /** Fields for every request, without credentials. */
  readonly fields: Headers;
  /** The same with credentials: they go to the host that the channel names, never to one that an origin points at. */
  readonly trustedFields: Headers;
  /** The relay that fetches; undefined: the edge itself. */
  readonly relay: string | undefined;
  /** Names the source's cookies in this isolate. */
  readonly jar: string;
}

const CREDENTIALS = ["authorization", "cookie"] as const;
/** Fields that the proxy itself decides on. */
const OWN_FIELDS: ReadonlySet<string> = new Set(["range", "accept-encoding", "if-none-match", "if-range"]);

const ways = new WeakMap<ChannelConfig, Map<number, Way>>();

/** @throws CausewayError `not_found` when the channel has no such source */
export function wayOf(channel: ChannelConfig, index: number): Way {
  let known = ways.get(channel);
  if (!known) {
    known = new Map();
    ways.set(channel, known);
  }
  let way = known.get(index);
  if (!way) {
    way = compile(channel, index);
    known.set(index, way);
  }
  return way;
}

function compile(channel: ChannelConfig, index: number): Way {
  const { url, via, headers, foreign = false } = sourceOf(channel, index);
  const trustedFields = new Headers();
  for (const [name, value] of [...Object.entries(channel.headers), ...Object.entries(headers)]) {
    const lower = name.toLowerCase();
    if (!isForbiddenField(lower, "request") && !OWN_FIELDS.has(lower)) trustedFields.set(name, value);
  }
  const fields = new Headers(trustedFields);
  for (const name of CREDENTIALS) fields.delete(name);
  const source = new URL(url);
  const relay = via.startsWith("relay:") ? via.slice("relay:".length) : undefined;
  return { source, foreign, fields, trustedFields, relay, jar: `${channel.id} ${index} ${source.host}` };
}
