// WebSocket passthrough of a proxied host: the upgrade goes to the upstream, and its answer decides.

import { CausewayError } from "../../shared/errors.ts";
import { PROXY_LIMITS } from "../../shared/limits.ts";
import type { Upstream } from "./plan.ts";
import { pumpSockets } from "./pump.ts";
import { replyTo, rewriteHeaders } from "./reply.ts";
import { type Answer, reachUpstream } from "./upstream.ts";
import type { Visit } from "./visit.ts";

/** True for a request that asks for a WebSocket (RFC 6455 §4.1). */
export function isWebSocketUpgrade(request: Request): boolean {
  return request.headers.get("upgrade")?.toLowerCase() === "websocket" && request.method === "GET";
}

/**
 * Passes an upgrade on. An upstream's refusal (3xx to 5xx) is answered as it is.
 * @throws CausewayError `upgrade_refused` when the upstream answers 2xx instead; those of reachUpstream
 */
export async function proxyWebSocket(visit: Visit, first: Upstream): Promise<Response> {
  const answer = await reachUpstream(visit, { first, upgrade: true, upload: undefined });
  const { response } = answer;
  if (!response.webSocket) return refused(visit, answer);
  visit.replied();
  if (!visit.plan.config.websocket.meter) {
    visit.endPart("done");
    return response;
  }
  const [client, server] = Object.values(new WebSocketPair());
  if (!client || !server) throw new CausewayError("internal");
  join(visit, server, response.webSocket);
  const reply = new Response(null, { status: 101, webSocket: client, headers: response.headers });
  rewriteHeaders(visit, answer, reply.headers);
  return reply;
}

function refused(visit: Visit, answer: Answer): Promise<Response> {
  const { response } = answer;
  if (response.ok) {
    void response.body?.cancel();
    throw new CausewayError("upgrade_refused");
  }
  return replyTo(visit, answer);
}

function join(visit: Visit, client: WebSocket, upstream: WebSocket): void {
  const { x, flow } = visit;
  let touchedAt = 0;
  function touch(): void {
    x.meter.touch(x.env, x.ctx);
  }
  pumpSockets({
    client,
    upstream,
    idleMs: visit.plan.config.websocket.idle_timeout,
    onMessage(side, bytes) {
      if (side === "client") {
        flow.up += bytes;
        flow.messagesUp++;
      } else {
        flow.down += bytes;
        flow.messagesDown++;
      }
      const now = Date.now();
      if (now - touchedAt < PROXY_LIMITS.TOUCH_INTERVAL_MS) return;
      touchedAt = now;
      touch();
    },
    onTick: touch,
    onEnd(reason) {
      visit.endPart(reason);
      touch();
    },
  });
}
