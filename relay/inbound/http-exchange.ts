// One HTTP request carried to its origin and the reply back: bodies stream both ways with back-pressure, a client that leaves
// ends the request, and each exchange is a flow of its own. Which fields pass and how failures are told is the caller's.

import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
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
import { headBytes } from "./http-fields.ts";
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
  readonly #over = new AbortController();
  readonly #meter: Readonly<Record<Way, MeteredBody>> | undefined;
  #flow: Flow | undefined;
  #hasClientLeft = false;
  /** Nothing has moved for too long; what is said of it while there is a head to say it by. */
  #idle: ErrorCode | undefined;
  /** Chunks that wait for their turn under a rate: nothing can move meanwhile, which is no idleness. */
  #held = 0;

  constructor(host: SessionHost, req: IncomingMessage, res: ServerResponse, wish: Wish, carrier: Carrier) {
    this.#host = host;
    this.#req = req;
    this.#res = res;
    this.#wish = wish;
    this.#carrier = carrier;
    this.#meter = meterFor(host, wish);
  }

  async run(): Promise<void> {
    this.#res.on("timeout", this.#onTimeout);
    this.#res.once("close", () => {
      this.#hasClientLeft = true;
      this.#over.abort();
      this.#endMeter();
    });
    let reason: CloseReason = "done";
    let code: ErrorCode | undefined;
    try {
      await this.#send(await this.#ask());
    } catch (thrown) {
      const error = this.#idle === undefined ? thrown : new CausewayError(this.#idle);
      reason = this.#breakReason(thrown);
      code = failureCode(error);
      this.#answerFailure(error);
    }
    this.#endMeter();
    // A client that does not take what is left of the answer is the server's, which hangs up.
    this.#res.off("timeout", this.#onTimeout);
    if (this.#flow !== undefined) this.#host.close(this.#flow, reason, code);
    else if (reason === "refused" || reason === "idle") this.#host.refuse(this.#wish, code);
  }

  #endMeter(): void {
    this.#meter?.up.leave();
    this.#meter?.down.leave();
  }

  /** The client's socket has been quiet for the idle timeout. Without this the server would hang up, and say nothing. */
  readonly #onTimeout = (socket: Socket): void => {
    if (this.#held > 0) {
      socket.setTimeout(socket.timeout ?? 0);
      return;
    }
    const { complete, readableHighWaterMark, readableLength } = this.#req;
    // A client of whom no more is read, because so much waits here, is not the one that is late.
    const hasDoneItsPart = complete || readableLength >= readableHighWaterMark;
    this.#idle ??= hasDoneItsPart ? "upstream_timeout" : "request_timeout";
    this.#over.abort();
  };

  #breakReason(error: unknown): CloseReason {
    const { place } = this.#wish;
    if (this.#flow?.cut || (place && this.#host.deps.limits.wasEnded(place))) return "closed";
    if (this.#hasClientLeft) return "aborted";
    if (!this.#res.headersSent && this.#idle !== "request_timeout") return "refused";
    return this.#idle !== undefined || error instanceof errors.BodyTimeoutError ? "idle" : "failed";
  }

  /** An origin may close a kept-alive connection just as it is used again; what may be repeated then is, once. */
  async #ask(): Promise<Dispatcher.ResponseData> {
    try {
      return await this.#askOnce();
    } catch (error) {
      const isRepeatable = isReplayable(this.#req.method ?? "", this.#hasBody);
      if (!isRepeatable || this.#over.signal.aborted || !isHangUp(error)) throw error;
      return this.#askOnce();
    }
  }

  async #askOnce(): Promise<Dispatcher.ResponseData> {
    const { dispatcher, path, requestFields } = this.#carrier;
    if (this.#meter)
      await this.#pay(this.#meter.up, headBytes(`${this.#req.method} ${path} HTTP/1.1`, requestFields));
    return dispatcher.request(this.#request());
  }

  /** @throws CausewayError `traffic_exceeded` when so many bytes may not pass */
  async #pay(meter: MeteredBody, bytes: number): Promise<void> {
    this.#held++;
    try {
      await meter.pass(bytes);
    } finally {
      this.#held--;
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
      signal: this.#over.signal,
    };
  }

  /** The client's body, counted. The request outlives a failed upload: its answer still has to be written. */
  async *#upload(): AsyncGenerator<Buffer> {
    const flow = this.#opened();
    try {
      for await (const chunk of this.#req.iterator({ destroyOnReturn: false })) {
        if (this.#meter) await this.#pay(this.#meter.up, (chunk as Buffer).length);
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
    if (this.#meter)
      await this.#pay(this.#meter.down, headBytes(`HTTP/1.1 ${statusCode} ${statusText}`, fields));
    writeReplyHead(res, statusCode, statusText, fields);
    // A body that is still to come must not hold back its head; one that has begun travels in the same packet. What
    // flushHeaders() sends is in UTF-8, which would change fields beyond ASCII.
    if (body.readableLength === 0) res.write(NOTHING);
    for await (const chunk of body) {
      if (this.#meter) await this.#pay(this.#meter.down, (chunk as Buffer).length);
      flow.down += (chunk as Buffer).length;
      if (!res.write(chunk)) await once(res, "drain", { signal: this.#over.signal });
    }
    res.end();
    await once(res, "finish", { signal: this.#over.signal });
  }

  /** Before the head an error is answered; after it the connection breaks, so that no part passes for the whole. */
  #answerFailure(error: unknown): void {
    const res = this.#res;
    if (this.#hasClientLeft) return;
    if (res.headersSent) {
      breakOff(this.#req.socket);
      return;
    }
    this.#host.reportFailure(error, this.#wish);
    const { status, headers, body } = this.#carrier.refusal(failureCode(error));
    // The rest of a body that stalls may never come, and would be taken for the next request.
    if (this.#idle === "request_timeout") res.shouldKeepAlive = false;
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
