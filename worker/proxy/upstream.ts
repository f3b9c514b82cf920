// Sends a request to the upstreams of a host: headers rewritten, one deadline for the response headers over all
// attempts, further attempts elsewhere while nothing has been answered.

import { CausewayError } from "../../shared/errors.ts";
import { setForwarded } from "../../shared/http/forwarded.ts";
import { stripHopByHop } from "../../shared/http/headers.ts";
import { isReplayable } from "../../shared/http/replayable.ts";
import { FRONT_HEADERS } from "../client-address.ts";
import type { Exchange } from "../exchange.ts";
import { withinDeadline } from "./deadline.ts";
import { nextUpstream, type Upstream } from "./plan.ts";
import type { Upload } from "./upload.ts";
import type { Visit } from "./visit.ts";

/** A response and who sent it. */
export interface Answer {
  readonly response: Response;
  readonly upstream: Upstream;
}

const NONE: ReadonlySet<number> = new Set();

/** The request's headers as the upstream gets them; with `upgrade` they ask for a WebSocket. */
function upstreamHeaders(x: Exchange, upgrade: boolean): Headers {
  const headers = new Headers(x.request.headers);
  stripHopByHop(headers);
  for (const name of FRONT_HEADERS) headers.delete(name);
  setForwarded(headers, {
    clientIp: x.clientIp,
    host: x.url.host,
    scheme: x.url.protocol.slice(0, -1),
  });
  if (upgrade) headers.set("upgrade", "websocket");
  return headers;
}

export interface Sending {
  /** The upstream to try first. */
  readonly first: Upstream;
  readonly upgrade: boolean;
  readonly upload: Upload | undefined;
}

/**
 * The first answer of an upstream.
 * @throws CausewayError `upstream_unreachable`, `upstream_timeout`, `body_too_large`
 */
export async function reachUpstream(visit: Visit, sending: Sending): Promise<Answer> {
  const { upload } = sending;
  const { method } = visit.x.request;
  const init: RequestInit = {
    method,
    headers: upstreamHeaders(visit.x, sending.upgrade),
    redirect: "manual",
    encodeResponseBody: "manual",
    ...(upload && { body: upload.body, signal: upload.controller.signal }),
  };
  const attempts: Attempts = {
    left: isReplayable(method, upload !== undefined) ? visit.plan.config.retries : 0,
    upstream: sending.first,
  };
  try {
    const response = await withinDeadline(attempt(visit, init, attempts), {
      ms: visit.plan.config.response_header_timeout,
      slow: visit.slow,
      after: upload?.ended,
      onExpired() {
        attempts.left = 0;
        // An upload would outlive its 504: the pipe that counts it keeps the request's context, and the fetch, alive.
        upload?.controller.abort();
      },
    });
    return { response, upstream: attempts.upstream };
  } catch (cause) {
    if (upload?.exceeded()) throw new CausewayError("body_too_large");
    if (cause instanceof CausewayError) throw cause;
    throw new CausewayError("upstream_unreachable", undefined, { cause });
  }
}

interface Attempts {
  left: number;
  /** The upstream of the attempt under way. */
  upstream: Upstream;
}

/** One attempt after the other. The runtime does not tell a refused connection from a lost one: both are tried again. */
async function attempt(visit: Visit, init: RequestInit, attempts: Attempts): Promise<Response> {
  const { url, clientIp } = visit.x;
  let failed = NONE;
  for (;;) {
    try {
      return await fetch(attempts.upstream.base + url.pathname + url.search, init);
    } catch (error) {
      if (attempts.left-- <= 0) throw error;
      failed = new Set([...failed, attempts.upstream.index]);
      attempts.upstream = nextUpstream(visit.plan, clientIp, failed);
    }
  }
}
