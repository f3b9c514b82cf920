// The request body on its way to the upstream: held to max_body and counted while it streams, never kept.

import type { CloseReason } from "../../shared/flow/flow.ts";
import { contentLength } from "../../shared/http/headers.ts";
import { BODY_LIMITS } from "../../shared/limits.ts";
import { meterBody } from "../stats/body.ts";
import type { Visit } from "./visit.ts";

export interface Upload {
  readonly body: ReadableStream<Uint8Array> | Uint8Array;
  /** Ends the fetch that sends the body. */
  readonly controller: AbortController;
  /** Resolves when the body has been sent, or given up: only then does the upstream's time to answer begin. */
  readonly ended: Promise<void>;
  /** True once more than max_body has come in. */
  readonly exceeded: () => boolean;
}

/** Opens the request's body for sending, as a part of the visit; undefined when there is none. */
export function openUpload(visit: Visit): Upload | undefined {
  const { x, plan, flow } = visit;
  const length = contentLength(x.request.headers);
  if (!x.request.body || length === 0) return undefined;
  let exceeded = false;
  const controller = new AbortController();
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  function onEnd(reason: CloseReason): void {
    // The proxy itself broke a body that is too long: the client has not left.
    visit.endPart(exceeded ? "failed" : reason);
    resolve();
  }
  function onBroken(tooLong: boolean): void {
    exceeded = tooLong;
    controller.abort();
  }
  visit.addPart();
  const { body: incoming } = x.request;
  const { max_body: max, meter } = plan.config;
  const source =
    length === undefined
      ? boundedBody(incoming, x.ctx, { max, onBroken, onEnd: meter ? ignore : onEnd })
      : incoming;
  let body: Upload["body"] = source;
  if (meter) body = meterBody(source, { length, flow, direction: "up", x, onEnd });
  else if (length !== undefined) body = passBody(source, length, x.ctx, onEnd);
  return { body, controller, ended, exceeded: () => exceeded };
}

function ignore(): void {}

/** The same bytes, uncounted, but telling when they have ended. */
function passBody(
  source: ReadableStream<Uint8Array>,
  length: number,
  ctx: ExecutionContext,
  onEnd: (reason: CloseReason) => void,
): ReadableStream<Uint8Array> {
  const { readable, writable } = new FixedLengthStream(length);
  ctx.waitUntil(
    source.pipeTo(writable).then(
      () => onEnd("done"),
      () => onEnd("aborted"),
    ),
  );
  return readable;
}

interface Bounds {
  /** Bytes that may pass. */
  readonly max: number;
  /** Told before the body breaks: the client's end of it broke, or it is longer than `max`. */
  readonly onBroken: (tooLong: boolean) => void;
  readonly onEnd: (reason: CloseReason) => void;
}

/**
 * A body without Content-Length, broken off as soon as it is longer than `max` bytes. The runtime ends a chunked request
 * whose body errors with a final chunk, as if it were whole (measured): whoever breaks one must abort its fetch first.
 */
function boundedBody(
  source: ReadableStream<Uint8Array>,
  ctx: ExecutionContext,
  bounds: Bounds,
): ReadableStream<Uint8Array> {
  const { readable, writable } = new IdentityTransformStream();
  ctx.waitUntil(copyWithin(source, writable, bounds).then(bounds.onEnd));
  return readable;
}

async function copyWithin(
  source: ReadableStream<Uint8Array>,
  target: WritableStream<Uint8Array>,
  { max, onBroken }: Bounds,
): Promise<CloseReason> {
  const reader = source.getReader({ mode: "byob" });
  const writer = target.getWriter();
  let room = max;
  let buffer = new ArrayBuffer(BODY_LIMITS.READ_BYTES_MAX);
  async function breakOff(cause: unknown): Promise<CloseReason> {
    onBroken(room < 0);
    await Promise.allSettled([writer.abort(cause), reader.cancel(cause)]);
    return "aborted";
  }
  for (;;) {
    let result: ReadableStreamReadResult<Uint8Array>;
    try {
      result = await reader.read(new Uint8Array(buffer));
    } catch (error) {
      return breakOff(error);
    }
    room -= result.value?.byteLength ?? 0;
    if (room < 0) return breakOff(new RangeError(`Cannot pass the request body: it is over ${max} bytes`));
    try {
      if (result.done) {
        await writer.close();
        return "done";
      }
      await writer.write(result.value);
    } catch (error) {
      // The upstream wants no more; its answer may still be on the way.
      await reader.cancel(error).catch(() => undefined);
      return "failed";
    }
    buffer = result.value.buffer as ArrayBuffer;
  }
}
