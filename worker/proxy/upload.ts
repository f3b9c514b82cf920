// The request body on its way to the upstream: held to max_body, timed and counted. Short ones are collected first, so
// that none is ever half sent; all others stream, and no more than one piece of them is held.

import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import type { CloseReason } from "../../shared/flow/flow.ts";
import { contentLength } from "../../shared/http/headers.ts";
import { BODY_LIMITS } from "../../shared/limits.ts";
import { Copy, type CopyEnd } from "../copy.ts";
import type { Mover } from "../watch.ts";
import { cutCode, type Visit } from "./visit.ts";

export interface Upload {
  readonly body: ReadableStream<Uint8Array> | ArrayBuffer;
  /** Ends the fetch that sends the body; a collected one needs none. */
  readonly signal: AbortSignal | undefined;
  /** Resolves when the body has been sent, or given up: only then does the upstream's time to answer begin. */
  readonly ended: Promise<void> | undefined;
  /** Ends the sending, and the fetch with it. */
  abort(): void;
  /** Why the upload was broken off here, if it was: that, and not what its fetch says, is the answer. */
  failure(): ErrorCode | undefined;
}

/**
 * Opens the request's body for sending, as a part of the visit; undefined when it is empty.
 * @throws CausewayError `body_not_allowed`; `upload_timeout` or `bad_request` when a short body does not arrive
 */
export async function openUpload(
  visit: Visit,
  incoming: ReadableStream<Uint8Array>,
): Promise<Upload | undefined> {
  const length = contentLength(visit.x.request.headers);
  if (length === 0) return undefined;
  // The runtime's fetch takes none; that must not look like the upstream's fault.
  const { method } = visit.x.request;
  if (method === "GET" || method === "HEAD") throw new CausewayError("body_not_allowed");
  if (length !== undefined && length <= BODY_LIMITS.UPLOAD_BUFFERED_BYTES_MAX) return collect(visit);
  return new StreamedUpload(visit, incoming, length);
}

async function collect(visit: Visit): Promise<Upload> {
  const { config } = visit.plan;
  visit.addPart();
  try {
    const body = await visit.within(visit.x.request.arrayBuffer(), config.upload_idle_timeout, COLLECTED);
    if (config.meter) visit.flow.up += body.byteLength;
    visit.endPart("done");
    return { body, signal: undefined, ended: undefined, abort() {}, failure: () => undefined };
  } catch (error) {
    const isLate = error instanceof CausewayError && error.code === COLLECTED.late;
    visit.endPart(isLate ? "failed" : "aborted");
    throw error;
  }
}

const COLLECTED = { late: "upload_timeout", broken: "bad_request" } as const;

class StreamedUpload implements Upload, Mover {
  readonly body: ReadableStream<Uint8Array>;
  readonly ended: Promise<void>;
  readonly #visit: Visit;
  readonly #copy: Copy;
  readonly #controller = new AbortController();
  #failure: ErrorCode | undefined;
  #clientLeft = false;
  #isOver = false;
  #isEndSeen = false;
  /** By the client; its part of the visit has ended. */
  #isBroken = false;

  constructor(visit: Visit, incoming: ReadableStream<Uint8Array>, length: number | undefined) {
    const { x, plan, flow } = visit;
    const { max_body: max, meter } = plan.config;
    const { readable, writable } =
      length === undefined ? new IdentityTransformStream() : new FixedLengthStream(length);
    let room = max;
    this.body = readable;
    this.#visit = visit;
    this.#copy = new Copy(incoming, writable, {
      length,
      inspect: (piece) => {
        room -= piece.byteLength;
        if (room < 0) this.#fail("body_too_large");
        if (flow.cut) this.#fail(cutCode(flow.cut));
      },
      onPassed(bytes) {
        if (meter) flow.up += bytes;
        x.meter.touch(x.env, x.ctx);
      },
      // The runtime ends a chunked request whose body errors with a final chunk, as if it were whole (measured).
      onBreak: () => {
        if (!this.#controller.signal.aborted && this.#failure === undefined) this.#brokenByClient();
        this.#controller.abort();
      },
    });
    visit.addPart();
    visit.follow(this);
    this.ended = this.#run();
    x.ctx.waitUntil(this.ended);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(): void {
    this.#controller.abort();
    this.#copy.stop(new Error("The upload was given up"));
  }

  failure(): ErrorCode | undefined {
    return this.#failure;
  }

  /** Until the reply has begun either side's silence ends the request; after that, the upload may last as long as the reply. */
  check(now: number): void {
    if (this.#copy.idleMs(now) < this.#visit.plan.config.upload_idle_timeout) return;
    if (this.#visit.isReplying) return;
    this.#failure = this.#copy.waitsForTarget ? "upstream_timeout" : "upload_timeout";
    this.abort();
  }

  /** An upstream may begin its reply early and go on with it once it has everything. */
  hasMoved(now: number): boolean {
    if (!this.#isOver) return this.#copy.idleMs(now) === 0;
    const isNews = !this.#isEndSeen;
    this.#isEndSeen = true;
    return isNews;
  }

  leave(): void {
    this.#clientLeft = true;
    this.abort();
  }

  async #run(): Promise<void> {
    const end = await this.#copy.run();
    this.#isOver = true;
    if (!this.#isBroken) this.#visit.endPart(this.#reasonOf(end));
  }

  /**
   * The client has left or its framing is broken; the runtime does not tell which. The flow has to know before the fetch that
   * is ended now makes an answer of it.
   */
  #brokenByClient(): void {
    this.#failure = "bad_request";
    this.#isBroken = true;
    this.#visit.endPart("aborted");
  }

  #reasonOf(end: CopyEnd): CloseReason {
    if (end === "whole") return "done";
    // The proxy itself breaks a body that is too long or late, and an upstream may want no more of it.
    return this.#clientLeft && this.#failure === undefined ? "aborted" : "failed";
  }

  #fail(code: ErrorCode): never {
    this.#failure = code;
    throw new CausewayError(code);
  }
}
