// The reverse proxy, one request at a time: route, gates, admission, upstream, reply. Each step is a function; what it
// refuses it throws as a CausewayError, which app.ts answers.

import { CausewayError } from "../../shared/errors.ts";
import { openLogEntry } from "../access-log/log.ts";
import { withFields } from "../error-response.ts";
import type { Exchange } from "../exchange.ts";
import { answerCached } from "./cache/serve.ts";
import type { Call, CallLog, Gate } from "./call.ts";
import { passGates } from "./gates.ts";
import { planOf } from "./plan.ts";
import { replyTo } from "./reply.ts";
import { openUpload } from "./upload.ts";
import { reachUpstream } from "./upstream.ts";
import { cutCode, Visit } from "./visit.ts";
import { isWebSocketUpgrade, proxyWebSocket } from "./websocket.ts";

/**
 * Serves a request of a proxied host.
 * @throws CausewayError `host_unknown`; what the gates and the admission refuse; `upstream_unreachable`,
 *   `upstream_timeout`, `upstream_invalid`, `upgrade_refused`
 */
export function handleHost(x: Exchange): Promise<Response> {
  const call = route(x);
  return call.log ? logged(call, call.log) : pass(call);
}

async function logged(call: Call, log: CallLog): Promise<Response> {
  try {
    const reply = await pass(call);
    log.replied(reply);
    return reply;
  } catch (error) {
    log.failed(error);
    throw error;
  }
}

/** Where no gate has to wait the request goes on in the same turn: each promise on its way costs it about half a microsecond. */
function pass(call: Call): Promise<Response> {
  let passed: ReturnType<Gate>;
  try {
    passed = passGates(call);
  } catch (error) {
    return Promise.reject(refused(call, error));
  }
  return passed ? passOrAnswer(call, passed) : serve(call);
}

async function passOrAnswer(call: Call, passed: Response | Promise<Response | undefined>): Promise<Response> {
  let reply: Response | undefined;
  try {
    reply = await passed;
  } catch (error) {
    throw refused(call, error);
  }
  return reply ? answered(call, reply) : serve(call);
}

/** What a gate refused with, counted and ready to be thrown. */
function refused(call: Call, error: unknown): unknown {
  const { x, plan, kind } = call;
  x.meter.refuse(plan.service, kind, error instanceof CausewayError ? error.code : "internal");
  x.meter.touch(x.env, x.ctx);
  return withReplyFields(call, error);
}

/** A gate's own reply, counted as a request that went nowhere. */
function answered({ x, plan, kind, clientIp, user }: Call, reply: Response): Response {
  const flow = x.meter.open({
    kind,
    service: plan.service,
    client: clientIp,
    target: "",
    user,
    startedAt: x.startedAt,
  });
  x.meter.close(flow, "done");
  x.meter.touch(x.env, x.ctx);
  return reply;
}

function route(x: Exchange): Call {
  const { hostname, pathname } = x.url;
  const host = x.config.routes.match(hostname, pathname);
  if (!host) throw new CausewayError("host_unknown");
  const kind = isWebSocketUpgrade(x.request) ? "ws" : "http";
  const plan = planOf(host, x.config.epoch);
  const arrival = plan.arrival?.(x);
  const clientIp = arrival?.clientIp ?? x.clientIp;
  const call: Call = {
    x,
    plan,
    kind,
    pathname,
    clientIp,
    arrival,
    user: "",
    log: undefined,
    replyFields: undefined,
  };
  if (host.access_log) call.log = openLogEntry(call);
  return call;
}

/** A refusal tells, too, what any reply would. */
function withReplyFields({ replyFields }: Call, error: unknown): unknown {
  return replyFields ? withFields(error, replyFields) : error;
}

/** Where no place is left here the host's object may have more; one that comes free is taken in the same turn. */
async function admit(call: Call): Promise<Visit> {
  const { plan, x } = call;
  while (!plan.places.hasRoom(Date.now()) && (await plan.places.more(x.env, x.ctx)));
  try {
    return new Visit(call);
  } catch (error) {
    throw withReplyFields(call, error);
  }
}

/** An admitted request: from here on its visit ends exactly once. */
async function serve(call: Call): Promise<Response> {
  const visit = call.plan.places.hasRoom(call.x.startedAt) ? new Visit(call) : await admit(call);
  try {
    if (call.kind === "ws") return await proxyWebSocket(visit);
    const incoming = call.x.request.body;
    const upload = incoming ? await openUpload(visit, incoming) : undefined;
    const answer = call.plan.cache
      ? await answerCached(visit, (prepare) => reachUpstream(visit, { upgrade: false, upload, prepare }))
      : await reachUpstream(visit, { upgrade: false, upload });
    const reply = replyTo(visit, answer);
    return reply instanceof Promise ? await reply : reply;
  } catch (error) {
    const { cut } = visit.flow;
    const refusal = cut ? new CausewayError(cutCode(cut), undefined, { cause: error }) : error;
    visit.fail(refusal);
    throw withReplyFields(call, refusal);
  }
}
