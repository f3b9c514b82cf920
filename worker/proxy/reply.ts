// The upstream's response on its way to the client: hop-by-hop fields off, Location back to the public host, body
// counted. Once a reply has begun, a failure breaks the client's connection; it never ends a body early as if whole.

import { contentLength } from "../../shared/http/headers.ts";
import { BODY_LIMITS } from "../../shared/limits.ts";
import { meterBody } from "../stats/body.ts";
import { isFinalHead, replyHead } from "./reply-head.ts";
import type { Answer } from "./upstream.ts";
import type { Visit } from "./visit.ts";

/**
 * The client's reply to an answer; a promise only where it has to wait for a short body.
 * @throws CausewayError `upstream_invalid` when a short body breaks off, `upstream_timeout` when it stands still: nothing has
 *   been sent by then
 */
export function replyTo(visit: Visit, answer: Answer): Response | Promise<Response> {
  const { response } = answer;
  const length = contentLength(response.headers);
  if (isShort(visit, answer, length)) return shortReply(visit, answer);
  const source = answer.whole ?? response.body;
  const body = streamedBody(visit, source, length);
  const isFinal = isFinalHead(visit.call, response.headers);
  const isUntouched = isFinal && body !== null && body === response.body;
  const reply = isUntouched ? response : withBody(body, response);
  // Where no body comes, as in a reply to HEAD, nobody has checked its announced length: one that frames nothing does not go on
  // (RFC 9112 section 6.3).
  if (source === null && length === undefined) reply.headers.delete("content-length");
  return finished(visit, answer, reply, isFinal);
}

/** One more turn of the event loop, but still the cheapest way to count a short body. */
async function shortReply(visit: Visit, answer: Answer): Promise<Response> {
  const { response } = answer;
  const body = await visit.within(response.arrayBuffer(), visit.plan.config.body_idle_timeout, WHOLE_BODY);
  const isFinal = isFinalHead(visit.call, response.headers);
  return finished(visit, answer, withBody(countWhole(visit, body), response), isFinal);
}

function finished(visit: Visit, { upstream }: Answer, reply: Response, isFinal: boolean): Response {
  visit.replied();
  if (!isFinal) replyHead(visit.call, upstream, reply.headers);
  return reply;
}

/** A short body that is to be counted. A 200 has one: to ask for the stream would make an object more for each request. */
function isShort({ plan, x }: Visit, { response, whole }: Answer, length: number | undefined): boolean {
  if (length === undefined || length > BODY_LIMITS.BUFFERED_BYTES_MAX || whole || !plan.config.meter)
    return false;
  return x.request.method !== "HEAD" && (response.status === 200 || response.body !== null);
}

type Source = ReadableStream<Uint8Array> | Uint8Array;

const WHOLE_BODY = { late: "upstream_timeout", broken: "upstream_invalid" } as const;

/** True if there are bytes to count. */
function isMetered(visit: Visit, source: Source | null): source is Source {
  return visit.plan.config.meter && source !== null && visit.x.request.method !== "HEAD";
}

/** A copied Response takes over status and headers; only an encoded body must be marked as encoded already. */
function withBody(body: BodyInit | null, response: Response): Response {
  if (!response.headers.has("content-encoding")) return new Response(body, response);
  const { status, statusText, headers } = response;
  return new Response(body, { status, statusText, headers, encodeBody: "manual" });
}

function countWhole(visit: Visit, body: ArrayBuffer): ArrayBuffer {
  visit.flow.down += body.byteLength;
  visit.endPart("done");
  return body;
}

/** The body to pass on as it comes; null where HTTP has none. */
function streamedBody(visit: Visit, source: Source | null, length: number | undefined): BodyInit | null {
  const { x, flow } = visit;
  if (!isMetered(visit, source)) {
    visit.endPart("done");
    return x.request.method === "HEAD" ? null : (source as BodyInit | null);
  }
  const { body, mover } = meterBody(source, {
    length,
    flow,
    x,
    idleMs: visit.plan.config.body_idle_timeout,
    countsAborted: visit.plan.config.quota !== undefined,
    onEnd: (reason) => visit.endPart(reason),
  });
  if (mover) visit.follow(mover);
  return body as BodyInit;
}
