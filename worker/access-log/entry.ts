// The access log's entry of one request: collects what is known of it and is written exactly once. What it needs of the
// request it reads at the start, because the end may come in another request's context.

import { CausewayError } from "../../shared/errors.ts";
import type { CloseReason, Flow } from "../../shared/flow/flow.ts";
import { ACCESS_LOG_LIMITS as LIMITS } from "../../shared/limits.ts";
import { maskPath } from "../../shared/viewers/address.ts";
import { countryOf } from "../access/country.ts";
import { networkMark } from "../client-address.ts";
import type { Call, CallLog, LiveContext } from "../proxy/call.ts";
import { clipped, type LogRecord, refererOf } from "./record.ts";

/** Takes a record of a request that is over; `host` is a live context. */
export type WriteRecord = (record: LogRecord, host: LiveContext) => void;

interface End {
  readonly flow: Flow;
  readonly reason: CloseReason;
  readonly upstream: string | undefined;
}

/** Nginx's and Cloudflare's status of a client that did not wait. */
const CLIENT_LEFT = 499;

export class LogEntry implements CallLog {
  readonly #call: Call;
  readonly #write: WriteRecord;
  readonly #userAgent: string | null;
  readonly #referer: string | null;
  readonly #country: string | null;
  readonly #protocol: string | null;
  #admitted = false;
  #status = 0;
  #code: string | null = null;
  #cache: string | null = null;
  #close: { readonly code: number; readonly by: string } | undefined;
  #end: End | undefined;
  #written = false;

  constructor(call: Call, write: WriteRecord) {
    const { request, env } = call.x;
    const { headers } = request;
    this.#call = call;
    this.#write = write;
    this.#userAgent = clipped(headers.get("user-agent"), LIMITS.HEADER_CHARS_MAX);
    this.#referer = refererOf(headers.get("referer"));
    this.#country = countryOf(call) || null;
    this.#protocol = networkMark(request, env)?.httpProtocol ?? null;
  }

  admitted(): void {
    this.#admitted = true;
  }

  replied(response: Response): void {
    this.#cache = clipped(response.headers.get("cache-status"), LIMITS.HEADER_CHARS_MAX);
    this.#head(response.status);
  }

  failed(error: unknown): void {
    const known = error instanceof CausewayError ? error : new CausewayError("internal");
    this.#code = known.code;
    this.#head(known.status);
  }

  socketEnded(code: number, by: "client" | "upstream" | "edge"): void {
    this.#close = { code, by };
  }

  ended(flow: Flow, reason: CloseReason, upstream: string | undefined, host: LiveContext): void {
    this.#end = { flow, reason, upstream };
    // A reply's head follows at once, unless the client has left: then this context may end before.
    if (this.#status !== 0 || reason === "aborted") this.#finish(host);
  }

  #head(status: number): void {
    this.#status = status;
    if (this.#end || !this.#admitted) this.#finish(this.#call.x);
  }

  #finish(host: LiveContext): void {
    if (this.#written) return;
    this.#written = true;
    this.#write(this.#record(Date.now()), host);
  }

  #record(now: number): LogRecord {
    const { x, plan, kind, clientIp, arrival, user } = this.#call;
    const { flow, reason, upstream } = this.#end ?? {};
    const metered = kind === "ws" ? plan.config.websocket.meter : plan.config.meter;
    const counted = flow && metered ? flow : undefined;
    return {
      event: "request",
      time: new Date(x.startedAt).toISOString(),
      request_id: x.requestId,
      kind,
      host: x.url.host,
      service: plan.service,
      method: x.request.method,
      path: maskPath(x.url.pathname).slice(0, LIMITS.PATH_CHARS_MAX),
      scheme: arrival?.scheme ?? x.url.protocol.slice(0, -1),
      protocol: this.#protocol,
      status: this.#status || CLIENT_LEFT,
      code: this.#code,
      reason: reason ?? (this.#code === null ? "done" : "refused"),
      cache: this.#cache,
      bytes_up: metered ? (counted?.up ?? 0) : null,
      bytes_down: metered ? (counted?.down ?? 0) : null,
      messages_up: kind === "ws" ? (counted?.messagesUp ?? null) : null,
      messages_down: kind === "ws" ? (counted?.messagesDown ?? null) : null,
      close_code: this.#close?.code ?? null,
      closed_by: this.#close?.by ?? null,
      duration_ms: Math.max(0, now - x.startedAt),
      client_ip: clientIp,
      country: this.#country,
      user: user === "" ? null : user,
      upstream: upstream ?? null,
      user_agent: this.#userAgent,
      referer: this.#referer,
    };
  }
}
