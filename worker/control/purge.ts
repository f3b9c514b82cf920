// Purging over the API: what the caches of all data centres hold of an address, of everything that begins like it, of a
// whole host or of a channel is not used any more, within 5 s.

import * as v from "valibot";
import { CausewayError } from "../../shared/errors.ts";
import { CONTROL_LIMITS, LIVE_LIMITS } from "../../shared/limits.ts";
import { canonicalHost } from "../../shared/net/host-name.ts";
import { isControlHost } from "../control-hosts.ts";
import { directory } from "../directory/client.ts";
import { channelScope, type PurgeScope } from "../directory/live.ts";
import { requireRole } from "./access.ts";
import { readJson } from "./body.ts";
import { type ControlExchange, configIfAny } from "./exchange.ts";
import { json } from "./reply.ts";

const address = v.pipe(v.string(), v.maxLength(LIVE_LIMITS.PURGE_ADDRESS_CHARS_MAX));
const host = v.pipe(v.string(), v.regex(/^(?:\*|(?:\*\.)?[^\s*/?#@[\]\\]{1,253})$/));

const PurgeSchema = v.union([
  v.strictObject({ channel: v.pipe(v.string(), v.regex(/^ch_[A-Za-z0-9_-]{1,60}$/)) }),
  v.strictObject({ url: address }),
  v.strictObject({ host, prefix: v.optional(v.pipe(address, v.startsWith("/"))) }),
]);

const CHANNEL_PATH = /^\/proxy\/(ch_[A-Za-z0-9_-]{1,60})\//;

const FORMS = '{"url": …}, {"host": …, "prefix": "/…"}, {"host": …} or {"channel": "ch_…"}';

/**
 * POST /api/cache/purge: `{url}`, `{host, prefix}`, `{host}` or `{channel}`; a host may be "*.name", or "*" for all. The URL
 * of something below a channel stands for the whole channel: what viewers ask for is not what caches are keyed by.
 */
export async function purgeCache(x: ControlExchange): Promise<Response> {
  await requireRole(x, "operator");
  const body = v.safeParse(PurgeSchema, await readJson(x.request, CONTROL_LIMITS.BODY_BYTES_MAX));
  const order = body.success ? body.output : undefined;
  const channel = order && (await channelOf(x, order));
  const scope = channel === undefined ? order && scopeOf(order) : channelScope(channel);
  if (!scope || !isLegal(scope))
    throw new CausewayError("bad_request", `Cannot purge: the body must be ${FORMS}`);
  const epoch = await directory(x.env).purge(scope);
  return json(x, { purged: channel === undefined ? scope : { channel }, epoch });
}

type Order = v.InferOutput<typeof PurgeSchema>;

/** The channel that is meant, by its id or by an address on a host that serves channels. */
async function channelOf(x: ControlExchange, order: Order): Promise<string | undefined> {
  if ("channel" in order) return order.channel;
  const url = "url" in order ? URL.parse(order.url) : undefined;
  const id = CHANNEL_PATH.exec(url?.pathname ?? "")?.[1];
  if (!url || id === undefined) return undefined;
  const host = canonicalHost(url.hostname);
  if (isControlHost(host, x.env.CONTROL_HOSTS)) return id;
  return (await configIfAny(x))?.channelHosts.has(host) ? id : undefined;
}

/** Whatever a URL can carry is ASCII once it is parsed, though longer by its escapes. */
function isLegal({ host, exact = "", prefix = "" }: PurgeScope): boolean {
  return /^[!-~]+$/.test(host) && (exact + prefix).length <= LIVE_LIMITS.PURGE_ADDRESS_CHARS_MAX;
}

/** Addresses are parsed as requests are, so that they are spelled as requests' addresses come out of it. */
function scopeOf(order: Order): PurgeScope | undefined {
  if ("channel" in order) return channelScope(order.channel);
  if ("url" in order) {
    const url = URL.parse(order.url);
    if (!url || !/^https?:$/.test(url.protocol)) return undefined;
    return { host: canonicalHost(url.hostname), exact: url.pathname + url.search };
  }
  const name = patternOf(order.host);
  if (order.prefix === undefined) return { host: name };
  const url = URL.parse(`http://host${order.prefix}`);
  if (!url) return undefined;
  return { host: name, prefix: url.pathname + url.search };
}

function patternOf(text: string): string {
  if (text === "*") return text;
  return text.startsWith("*.") ? `*.${canonicalHost(text.slice(2))}` : canonicalHost(text);
}
