// Fetches from a channel's origin: the channel's own headers and nothing of the viewer's, redirects followed by hand with
// every hop's destination checked, a deadline until the headers. Bodies are the caller's.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { HLS_LIMITS } from "../../shared/limits.ts";
import { classifyHost } from "../../shared/net/destination.ts";
import { sourceOf } from "./target.ts";

export interface OriginRequest {
  readonly method: "GET" | "HEAD";
  readonly url: string;
  /** As it goes into the Range header. */
  readonly range?: string | undefined;
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

/** Names of credentials: they go to the host that the channel names, never to one that an origin points at. */
const CREDENTIALS = ["authorization", "cookie"] as const;
/** Headers that the proxy itself decides on. */
const OWN_HEADERS = [
  "host",
  "range",
  "accept-encoding",
  "connection",
  "content-length",
  "transfer-encoding",
] as const;

/**
 * The origin's 200 or 206.
 * @throws CausewayError `target_refused`, `upstream_unreachable`, `upstream_timeout`, `upstream_invalid` (redirects),
 * `not_found` (404, 410), `range_unsatisfiable` (416), `origin_status` (any other status)
 */
export async function fetchOrigin(channel: ChannelConfig, request: OriginRequest): Promise<OriginReply> {
  const source = new URL(sourceOf(channel));
  const deadline = Date.now() + HLS_LIMITS.HEADER_TIMEOUT_MS;
  let url = URL.parse(request.url);
  for (let hop = 0; hop <= HLS_LIMITS.REDIRECTS_MAX; hop++) {
    if (url?.protocol !== "http:" && url?.protocol !== "https:") throw new CausewayError("upstream_invalid");
    url.hash = "";
    assertAllowed(url, source);
    const response = await send(channel, request, url, sameHost(url, source), deadline - Date.now());
    const location = isRedirect(response.status) ? response.headers.get("location") : null;
    if (location === null) {
      await assertGood(response);
      return { response, url: url.href, redirected: hop > 0 };
    }
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
 * exempt, on its port: that is the operator's own word.
 */
function assertAllowed(url: URL, source: URL): void {
  if (sameHost(url, source)) return;
  const place = classifyHost(url.hostname);
  if (place !== "public" && place !== "name") throw new CausewayError("target_refused");
}

async function send(
  channel: ChannelConfig,
  request: OriginRequest,
  url: URL,
  trusted: boolean,
  timeoutMs: number,
): Promise<Response> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), Math.max(timeoutMs, 0));
  const target = new URL(url);
  target.username = "";
  target.password = "";
  const headers = originHeaders(channel, request, url, trusted);
  const init = { method: request.method, headers, signal: controller.signal };
  try {
    return await fetch(target.href, { ...init, redirect: "manual" });
  } catch (cause) {
    throw new CausewayError(
      controller.signal.aborted ? "upstream_timeout" : "upstream_unreachable",
      undefined,
      {
        cause,
      },
    );
  } finally {
    clearTimeout(timer);
  }
}

function originHeaders(channel: ChannelConfig, request: OriginRequest, url: URL, trusted: boolean): Headers {
  const headers = new Headers(channel.headers);
  for (const name of OWN_HEADERS) headers.delete(name);
  if (!trusted) for (const name of CREDENTIALS) headers.delete(name);
  headers.set("accept-encoding", request.compressed ? "gzip, br" : "identity");
  if (request.range !== undefined) headers.set("range", request.range);
  if (url.username !== "" && !headers.has("authorization")) headers.set("authorization", basic(url));
  return headers;
}

function basic({ username, password }: URL): string {
  const text = `${decodeUserinfo(username)}:${decodeUserinfo(password)}`;
  return `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(text)))}`;
}

function decodeUserinfo(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
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
