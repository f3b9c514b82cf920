// Every request passes here: one parsed URL, then one visible order of decisions. The proxied path stays thin, because
// its cost is paid per request; the control plane is built on first use and never touched by proxied traffic.

import { CausewayError } from "../shared/errors.ts";
import { parseRequestUrl, type RequestUrl } from "../shared/http/request-url.ts";
import { isChannelPath, serveChannels } from "./channel-routes.ts";
import { clientAddress } from "./client-address.ts";
import { handleControl } from "./control/app.ts";
import { isControlHost } from "./control-hosts.ts";
import { type ConfigSnapshot, currentConfig, freshConfig } from "./directory/client.ts";
import type { Env } from "./env.ts";
import { failureResponse } from "./error-response.ts";
import type { Exchange } from "./exchange.ts";
import { withCors } from "./hls/reply.ts";
import { handleHost } from "./proxy/host.ts";
import { nextRequestId } from "./request-id.ts";
import { isolateMeter } from "./stats/meter.ts";

/** The Worker's fetch handler. Never rejects. */
export async function handle(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
  const requestId = nextRequestId();
  let url: RequestUrl | undefined;
  let config: ConfigSnapshot | undefined;
  try {
    url = parseUrl(request);
    const startedAt = Date.now();
    const clientIp = clientAddress(request, env);
    const { hostname } = url;
    if (isControlHost(hostname, env.CONTROL_HOSTS))
      return await handleControl({ request, url, env, ctx, requestId, clientIp, startedAt });
    config = freshConfig() ?? (await currentConfig(env, ctx));
    const meter = isolateMeter();
    const x: Exchange = { request, url, env, ctx, requestId, clientIp, config, meter, startedAt };
    if (config.channelHosts.has(hostname)) return await serveChannelHost(x);
    return await handleHost(x);
  } catch (thrown) {
    const response = failureResponse(thrown, { requestId, request });
    // Whether it is a channel's host nobody knows without a configuration, and who asked may be a player on another site.
    return url && !config && isChannelPath(url.pathname) ? withCors(response) : response;
  }
}

/**
 * The request's URL with its host in one spelling: lower case, without default port and final dot, so that
 * "Host: App.Example.COM.:443" is routed and authorised like "app.example.com".
 * @throws CausewayError `bad_request` for a Host header that makes no URL, or one that reaches into the URL's other parts
 */
function parseUrl(request: Request): RequestUrl {
  const url = parseRequestUrl(request.url);
  const host = request.headers.get("host") ?? "";
  // RFC 9112 section 3.2. The runtime puts Host before the path as it came: "a.test/x?" would move the path into the
  // query, and "a.test@b.test", "b%2Etest" or a tab in it be another host than the front before this one saw.
  if (!url || (host !== url.host && /[/?#@\\\t]|%[0-7]/.test(host))) throw new CausewayError("bad_request");
  return url;
}

/** A channel host serves channels and nothing else; players on other sites must be able to read its errors, too. */
async function serveChannelHost(x: Exchange): Promise<Response> {
  try {
    if (!isChannelPath(x.url.pathname)) throw new CausewayError("not_found");
    return await serveChannels(x);
  } catch (thrown) {
    return withCors(failureResponse(thrown, x));
  }
}
