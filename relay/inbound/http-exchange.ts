// One HTTP request carried to its origin and the reply back: bodies stream both ways with back-pressure, a client that leaves
// ends the request, and each exchange is a flow of its own. Which fields pass and how failures are told is the caller's.

import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { type Dispatcher, errors } from "undici";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import type { CloseReason, Flow } from "../../shared/flow/flow.ts";
import { isReplayable } from "../../shared/http/replayable.ts";
import { breakOff } from "../break-off.ts";
import type { Way } from "../limits/account.ts";
import { MeteredBody } from "../limits/metered-body.ts";
import { dialErrorCode } from "../outbound/outbound.ts";
import type { ErrorAnswer } from "./http-error.ts";
import type { SessionHost, Wish } from "./session.ts";

/** How a request is carried. */
export interface Carrier {
  readonly dispatcher: Dispatcher;
  /** Scheme, host and port. */
  readonly origin: string;
  /** Path and query, byte for byte. */
  readonly path: string;
  /** Names and values in turn, `Host` included. */
  readonly requestFields: string[];
  /** What passes of a reply's fields. */
  replyFields(raw: readonly string[]): string[];
  /** The answer to a request that was not met. */
  refusal(code: ErrorCode): ErrorAnswer;
}

/** System errors of a connection that the other side closed; of resets the pools say that they are aborted. */
const HANG_UPS: readonly string[] = ["ECONNRESET", "ECONNABORTED", "EPIPE"];
const NOTHING = new Uint8Array(0);

/** Answers one request, whatever happens. Never rejects. */
export async function exchange(
  host: SessionHost,
  req: IncomingMessage,
  res: ServerResponse,
  wish: Wish,
  carrier: Carrier,
): Promise<void> {
  await new Exchange(host, req, res, wish, carrier).run();
}

class Exchange {
  readonly #host: SessionHost;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #wish: Wish;
  readonly #carrier: Carrier;
  readonly #gone = new AbortController();
  readonly #meter: Readonly<Record<Way, MeteredBody>> | undefined;
  #flow: Flow | undefined;

  constructor(host: SessionHost, req: IncomingMessage, res: ServerResponse, wish: Wish, carrier: Carrier) {
    this.#host = host;
    this.#req = req;
    this.#res = res;
    this.#wish = wish;
    this.#carrier = carrier;
    this.#meter = meterFor(host, wish);
  }

  async run(): Promise<void> {
    this.#res.once("close", () => {
      this.#gone.abort();
      this.#endMeter();
    });
    let reason: CloseReason = "done";
    let code: ErrorCode | undefined;
    try {
      await this.#send(await this.#ask());
    } catch (error) {
      reason = this.#breakReason();
      code = failureCode(error);
      this.#answerFailure(error);
    }
    this.#endMeter();
    if (this.#flow !== undefined) this.#host.close(this.#flow, reason, code);
    else if (reason === "refused") this.#host.refuse(this.#wish, code);
  }

  #endMeter(): void {
    this.#meter?.up.leave();
    this.#meter?.down.leave();
  }

  #breakReason(): CloseReason {
    const { place } = this.#wish;
    if (this.#flow?.cut || (place && this.#host.deps.limits.wasEnded(place))) return "closed";
    if (this.#gone.signal.aborted) return "aborted";
    return this.#res.headersSent ? "failed" : "refused";
  }

  /** An origin may close a kept-alive connection just as it is used again; what may be repeated then is, once. */
  async #ask(): Promise<Dispatcher.ResponseData> {
    const { dispatcher } = this.#carrier;
    try {
      return await dispatcher.request(this.#request());
    } catch (error) {
      const isRepeatable = isReplayable(this.#req.method ?? "", this.#hasBody);
      if (!isRepeatable || this.#gone.signal.aborted || !isHangUp(error)) throw error;
      return dispatcher.request(this.#request());
    }
  }

  get #hasBody(): boolean {
    const { headers } = this.#req;
    return "content-length" in headers || "transfer-encoding" in headers;
  }

  #request(): Dispatcher.RequestOptions {
    const req = this.#req;
    const { origin, path, requestFields } = this.#carrier;
    return {
      origin,
      path,
      method: req.method as Dispatcher.HttpMethod,
      headers: requestFields,
      body: this.#hasBody ? Readable.from(this.#upload(), { objectMode: false }) : null,
      responseHeaders: "raw",
      signal: this.#gone.signal,
    };
  }

  /** The client's body, counted. The request outlives a failed upload: its answer still has to be written. */
  async *#upload(): AsyncGenerator<Buffer> {
    const flow = this.#opened();
    try {
      for await (const chunk of this.#req.iterator({ destroyOnReturn: false })) {
        if (this.#meter) await this.#meter.up.pass((chunk as Buffer).length);
        flow.up += (chunk as Buffer).length;
        yield chunk as Buffer;
      }
    } finally {
      // What the target took no more: whoever answers the request decides how much of it is still read.
      this.#req.resume();
    }
  }

  /** The flow begins with the first byte that reaches the target or comes from it. */
  #opened(): Flow {
    if (this.#flow !== undefined) return this.#flow;
    this.#flow = this.#host.open(this.#wish);
    this.#flow.onCut = () => breakOff(this.#req.socket);
    return this.#flow;
  }

  async #send({ statusCode, statusText, headers, body }: Dispatcher.ResponseData): Promise<void> {
    const flow = this.#opened();
    const res = this.#res;
    res.sendDate = false;
    // With `responseHeaders: "raw"` they are names and values in turn, though typed as a record.
    const fields = this.#carrier.replyFields(headers as unknown as string[]);
    writeReplyHead(res, statusCode, statusText, fields);
    // A body that is still to come must not hold back its head; one that has begun travels in the same packet. What
    // flushHeaders() sends is in UTF-8, which would change fields beyond ASCII.
    if (body.readableLength === 0) res.write(NOTHING);
    for await (const chunk of body) {
      if (this.#meter) await this.#meter.down.pass((chunk as Buffer).length);
      flow.down += (chunk as Buffer).length;
      if (!res.write(chunk)) await once(res, "drain", { signal: this.#gone.signal });
    }
    res.end();
    await once(res, "finish", { signal: this.#gone.signal });
  }

  /** Before the head an error is answered; after it the connection breaks, so that no part passes for the whole. */
  #answerFailure(error: unknown): void {
    const res = this.#res;
    if (this.#gone.signal.aborted) return;
    if (res.headersSent) {
      breakOff(this.#req.socket);
      return;
    }
    this.#host.reportFailure(error, this.#wish);
    const { status, headers, body } = this.#carrier.refusal(failureCode(error));
    res.writeHead(status, headers);
    res.end(body);
  }
}

/** A reason that could not be sent again is left out: it says nothing that the status does not (RFC 9112 section 4). */
export function writeReplyHead(res: ServerResponse, status: number, reason: string, fields: string[]): void {
  if (/^[\t -~\x80-\xff]+$/.test(reason)) res.writeHead(status, reason, fields);
  else res.writeHead(status, fields);
}

/** What the bodies of one exchange have to pay for. */
function meterFor({ deps }: SessionHost, { place }: Wish): Readonly<Record<Way, MeteredBody>> | undefined {
  const tab = place && deps.limits.meterOf(place);
  return tab && { up: new MeteredBody(tab, "up"), down: new MeteredBody(tab, "down") };
}

/** Whether the origin closed the connection without an answer. */
function isHangUp(error: unknown): boolean {
  return (
    error instanceof errors.SocketError ||
    (error instanceof Error && "code" in error && HANG_UPS.includes(String(error.code)))
  );
}

/** The code for whatever undici or the outbound failed with. */
export function failureCode(error: unknown): ErrorCode {
  if (error instanceof CausewayError) return error.code;
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError)
    return "upstream_timeout";
  if (error instanceof errors.InvalidArgumentError || error instanceof errors.NotSupportedError)
    return "bad_request";
  const code = dialErrorCode(error);
  return code === "dial_failed" ? "upstream_invalid" : code;
}
