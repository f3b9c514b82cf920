// Fetches from a channel's origin: the source's own header fields and cookies and nothing of the viewer's, redirects
// followed by hand with every hop's destination checked, directly or through a relay, a deadline until the headers.
// Bodies are the caller's.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { basicCredentials } from "../../shared/http/basic-credentials.ts";
import { cookieField } from "../../shared/http/cookie-jar.ts";
import { HLS_LIMITS } from "../../shared/limits.ts";
import type { Exchange } from "../exchange.ts";
import { originFetch, outsideFetch } from "../network.ts";
import { fetchViaRelay } from "../proxy/via.ts";
import { assertOutside } from "./access/destination.ts";
import { adoptCookies, cookieJar, takeCookies } from "./cookies.ts";
import { meteredFetch } from "./origin-meter.ts";
import { type Way, wayOf } from "./way.ts";

export interface OriginRequest {
  readonly method: "GET" | "HEAD";
  readonly url: string;
  /** Index of the source that it belongs to: it decides on headers, cookies and the way there. */
  readonly source: number;
  /** As it goes into the Range header. */
  readonly range?: string | undefined;
  /** Time until the reply's header fields, in milliseconds, where it is not the channel's: blocking reloads are held. */
  readonly headerTimeoutMs?: number | undefined;
  /** Whether a compressed reply is welcome: the runtime decodes it, but then its length is unknown. */
  readonly compressed?: boolean;
}

export interface OriginReply {
  /** Status 200 or 206, its body decoded and unread. */
  readonly response: Response;
  /** Where it came from in the end, without fragment. */
  readonly url: string;
  readonly redirected: boolean;
}

/**
 * The origin's 200 or 206.
 * @throws CausewayError `target_refused`, `upstream_unreachable`, `upstream_timeout`, `upstream_invalid` (redirects),
 * `not_found` (404, 410), `range_unsatisfiable` (416), `origin_status` (any other status); through a relay
 * `relay_unreachable`, `relay_refused`, `secrets_missing`
 */
export async function fetchOrigin(
  x: Exchange,
  channel: ChannelConfig,
  request: OriginRequest,
): Promise<OriginReply> {
  return meteredFetch(x, channel.id, () => fetchGood(x, channel, request));
}

async function fetchGood(x: Exchange, channel: ChannelConfig, request: OriginRequest): Promise<OriginReply> {
  const way = wayOf(channel, request.source);
  const deadline = Date.now() + (request.headerTimeoutMs ?? channel.response_header_timeout);
  let reply = await follow(x, way, request, deadline);
  const { status } = reply.response;
  if ((status === 401 || status === 403) && (await adoptCookies(x, way.jar))) {
    await discard(reply.response);
    reply = await follow(x, way, request, deadline);
  }
  await assertGood(reply.response);
  return reply;
}

/** The first reply that is no redirect, whatever its status. */
async function follow(x: Exchange, way: Way, request: OriginRequest, deadline: number): Promise<OriginReply> {
  let url = URL.parse(request.url);
  for (let hop = 0; hop <= HLS_LIMITS.REDIRECTS_MAX; hop++) {
    if (url?.protocol !== "http:" && url?.protocol !== "https:") throw new CausewayError("upstream_invalid");
    url.hash = "";
    assertAllowed(x, url, way);
    const response = await send(x, way, { ...request, to: url }, deadline - Date.now());
    takeCookies(x, way.jar, url, response);
    const location = isRedirect(response.status) ? response.headers.get("location") : null;
    if (location === null) return { response, url: url.href, redirected: hop > 0 };
    await discard(response);
    url = URL.parse(location, url);
  }
  throw new CausewayError("upstream_invalid");
}

function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

function portOf(url: URL): string {
  return url.port || (url.protocol === "https:" ? "443" : "80");
}

function sameHost(a: URL, b: URL): boolean {
  return a.hostname === b.hostname && portOf(a) === portOf(b);
}

/**
 * An origin must not send the edge into networks that only the edge can reach. The host that the operator configured is
 * exempt, on its port: that is the operator's own word. What a relay reaches is the relay's rules' business.
 */
function assertAllowed(x: Exchange, url: URL, way: Way): void {
  if (!isTrusted(url, way)) assertOutside(x, url, way.relay);
}

/** The operator's own word. */
function isTrusted(url: URL, { source, foreign }: Way): boolean {
  return !foreign && sameHost(url, source);
}

interface Hop extends OriginRequest {
  readonly to: URL;
}

async function send(x: Exchange, way: Way, hop: Hop, timeoutMs: number): Promise<Response> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), Math.max(timeoutMs, 0));
  const target = new URL(hop.to);
  target.username = "";
  target.password = "";
  const { signal } = controller;
  const init = { method: hop.method, headers: fieldsFor(way, hop), signal, redirect: "manual" } as const;
  try {
    if (way.relay === undefined) {
      const direct = isTrusted(hop.to, way) ? originFetch(x.env) : outsideFetch(x.env);
      return await direct(target.href, init);
    }
    return await fetchViaRelay(x.config, way.relay, target.href, init, originFetch(x.env));
  } catch (cause) {
    if (signal.aborted) throw new CausewayError("upstream_timeout", undefined, { cause });
    throw cause instanceof CausewayError
      ? cause
      : new CausewayError("upstream_unreachable", undefined, { cause });
  } finally {
    clearTimeout(timer);
  }
}

function fieldsFor(way: Way, { to, range, compressed }: Hop): Headers {
  const fields = new Headers(sameHost(to, way.source) ? way.trustedFields : way.fields);
  fields.set("accept-encoding", compressed ? "gzip, br" : "identity");
  if (range !== undefined) fields.set("range", range);
  if (to.username !== "" && !fields.has("authorization")) fields.set("authorization", basicCredentials(to));
  const jar = cookieJar(way.jar);
  if (jar) {
    const cookie = cookieField(fields.get("cookie"), jar.match(to, Date.now()));
    if (cookie !== undefined) fields.set("cookie", cookie);
  }
  return fields;
}

async function assertGood(response: Response): Promise<void> {
  const { status } = response;
  if (status === 200 || status === 206) return;
  await discard(response);
  if (status === 404 || status === 410) throw new CausewayError("not_found");
  if (status === 416) throw new CausewayError("range_unsatisfiable");
  throw new CausewayError("origin_status");
}

/** An unread body would hold its connection, of which there are six. */
export async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined);
}
