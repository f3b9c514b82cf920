// Makes the addresses that need a token: one by one for operators, or all channels of a subscriber's list.

import type { ChannelSummary } from "../../../shared/config/document.ts";
import { VIEWER_LIMITS } from "../../../shared/limits.ts";
import { clientNetwork } from "../../../shared/net/client-network.ts";
import type { TokenClaims } from "../../../shared/viewers/token.ts";
import type { Exchange } from "../../exchange.ts";
import { type KeyRing, keyRing } from "./keys.ts";
import type { Subscriber } from "./subscribers.ts";

interface Addressed {
  readonly id: string;
  readonly kind?: "hls" | "ts";
}

/** The path of a channel's stream, below its token if there is one. */
export function streamPath({ id, kind }: Addressed, token?: string): string {
  const below = token === undefined ? "" : `t.${token}/`;
  return `/proxy/${id}/${below}${kind === "ts" ? "stream.ts" : "stream.m3u8"}`;
}

/** The stream's path with a token that says `claims`. */
export async function signedPath(ring: KeyRing, channel: Addressed, claims: TokenClaims): Promise<string> {
  return streamPath(channel, await ring.sign(claims));
}

/**
 * The tokens of those of `channels` that need one, by channel. They stay the same for as long as they may, because players
 * know a channel by its address: their expiry moves in steps of the subscriber's link_ttl.
 * @throws CausewayError `secrets_missing`
 */
export async function listTokens(
  x: Exchange,
  subscriber: Subscriber,
  channels: readonly ChannelSummary[],
): Promise<ReadonlyMap<string, string>> {
  const guarded = channels.filter(({ access }) => access === "token");
  const tokens = new Map<string, string>();
  if (guarded.length === 0) return tokens;
  const ring = await keyRing(x.config, x.env);
  const { name, link_ttl: ttl, bind_ip: isBound } = subscriber.config;
  const common = {
    expiresAt: (Math.floor(x.startedAt / ttl) + 2) * ttl,
    viewer: { name, fingerprint: subscriber.fingerprint },
    ...(isBound && { network: clientNetwork(x.clientIp) }),
  };
  for (let at = 0; at < guarded.length; at += VIEWER_LIMITS.SIGNED_AT_ONCE) {
    const part = guarded.slice(at, at + VIEWER_LIMITS.SIGNED_AT_ONCE);
    const made = await Promise.all(part.map(({ id }) => ring.sign({ ...common, channel: id })));
    for (const [index, { id }] of part.entries()) tokens.set(id, made[index] ?? "");
  }
  return tokens;
}
