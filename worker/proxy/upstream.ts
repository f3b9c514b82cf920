// Sends a request to the upstreams of a host: one deadline for the response headers over all attempts, further attempts
// elsewhere while nothing has been answered.

import { CausewayError } from "../../shared/errors.ts";
import { isReplayable } from "../../shared/http/replayable.ts";
import { PROXY_LIMITS } from "../../shared/limits.ts";
import { originFetch } from "../network.ts";
import type { Upstream } from "./call.ts";
import { withinDeadline } from "./deadline.ts";
import { requestHead } from "./request-head.ts";
import { queryOf } from "./target-path.ts";
import type { Upload } from "./upload.ts";
import { fetchViaRelay } from "./via.ts";
import type { Visit } from "./visit.ts";

/** A response and who sent it. */
export interface Answer {
  readonly response: Response;
  readonly upstream: Upstream;
  /** The body, where it is here already; that of `response` is null then. */
  readonly whole?: Uint8Array | undefined;
}

export interface Sending {
  readonly upgrade: boolean;
  readonly upload: Upload | undefined;
  /** Changes the request's fields, in place, before each attempt. */
  readonly prepare?: ((headers: Headers) => void) | undefined;
}

/** Failures that another attempt may mend; a relay that refuses will refuse the next one, too. */
const FATAL: ReadonlySet<unknown> = new Set(["relay_refused", "secrets_missing"]);

/**
 * The first answer of an upstream.
 * @throws CausewayError `no_upstream`, `upstream_unreachable`, `upstream_timeout`, `body_too_large`; with a relay on the way
 *   `relay_unreachable`, `relay_refused`, `secrets_missing`
 */
export async function reachUpstream(visit: Visit, sending: Sending): Promise<Answer> {
  const { upload } = sending;
  const { plan, x } = visit;
  const { method } = x.request;
  const { affinity } = plan.pool;
  if (affinity && !affinity.isReady) await affinity.prepare(x.env);
  const attempts: Attempts = {
    left: isReplayable(method, upload?.signal !== undefined) ? plan.config.retries : 0,
    upstream: chosen(visit),
    over: false,
  };
  const init: RequestInit = {
    method,
    headers: headFor(visit, attempts.upstream, sending),
    redirect: "manual",
    encodeResponseBody: "manual",
    ...(upload && { body: upload.body, signal: upload.signal ?? null }),
  };
  plan.retryBudget?.count(x.startedAt);
  try {
    const response = await withinDeadline(attempt(visit, init, attempts, sending), {
      ms: plan.config.response_header_timeout,
      slow: visit.slow,
      after: upload?.ended,
      waiter: visit,
      onExpired(code) {
        attempts.over = true;
        if (code === "upstream_timeout") visit.report("failed");
        // An upload would outlive its 504: the pipe that counts it keeps the request's context, and the fetch, alive.
        upload?.abort();
      },
    });
    if (affinity) keepWith(visit, attempts.upstream);
    return { response, upstream: attempts.upstream };
  } catch (cause) {
    const broken = upload?.failure();
    if (broken) throw new CausewayError(broken);
    if (cause instanceof CausewayError) throw cause;
    throw new CausewayError("upstream_unreachable", undefined, { cause });
  }
}

interface Attempts {
  left: number;
  /** The upstream of the attempt under way. */
  upstream: Upstream;
  /** The client has its 504: whatever comes now comes too late. */
  over: boolean;
}

/** One attempt after the other. The runtime does not tell a refused connection from a lost one: both are tried again. */
async function attempt(
  visit: Visit,
  init: RequestInit,
  attempts: Attempts,
  sending: Sending,
): Promise<Response> {
  const { plan, x } = visit;
  const path = plan.targetPath(visit.call.pathname) + queryOf(x.url);
  const send = originFetch(x.env);
  let failed: Set<number> | undefined;
  for (;;) {
    const { upstream } = attempts;
    const target = upstream.base + path;
    try {
      const response = await (plan.relay === undefined
        ? send(target, init)
        : fetchViaRelay(x.config, plan.relay, target, init, send));
      if (!isReply(response) || (sending.upgrade && isRuntimes(response))) throw await invalid(response);
      if (!attempts.over) visit.report(response.status);
      return response;
    } catch (error) {
      if (attempts.over) throw error;
      if (isUpstreamsFault(error, target, sending.upload)) visit.report("failed");
      if (attempts.left-- <= 0 || isFatal(error) || !plan.retryBudget?.spend(Date.now())) throw error;
      failed ??= new Set();
      failed.add(upstream.index);
      attempts.upstream = chosen(visit, failed);
      init.headers = headFor(visit, attempts.upstream, sending);
    }
  }
}

function headFor({ call }: Visit, upstream: Upstream, { upgrade, prepare }: Sending): Headers {
  const headers = requestHead(call, upstream, upgrade);
  prepare?.(headers);
  return headers;
}

/**
 * The runtime takes replies that nobody could pass on: a status that HTTP does not have, a 101 that switches to nothing, and
 * one of two lengths, of which somebody behind might take the other (RFC 9112 section 6.3).
 */
function isReply(response: Response): boolean {
  const { status, headers } = response;
  if (headers.has("transfer-encoding") && headers.has("content-length")) return false;
  return status <= 599 && (status !== 101 || response.webSocket !== null);
}

/**
 * Where an upstream's 101 is no answer to the upgrade (RFC 6455 section 4.1) the runtime hands out a 502 of its own, without a
 * field, whose text quotes the upstream.
 */
function isRuntimes({ status, headers }: Response): boolean {
  return status === 502 && [...headers.keys()].length === 0;
}

async function invalid({ body }: Response): Promise<CausewayError> {
  await body?.cancel();
  return new CausewayError("upstream_invalid");
}

function chosen(visit: Visit, avoid?: ReadonlySet<number>): Upstream {
  const { pool } = visit.plan;
  const upstream = pool.choose(visit.call, avoid);
  if (!pool.only) visit.assign(upstream);
  return upstream;
}

/**
 * A client that breaks its upload off, or asks for what the runtime will not send (TypeError, a URL beyond its bound), and a
 * relay that cannot be used say nothing about an upstream: nobody may take upstreams out by sending odd requests.
 */
function isUpstreamsFault(error: unknown, target: string, upload: Upload | undefined): boolean {
  if (error instanceof TypeError || target.length > PROXY_LIMITS.BLAMED_URL_CHARS_MAX) return false;
  const broken = upload?.failure();
  if (broken) return broken === "upstream_timeout";
  if (upload?.signal?.aborted) return false;
  return !(error instanceof CausewayError) || error.code.startsWith("upstream_");
}

function isFatal(error: unknown): boolean {
  return error instanceof CausewayError && FATAL.has(error.code);
}

/** Sets the affinity cookie where the browser does not have it already. */
function keepWith({ call, plan, x }: Visit, upstream: Upstream): void {
  const { affinity } = plan.pool;
  if (!affinity || affinity.indexOf(x.request) === upstream.index) return;
  const scheme = call.arrival?.scheme ?? x.url.protocol.slice(0, -1);
  call.replyFields ??= [];
  call.replyFields.push(["set-cookie", affinity.cookieFor(upstream.index, scheme === "https")]);
}
