// Metered replies: passes a body on and adds its bytes to a flow, each size by the cheapest way that still counts exactly.
// What is counted was accepted by the receiving side. Copies bytes, never looks at them.

import type { CloseReason, Flow } from "../../shared/flow/flow.ts";
import { BODY_LIMITS } from "../../shared/limits.ts";
import { Copy, type CopyEnd } from "../copy.ts";
import type { Exchange } from "../exchange.ts";
import type { Mover } from "../watch.ts";

export interface MeterBodyOptions {
  /** Content-Length of the body as it passes here, when it is known. */
  length: number | undefined;
  flow: Flow;
  x: Pick<Exchange, "ctx" | "env" | "meter" | "request">;
  /** A source that sends nothing for this long is broken off; so is the body given out. */
  idleMs: number;
  /** Counts what an aborted body has moved, too: clients that always break off would never use a quota up. */
  countsAborted?: boolean;
  /** Called once. `aborted`: the client left; `failed`: the source broke or stood still, and the body given out breaks. */
  onEnd: (reason: CloseReason) => void;
}

export interface MeteredBody {
  /** The body to pass on instead of the source. */
  readonly body: ReadableStream<Uint8Array> | Uint8Array;
  /**
   * To be looked after until the end; undefined when that has come. It is how a client that leaves is noticed while nothing
   * is written: the request's signal would cost each body some 40 us of 800 (measured at 1 MB).
   */
  readonly mover: Mover | undefined;
}

/**
 * Meters a body. A buffered one of up to 64 KiB counts at once; a stream of known length up to 1 MiB is copied by the
 * runtime and counts when done; any other is passed on in steps and counts as it goes. When the source breaks the result
 * errors, it never ends cleanly; when the reader leaves, the source is cancelled. A source of known length has to be the
 * body of a response or request: the runtime pipes no identity stream into another ("not implemented", and it hangs).
 */
export function meterBody(
  source: ReadableStream<Uint8Array> | Uint8Array,
  options: MeterBodyOptions,
): MeteredBody {
  const { flow, length, x, onEnd, countsAborted = false } = options;
  if (source instanceof Uint8Array && source.byteLength <= BODY_LIMITS.HANDED_BYTES_MAX) {
    flow.down += source.byteLength;
    onEnd("done");
    return { body: source, mover: undefined };
  }
  const known = length !== undefined && Number.isSafeInteger(length) && length >= 0;
  const { readable, writable } = known ? new FixedLengthStream(length) : new IdentityTransformStream();
  const isPiped =
    known && length <= BODY_LIMITS.PIPED_BYTES_MAX && !countsAborted && !(source instanceof Uint8Array);
  const mover = isPiped ? new Pipe(options, length) : new Pump(source, writable, options);
  const moved = mover instanceof Pipe ? mover.run(source as ReadableStream, writable) : mover.run();
  x.ctx.waitUntil(moved.then(onEnd));
  return { body: readable, mover };
}

/** Copies inside the runtime: half the CPU time of a read loop for small bodies, but nothing is known until the end. */
class Pipe implements Mover {
  readonly #options: MeterBodyOptions;
  readonly #length: number;
  readonly #breaker = new AbortController();
  #lookedAt = 0;
  #clientLeft = false;

  constructor(options: MeterBodyOptions, length: number) {
    this.#options = options;
    this.#length = length;
  }

  async run(source: ReadableStream<Uint8Array>, target: WritableStream<Uint8Array>): Promise<CloseReason> {
    const { flow, x } = this.#options;
    try {
      await source.pipeTo(target, { signal: this.#breaker.signal });
      flow.down += this.#length;
      return "done";
    } catch {
      // The streams do not tell afterwards which of them broke; that the client has gone may be known a moment later.
      await scheduler.wait(0);
      if (flow.cut) return "closed";
      return this.#clientLeft || x.request.signal.aborted ? "aborted" : "failed";
    }
  }

  /** A slow reader looks like a silent source here, so the body also gets its time at the lowest rate in use. */
  check(now: number, movedAt: number): void {
    this.#lookedAt = Math.max(this.#lookedAt || now, movedAt);
    const leastMs = (this.#length * 1_000) / BODY_LIMITS.PIPED_BYTES_PER_S_MIN;
    if (now - this.#lookedAt >= this.#options.idleMs + leastMs)
      this.#breaker.abort(new Error("The source sent nothing for too long"));
  }

  leave(): void {
    this.#clientLeft = true;
    this.#breaker.abort(new Error("The client has left"));
  }
}

const REASONS: Readonly<Record<CopyEnd, CloseReason>> = {
  whole: "done",
  source: "failed",
  target: "aborted",
  stopped: "failed",
};

/** Copies in steps, counted as they are taken. */
class Pump implements Mover {
  readonly #copy: Copy;
  readonly #options: MeterBodyOptions;
  #clientLeft = false;

  constructor(
    source: ReadableStream<Uint8Array> | Uint8Array,
    target: WritableStream<Uint8Array>,
    options: MeterBodyOptions,
  ) {
    const { length, flow, x } = options;
    this.#options = options;
    this.#copy = new Copy(source, target, {
      length,
      onPassed: (bytes) => {
        flow.down += bytes;
        if (flow.cut) this.#copy.stop(new Error("The transfer was broken off by order"));
        x.meter.touch(x.env, x.ctx);
      },
    });
  }

  async run(): Promise<CloseReason> {
    const end = await this.#copy.run();
    if (end === "stopped" && this.#options.flow.cut) return "closed";
    return end === "stopped" && this.#clientLeft ? "aborted" : REASONS[end];
  }

  check(now: number, movedAt: number): void {
    const idleMs = Math.min(this.#copy.idleMs(now), now - movedAt);
    if (idleMs < this.#options.idleMs || this.#copy.waitsForTarget) return;
    this.#copy.stop(new Error("The source sent nothing for too long"));
  }

  leave(): void {
    this.#clientLeft = true;
    this.#copy.stop(new Error("The client has left"));
  }
}
