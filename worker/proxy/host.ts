// The reverse proxy, one request at a time: route, limits, upstream, fetch, reply. Each step is a function; what it
// refuses it throws as a CausewayError, which app.ts answers.

import type { HostConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { contentLength } from "../../shared/http/headers.ts";
import type { Exchange } from "../exchange.ts";
import { type HostPlan, nextUpstream, planOf } from "./plan.ts";
import { replyTo } from "./reply.ts";
import { openUpload } from "./upload.ts";
import { reachUpstream } from "./upstream.ts";
import { Visit } from "./visit.ts";
import { isWebSocketUpgrade, proxyWebSocket } from "./websocket.ts";

const NONE: ReadonlySet<number> = new Set();

/**
 * Serves a request of a proxied host.
 * @throws CausewayError `host_unknown`, `body_too_large`, `too_many_connections`, `upstream_unreachable`,
 *   `upstream_timeout`, `upstream_invalid`, `upgrade_refused`
 */
export async function handleHost(x: Exchange): Promise<Response> {
  const plan = planOf(route(x));
  checkBodyLength(x, plan);
  const first = nextUpstream(plan, x.clientIp, NONE);
  const upgrade = isWebSocketUpgrade(x.request);
  const visit = new Visit(x, plan, upgrade ? "ws" : "http", first);
  try {
    if (upgrade) return await proxyWebSocket(visit, first);
    const upload = openUpload(visit);
    return await replyTo(visit, await reachUpstream(visit, { first, upgrade, upload }));
  } catch (error) {
    visit.fail();
    throw error;
  }
}

function route(x: Exchange): HostConfig {
  const host = x.config.routes.match(x.url.hostname, x.url.pathname);
  if (!host) throw new CausewayError("host_unknown");
  return host;
}

/** A body without Content-Length is held to the same bound while it streams. */
function checkBodyLength(x: Exchange, plan: HostPlan): void {
  const length = contentLength(x.request.headers);
  if (length === undefined || length <= plan.config.max_body) return;
  x.meter.refuse(plan.service, "http");
  x.meter.touch(x.env, x.ctx);
  throw new CausewayError("body_too_large");
}
