// Metered bodies: passes a body on and adds its bytes to a flow, each size by the cheapest way that still counts exactly.
// What is counted was accepted by the receiving side. Copies bytes, never looks at them.

import type { CloseReason, Flow } from "../../shared/flow/flow.ts";
import { BODY_LIMITS } from "../../shared/limits.ts";
import type { Exchange } from "../exchange.ts";

export interface MeterBodyOptions {
  /** Content-Length of the body as it passes here, when it is known. */
  length: number | undefined;
  flow: Flow;
  /** down: the source is the upstream and the reader the client; up: the other way round. */
  direction: "up" | "down";
  /** By the request's signal a client that leaves ends the transfer at once, and is told from a broken upstream. */
  x: Pick<Exchange, "ctx" | "env" | "meter"> & Partial<Pick<Exchange, "request">>;
  /** Called once. `aborted`: the client left; `failed`: the upstream broke, and so does the body given out. */
  onEnd: (reason: CloseReason) => void;
}

/** How a copy ends when one of its sides breaks. */
interface Breaks {
  readonly source: CloseReason;
  readonly sink: CloseReason;
}

const BREAKS: Readonly<Record<"up" | "down", Breaks>> = {
  down: { source: "failed", sink: "aborted" },
  up: { source: "aborted", sink: "failed" },
};

/**
 * The body to pass on instead of `source`. A buffered one of up to 64 KiB counts at once; a stream of known length up to
 * 1 MiB is copied by the runtime and counts when done; any other is passed on in steps and counts as it goes. When the source breaks the result
 * errors, it never ends cleanly; when the reader leaves, the source is cancelled. A source of known length has to be the
 * body of a response or request: the runtime pipes no identity stream into another ("not implemented", and it hangs).
 */
export function meterBody(
  source: ReadableStream<Uint8Array> | Uint8Array,
  options: MeterBodyOptions,
): ReadableStream<Uint8Array> | Uint8Array {
  const { flow, direction, length, x, onEnd } = options;
  if (source instanceof Uint8Array && source.byteLength <= BODY_LIMITS.HANDED_BYTES_MAX) {
    flow[direction] += source.byteLength;
    onEnd("done");
    return source;
  }
  const known = length !== undefined && Number.isSafeInteger(length) && length >= 0;
  const { readable, writable } = known ? new FixedLengthStream(length) : new IdentityTransformStream();
  const signal = x.request?.signal;
  // A client that leaves during its upload breaks the source, which is noticed by reading.
  const copy = {
    expected: known ? length : 0,
    breaks: BREAKS[direction],
    signal: direction === "down" ? signal : undefined,
  };
  const copied =
    known && length <= BODY_LIMITS.PIPED_BYTES_MAX && !(source instanceof Uint8Array)
      ? pipe(source, writable, signal, () => {
          flow[direction] += length;
        })
      : pump(source, writable, copy, (bytes) => {
          flow[direction] += bytes;
          x.meter.touch(x.env, x.ctx);
        });
  x.ctx.waitUntil(copied.then(onEnd));
  return readable;
}

/** Copies inside the runtime: half the CPU time of a read loop for small bodies, but nothing is known until the end. */
async function pipe(
  source: ReadableStream<Uint8Array>,
  writable: WritableStream<Uint8Array>,
  signal: AbortSignal | undefined,
  whole: () => void,
): Promise<CloseReason> {
  try {
    await source.pipeTo(writable, signal && { signal });
    whole();
    return "done";
  } catch {
    // The streams do not tell afterwards which of them broke; that the client has gone may be known a moment later.
    await scheduler.wait(0);
    return signal?.aborted ? "aborted" : "failed";
  }
}

type Read = () => Promise<ReadableStreamReadResult<Uint8Array>>;

/** Reads into one reused buffer; it grows with full reads, so that an idle event stream holds little. */
function byteReads(reader: ReadableStreamBYOBReader): Read {
  let size: number = BODY_LIMITS.READ_BYTES_MIN;
  let buffer = new ArrayBuffer(size);
  return async () => {
    const result = await reader.read(new Uint8Array(buffer));
    if (result.value) {
      buffer = result.value.buffer as ArrayBuffer;
      if (result.value.byteLength === size && size < BODY_LIMITS.READ_BYTES_MAX) {
        size = Math.min(size * 4, BODY_LIMITS.READ_BYTES_MAX);
        buffer = new ArrayBuffer(size);
      }
    }
    return result;
  };
}

/** Steps through a buffer, so that a reader who leaves in the middle is noticed and counted by what it took. */
function bufferReads(bytes: Uint8Array): Read {
  let at = 0;
  return async () => {
    if (at >= bytes.byteLength) return { done: true, value: undefined };
    const value = bytes.subarray(at, at + BODY_LIMITS.READ_BYTES_MAX);
    at += value.byteLength;
    return { done: false, value };
  };
}

/** Streams made by JavaScript may not be byte streams: those are read chunk by chunk. */
function openReader(source: ReadableStream<Uint8Array> | Uint8Array): {
  read: Read;
  cancel: (reason: unknown) => Promise<void>;
} {
  if (source instanceof Uint8Array) return { read: bufferReads(source), cancel: async () => undefined };
  try {
    const reader = source.getReader({ mode: "byob" });
    return { read: byteReads(reader), cancel: (reason) => reader.cancel(reason) };
  } catch {
    const reader = source.getReader();
    return { read: () => reader.read(), cancel: (reason) => reader.cancel(reason) };
  }
}

async function pump(
  source: ReadableStream<Uint8Array> | Uint8Array,
  writable: WritableStream<Uint8Array>,
  { expected, breaks, signal }: { expected: number; breaks: Breaks; signal: AbortSignal | undefined },
  count: (bytes: number) => void,
): Promise<CloseReason> {
  let passed = 0;
  const reader = openReader(source);
  const writer = writable.getWriter();
  let left = false;
  const leave = (error: unknown): void => {
    left = true;
    reader.cancel(error).catch(() => undefined);
    writer.abort(error).catch(() => undefined);
  };
  // A client may close once it has every announced byte, before the source's end is seen here.
  const afterLeaving = () => (expected > 0 && passed === expected ? "done" : breaks.sink);
  // The reader may leave while the source is silent and no write is under way to notice.
  writer.closed.catch(leave);
  signal?.addEventListener("abort", () => leave(signal.reason));
  if (signal?.aborted) leave(signal.reason);
  for (;;) {
    let result: ReadableStreamReadResult<Uint8Array>;
    try {
      result = await reader.read();
    } catch (error) {
      if (left) return afterLeaving();
      await writer.abort(error).catch(() => undefined);
      return breaks.source;
    }
    if (left) return afterLeaving();
    if (result.done && passed < expected) {
      await writer.abort(new RangeError("The body ended before its announced length")).catch(() => undefined);
      return breaks.source;
    }
    try {
      if (result.done) {
        await writer.close();
        return "done";
      }
      await writer.write(result.value);
    } catch (error) {
      leave(error);
      return afterLeaving();
    }
    passed += result.value.byteLength;
    count(result.value.byteLength);
  }
}
