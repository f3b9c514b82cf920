// A subscriber's own addresses, /v.SECRET/playlist.m3u and /v.SECRET/epg.xml: the list of what may be watched, its channels
// with signed addresses, and the guide.

import { CausewayError } from "../../../shared/errors.ts";
import type { ViewerPath } from "../../../shared/viewers/address.ts";
import { failureResponse } from "../../error-response.ts";
import type { Exchange } from "../../exchange.ts";
import type { ListReader } from "../../lists/playlist.ts";
import { serveListTo } from "../../lists/serve.ts";
import { preflight, withCors } from "../reply.ts";
import { listTokens } from "./signing.ts";
import { subscriberBySecret } from "./subscribers.ts";

/** Never rejects: a wrong secret is 404, and every error can be read by a player on another site. */
export async function serveViewerList(x: Exchange, { secret, name }: ViewerPath): Promise<Response> {
  try {
    if (x.request.method === "OPTIONS") return preflight(x);
    const reply = await serveListTo(x, name, await readerOf(x, secret));
    // The secret stands in the address: pages that a browser shows must not tell others of it.
    reply.headers.set("Referrer-Policy", "no-referrer");
    return reply;
  } catch (thrown) {
    return withCors(failureResponse(thrown, { request: x.request, requestId: x.requestId }));
  }
}

/** @throws CausewayError `not_found`, `user_expired`, `token_ip` */
async function readerOf(x: Exchange, secret: string): Promise<ListReader> {
  const subscriber = await subscriberBySecret(x.config, secret);
  if (!subscriber) throw new CausewayError("not_found");
  if (subscriber.isOver(x.startedAt)) throw new CausewayError("user_expired");
  if (!subscriber.mayComeFrom(x.clientIp)) throw new CausewayError("token_ip");
  return {
    guidePath: `/v.${secret}/epg.xml`,
    mayWatch: (channel) => subscriber.mayWatch(channel),
    tokensFor: (channels) => listTokens(x, subscriber, channels),
  };
}
