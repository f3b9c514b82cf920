// Cross-origin access of a host: preflights are answered here, before anybody is asked to sign in, and replies get the
// host's fields in place of the upstream's; refusals get them, too, so that a page can tell why it was refused.

import type { HostConfig } from "../../shared/config/schema.ts";
import { type Cors, compileCors } from "../../shared/http/cors.ts";
import { addVary } from "../../shared/http/vary.ts";
import type { Call, Gate, ReplyField } from "./call.ts";

const VARY_BY_ORIGIN: ReplyField = ["vary", "Origin"];

/** Answers preflights: browsers send them without credentials, so an upstream behind a sign-in would never see one. */
export function corsGate(config: HostConfig): Gate | undefined {
  if (!config.cors) return undefined;
  const cors = compileCors(config.cors);
  return (call) => {
    const { method, headers: asked } = call.x.request;
    const origin = asked.get("origin");
    const isPreflight = method === "OPTIONS" && origin !== null && asked.has("access-control-request-method");
    if (isPreflight) return answerPreflight(call, cors, origin);
    call.replyFields ??= [];
    call.replyFields.push(...cors.replyFields(origin));
    if (cors.varies) call.replyFields.push(VARY_BY_ORIGIN);
    return undefined;
  };
}

function answerPreflight({ x }: Call, cors: Cors, origin: string): Response {
  const headers = new Headers({ "X-Request-Id": x.requestId });
  for (const [name, value] of cors.preflightFields(origin)) headers.set(name, value);
  if (cors.varies) addVary(headers, "Origin");
  return new Response(null, { status: 204, headers });
}
