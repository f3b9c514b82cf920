// The upstream's response on its way to the client: hop-by-hop fields off, Location back to the public host, body
// counted. Once a reply has begun, a failure breaks the client's connection; it never ends a body early as if whole.

import { CausewayError } from "../../shared/errors.ts";
import type { CloseReason } from "../../shared/flow/flow.ts";
import { contentLength, stripHopByHop } from "../../shared/http/headers.ts";
import { publicLocation } from "../../shared/http/location.ts";
import { BODY_LIMITS } from "../../shared/limits.ts";
import { meterBody } from "../stats/body.ts";
import type { Answer } from "./upstream.ts";
import type { Visit } from "./visit.ts";

/**
 * The client's reply to an answer.
 * @throws CausewayError `upstream_invalid` when a short body breaks off: nothing has been sent by then
 */
export async function replyTo(visit: Visit, answer: Answer): Promise<Response> {
  const { response } = answer;
  const length = contentLength(response.headers);
  // One more turn of the event loop, but still the cheapest way to count a short body.
  const whole =
    length !== undefined && length <= BODY_LIMITS.BUFFERED_BYTES_MAX && isMetered(visit, response)
      ? await wholeBody(response)
      : undefined;
  visit.replied();
  const reply = withBody(whole ? countWhole(visit, whole) : streamedBody(visit, response, length), response);
  rewriteHeaders(visit, answer, reply.headers);
  return reply;
}

/** True if there are bytes to count. */
function isMetered(visit: Visit, response: Response): boolean {
  return visit.plan.config.meter && response.body !== null && visit.x.request.method !== "HEAD";
}

/** A copied Response takes over status and headers; only an encoded body must be marked as encoded already. */
function withBody(body: BodyInit | null, response: Response): Response {
  if (!response.headers.has("content-encoding")) return new Response(body, response);
  const { status, statusText, headers } = response;
  return new Response(body, { status, statusText, headers, encodeBody: "manual" });
}

/**
 * Fixes the reply's headers in place. An upstream's own X-Request-Id stays: it is the id under which whoever made this
 * reply logged it. Without one the reply gets this request's, metered or not (the difference in CPU time is too small to
 * be measured).
 */
export function rewriteHeaders(visit: Visit, { upstream }: Answer, headers: Headers): void {
  const { x, plan } = visit;
  stripHopByHop(headers);
  const location = headers.get("location");
  if (location !== null)
    headers.set("location", publicLocation(location, upstream, plan.upstreams, x.url.origin));
  if (!headers.has("x-request-id")) headers.set("x-request-id", x.requestId);
}

function countWhole(visit: Visit, body: ArrayBuffer): ArrayBuffer {
  visit.flow.down += body.byteLength;
  visit.endPart("done");
  return body;
}

/** The body to pass on as it comes; null where HTTP has none. */
function streamedBody(visit: Visit, response: Response, length: number | undefined): BodyInit | null {
  const { x, flow } = visit;
  if (!response.body || !isMetered(visit, response)) {
    visit.endPart("done");
    return x.request.method === "HEAD" ? null : response.body;
  }
  const onEnd = (reason: CloseReason): void => visit.endPart(reason);
  return meterBody(response.body, { length, flow, direction: "down", x, onEnd });
}

async function wholeBody(response: Response): Promise<ArrayBuffer> {
  try {
    return await response.arrayBuffer();
  } catch (cause) {
    throw new CausewayError("upstream_invalid", undefined, { cause });
  }
}
