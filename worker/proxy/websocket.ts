// WebSocket passthrough of a proxied host: the upgrade goes to the upstream, and its answer decides.

import { CausewayError } from "../../shared/errors.ts";
import { PROXY_LIMITS } from "../../shared/limits.ts";
import type { SocketPlace } from "./call.ts";
import { pumpSockets } from "./pump.ts";
import { replyTo } from "./reply.ts";
import { replyHead } from "./reply-head.ts";
import { type Answer, reachUpstream } from "./upstream.ts";
import { cutCode, type Visit } from "./visit.ts";

/** The only one (RFC 6455 section 4.1). */
const VERSION = "13";

/** True for a request that asks for a WebSocket (RFC 6455 §4.1). */
export function isWebSocketUpgrade(request: Request): boolean {
  return request.headers.get("upgrade")?.toLowerCase() === "websocket" && request.method === "GET";
}

/**
 * Passes an upgrade on. An upstream's refusal (3xx to 5xx) is answered as it is.
 * @throws CausewayError `bad_request`; `too_many_connections`, `too_many_sockets`; `upgrade_refused` when the upstream answers 2xx instead;
 *   those of reachUpstream
 */
export async function proxyWebSocket(visit: Visit): Promise<Response> {
  checkHandshake(visit);
  const place = takePlace(visit);
  const answer = await reachUpstream(visit, { upgrade: true, upload: undefined });
  const { webSocket: upstream } = answer.response;
  if (!upstream) return refused(visit, answer);
  visit.replied();
  if (!visit.plan.config.websocket.meter) {
    visit.endPart("done");
    return switched(visit, answer, upstream);
  }
  const [client, server] = Object.values(new WebSocketPair());
  if (!client || !server) throw new CausewayError("internal");
  const reply = switched(visit, answer, client);
  join(visit, place, { client: server, upstream });
  return reply;
}

/**
 * The runtime asks these of a client only after the upstream has been asked, and then leaves the upstream's socket open.
 * Cloudflare's network asks them before the Worker, and browsers that come by HTTP/2 have no key (RFC 8441).
 */
function checkHandshake({ x }: Visit): void {
  if (x.env.FRONT_SECRET === undefined) return;
  const { headers } = x.request;
  const key = headers.get("sec-websocket-key") ?? "";
  const isHop = /(?:^|,)[ \t]*upgrade[ \t]*(?:,|$)/i.test(headers.get("connection") ?? "");
  if (isHop && /^[A-Za-z0-9+/]{22}==$/.test(key) && headers.get("sec-websocket-version") === VERSION) return;
  throw new CausewayError("bad_request", undefined, { fields: { "Sec-WebSocket-Version": VERSION } });
}

/** The place is given back with the visit, however that ends. */
function takePlace(visit: Visit): SocketPlace | undefined {
  const { plan, call } = visit;
  const now = Date.now();
  const { response_header_timeout: headerMs } = plan.config;
  const place = plan.sockets?.take(call.clientIp, now, now + headerMs + PROXY_LIMITS.SOCKET_LAPSE_MS);
  if (place) visit.onClose(() => place.give());
  return place;
}

/** The client's 101: an untouched upstream socket is coupled to the client's inside the runtime, and runs no JavaScript. */
function switched({ call }: Visit, { response, upstream }: Answer, webSocket: WebSocket): Response {
  const reply = new Response(null, { status: 101, webSocket, headers: response.headers });
  replyHead(call, upstream, reply.headers);
  return reply;
}

function refused(visit: Visit, answer: Answer): Response | Promise<Response> {
  const { response } = answer;
  if (response.ok) {
    void response.body?.cancel();
    throw new CausewayError("upgrade_refused");
  }
  return replyTo(visit, answer);
}

interface Ends {
  readonly client: WebSocket;
  readonly upstream: WebSocket;
}

function join(visit: Visit, place: SocketPlace | undefined, ends: Ends): void {
  const { x, flow, call } = visit;
  let touchedAt = 0;
  function show(now: number): void {
    touchedAt = now;
    place?.keep(now + PROXY_LIMITS.SOCKET_LAPSE_MS);
    x.meter.touch(x.env, x.ctx);
  }
  // Who cuts is another request's context: that may resolve a promise of this one's, and nothing else of it.
  const cut = Promise.withResolvers<string>();
  flow.onCut = (cause) => cut.resolve(cutCode(cause));
  // It may have come while the upstream was asked.
  if (flow.cut) cut.resolve(cutCode(flow.cut));
  show(Date.now());
  pumpSockets({
    ...ends,
    cut: cut.promise,
    idleMs: visit.plan.config.websocket.idle_timeout,
    onMessage(side, bytes, now) {
      if (side === "client") {
        flow.up += bytes;
        flow.messagesUp++;
      } else {
        flow.down += bytes;
        flow.messagesDown++;
      }
      if (now - touchedAt >= PROXY_LIMITS.TOUCH_INTERVAL_MS) show(now);
    },
    onTick: () => show(Date.now()),
    onEnd(end) {
      call.log?.socketEnded(end.code, end.by);
      visit.endPart(end.reason);
      x.meter.touch(x.env, x.ctx);
    },
  });
}
