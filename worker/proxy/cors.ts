// Cross-origin access of a host: preflights are answered here, before anybody is asked to sign in, and replies get the
// host's fields in place of the upstream's; refusals get them, too, so that a page can tell why it was refused.

import type { HostConfig } from "../../shared/config/schema.ts";
import { CORS_REPLY_FIELDS, type Cors, compileCors } from "../../shared/http/cors.ts";
import { addVary } from "../../shared/http/vary.ts";
import type { Call, Gate, HeadStep } from "./call.ts";

/** The host's rules ready for use; undefined where it has none. */
export function corsOf({ cors }: HostConfig): Cors | undefined {
  return cors === undefined ? undefined : compileCors(cors);
}

/** Answers preflights: browsers send them without credentials, so an upstream behind a sign-in would never see one. */
export function corsGate(config: HostConfig): Gate | undefined {
  const cors = corsOf(config);
  if (!cors) return undefined;
  return (call) => {
    const { method, headers: asked } = call.x.request;
    const origin = asked.get("origin");
    const isPreflight = method === "OPTIONS" && origin !== null && asked.has("access-control-request-method");
    if (isPreflight) return answerPreflight(call, cors, origin);
    call.replyFields ??= new Headers();
    putCors(call.replyFields, cors, origin);
    return undefined;
  };
}

function answerPreflight({ x }: Call, cors: Cors, origin: string): Response {
  const headers = new Headers({ "X-Request-Id": x.requestId });
  for (const [name, value] of cors.preflightFields(origin)) headers.set(name, value);
  if (cors.varies) addVary(headers, "Origin");
  return new Response(null, { status: 204, headers });
}

function putCors(headers: Headers, cors: Cors, origin: string | null): void {
  for (const [name, value] of cors.replyFields(origin)) headers.set(name, value);
  if (cors.varies) addVary(headers, "Origin");
}

/** Puts the host's answer in place of the upstream's, of which a part could be left where the host says nothing. */
export function corsStep(cors: Cors): HeadStep {
  return ({ x }, _, headers) => {
    for (const name of CORS_REPLY_FIELDS) headers.delete(name);
    putCors(headers, cors, x.request.headers.get("origin"));
  };
}
