// POST /api/sign: makes a channel's address for somebody, good until it expires.

import * as v from "valibot";
import { parseDuration } from "../../shared/config/fields.ts";
import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import type { RequestUrl } from "../../shared/http/request-url.ts";
import { CONTROL_LIMITS, VIEWER_LIMITS } from "../../shared/limits.ts";
import { canonicalIp } from "../../shared/net/address.ts";
import { clientNetwork } from "../../shared/net/client-network.ts";
import { isSessionId, type TokenClaims } from "../../shared/viewers/token.ts";
import { type ConfigSnapshot, currentConfig } from "../directory/client.ts";
import { keyRing } from "../hls/access/keys.ts";
import { signedPath, streamPath } from "../hls/access/signing.ts";
import { subscriberByName } from "../hls/access/subscribers.ts";
import { requireRole } from "./access.ts";
import { readJson } from "./body.ts";
import type { ControlExchange } from "./exchange.ts";
import { json } from "./reply.ts";

const OrderSchema = v.strictObject({
  channel: v.string(),
  viewer: v.optional(v.string()),
  expires: v.optional(v.string(), "24h"),
  ip: v.optional(v.string()),
  session: v.optional(v.string()),
  connections: v.optional(
    v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(VIEWER_LIMITS.SESSIONS_MAX)),
  ),
  host: v.optional(v.string()),
});

type Order = v.InferOutput<typeof OrderSchema>;

/**
 * `{channel, viewer?, expires?, ip?, session?, connections?, host?}`; answers `{url, expires_at}`. A public channel's address
 * has no token and does not expire.
 */
export async function signAddress(x: ControlExchange): Promise<Response> {
  await requireRole(x, "operator");
  const body = v.safeParse(OrderSchema, await readJson(x.request, CONTROL_LIMITS.BODY_BYTES_MAX));
  if (!body.success)
    throw cannot(
      'the body must be {"channel": …} with "viewer", "expires", "ip", "session", "connections", "host" if wanted',
    );
  const order = body.output;
  const config = await currentConfig(x.env, x.ctx);
  const channel = await config.channel(order.channel);
  if (!channel) throw new CausewayError("channel_unknown");
  const claims = claimsOf(order, channel, config, x.startedAt);
  const base = baseOf(order.host, config, x.url);
  if (channel.access !== "token") return json(x, { url: base + streamPath(channel), expires_at: null });
  const path = await signedPath(await keyRing(config, x.env), channel, claims);
  return json(x, { url: base + path, expires_at: new Date(claims.expiresAt).toISOString() });
}

function claimsOf(order: Order, channel: ChannelConfig, config: ConfigSnapshot, now: number): TokenClaims {
  const ms = parseDuration(order.expires);
  if (ms === undefined || ms < 1_000 || ms > VIEWER_LIMITS.EXPIRES_MS_MAX)
    throw cannot('expires must be from "1s" to "366d", as in "2h"');
  const ip = order.ip === undefined ? undefined : canonicalIp(order.ip.trim());
  if (order.ip !== undefined && ip === undefined) throw cannot("ip must be an IPv4 or IPv6 address");
  if (order.session !== undefined && !isSessionId(order.session))
    throw cannot("session must be 1 to 64 letters, digits, - or _");
  const viewer = order.viewer === undefined ? undefined : viewerOf(order.viewer, channel, config);
  return {
    channel: channel.id,
    // Claims have whole seconds.
    expiresAt: Math.ceil((now + ms) / 1_000) * 1_000,
    ...(viewer && { viewer }),
    ...(ip !== undefined && { network: clientNetwork(ip) }),
    ...(order.session !== undefined && { session: order.session }),
    ...(order.connections !== undefined && { places: order.connections }),
  };
}

function viewerOf(name: string, channel: ChannelConfig, config: ConfigSnapshot): TokenClaims["viewer"] {
  const subscriber = subscriberByName(config, name);
  if (!subscriber) throw cannot(`no viewer "${name}" is configured`);
  if (!subscriber.mayWatch(channel)) throw cannot(`the viewer "${name}" may not watch ${channel.id}`);
  return { name, fingerprint: subscriber.fingerprint };
}

/** Where viewers ask: as the operator says, else the first channel host that is one name, else where this request went. */
function baseOf(host: string | undefined, config: ConfigSnapshot, asked: Pick<RequestUrl, "origin">): string {
  if (host !== undefined) {
    const url = URL.parse(host);
    const isBase = url !== null && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`;
    if (!isBase) throw cannot('host must be as in "https://tv.example.com"');
    return url.origin;
  }
  if (config.channelHosts.empty) return asked.origin;
  const own = config.channelHosts.first;
  if (own === undefined) throw cannot("say on which host, for edge.channel_hosts has patterns only");
  const url = new URL(asked.origin);
  url.hostname = own;
  return url.origin;
}

function cannot(why: string): CausewayError {
  return new CausewayError("bad_request", `Cannot sign: ${why}`);
}
