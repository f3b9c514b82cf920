// Plain HTTP proxying: requests in absolute form, forwarded through undici's pools, whose connections the outbound dials.
// Bodies stream both ways with back-pressure; each exchange is a flow of its own.

import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { Agent, type buildConnector, type Dispatcher, errors } from "undici";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import type { CloseReason, Flow } from "../../shared/flow/flow.ts";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { breakOff } from "../break-off.ts";
import { dialErrorCode } from "../outbound/outbound.ts";
import { errorAnswer } from "./http-error.ts";
import { forwardedFields } from "./http-fields.ts";
import type { ForwardTarget } from "./http-target.ts";
import type { SessionHost, Wish } from "./session.ts";

export class HttpForwarder {
  readonly #host: SessionHost;
  readonly #agent: Agent;
  readonly #stopping = new AbortController();

  constructor(host: SessionHost) {
    this.#host = host;
    this.#agent = new Agent({
      connect: this.#connect,
      allowH2: false,
      pipelining: 1,
      keepAliveTimeout: RELAY_LIMITS.ORIGIN_IDLE_TIMEOUT_MS,
      maxHeaderSize: RELAY_LIMITS.HTTP_HEAD_BYTES,
      headersTimeout: host.deps.idleTimeoutMs,
      bodyTimeout: host.deps.idleTimeoutMs,
    });
  }

  /** Answers one request, whatever happens. Never rejects. */
  async forward(req: IncomingMessage, res: ServerResponse, to: ForwardTarget, wish: Wish): Promise<void> {
    await new Exchange(this.#host, this.#agent, req, res, wish).run(to);
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#agent.destroy();
  }

  readonly #connect: buildConnector.connector = ({ hostname, port }, callback) => {
    const { outbound, refusal } = this.#host.deps;
    const host = hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
    const dialled = outbound.connect(
      { host, port: Number(port || 80) },
      { refusal, signal: this.#stopping.signal },
    );
    dialled.then(
      (socket) => callback(null, socket),
      (error: Error) => callback(error, null),
    );
  };
}

class Exchange {
  readonly #host: SessionHost;
  readonly #agent: Agent;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #wish: Wish;
  readonly #gone = new AbortController();
  #flow: Flow | undefined;

  constructor(host: SessionHost, agent: Agent, req: IncomingMessage, res: ServerResponse, wish: Wish) {
    this.#host = host;
    this.#agent = agent;
    this.#req = req;
    this.#res = res;
    this.#wish = wish;
  }

  async run(to: ForwardTarget): Promise<void> {
    this.#res.once("close", () => this.#gone.abort());
    let reason: CloseReason = "done";
    try {
      await this.#send(await this.#agent.request(this.#requestFor(to)));
    } catch (error) {
      reason = this.#breakReason();
      this.#answerFailure(error);
    }
    if (this.#flow !== undefined) this.#host.close(this.#flow, reason);
    else if (reason === "refused") this.#host.refuse(this.#wish);
  }

  #breakReason(): CloseReason {
    if (this.#gone.signal.aborted) return "aborted";
    return this.#res.headersSent ? "failed" : "refused";
  }

  #requestFor({ authority, path }: ForwardTarget): Dispatcher.RequestOptions {
    const req = this.#req;
    const hasBody = "content-length" in req.headers || "transfer-encoding" in req.headers;
    return {
      origin: `http://${authority}`,
      path,
      method: req.method as Dispatcher.HttpMethod,
      // Expect has been answered by this server: 100 Continue is each hop's own affair (RFC 9110 section 10.1.1).
      headers: [...forwardedFields(req.rawHeaders, ["host", "expect"]), "Host", authority],
      body: hasBody ? Readable.from(this.#upload(), { objectMode: false }) : null,
      responseHeaders: "raw",
      signal: this.#gone.signal,
    };
  }

  /** The client's body, counted. The request outlives a failed upload: its answer still has to be written. */
  async *#upload(): AsyncGenerator<Buffer> {
    const flow = this.#opened();
    try {
      for await (const chunk of this.#req.iterator({ destroyOnReturn: false })) {
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
    this.#flow ??= this.#host.open(this.#wish);
    return this.#flow;
  }

  async #send({ statusCode, statusText, headers, body }: Dispatcher.ResponseData): Promise<void> {
    const flow = this.#opened();
    const res = this.#res;
    res.sendDate = false;
    // With `responseHeaders: "raw"` they are names and values in turn, though typed as a record. A challenge of the
    // origin's would be taken for this proxy's.
    const fields = forwardedFields(headers as unknown as string[], ["proxy-authenticate"]);
    if (statusText) res.writeHead(statusCode, statusText, fields);
    else res.writeHead(statusCode, fields);
    for await (const chunk of body) {
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
    const { status, headers, body } = errorAnswer(failureCode(error));
    res.writeHead(status, headers);
    res.end(body);
  }
}

function failureCode(error: unknown): ErrorCode {
  if (error instanceof CausewayError) return error.code;
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError)
    return "upstream_timeout";
  if (error instanceof errors.InvalidArgumentError || error instanceof errors.NotSupportedError)
    return "bad_request";
  const code = dialErrorCode(error);
  return code === "dial_failed" ? "upstream_invalid" : code;
}
