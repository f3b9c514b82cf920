// The one duplex pipe of the relay: moves bytes both ways between two connected streams until both directions ended.
// Half-close passes each way, a reset passes on as a reset, every byte is counted into the flow, and a connection on which
// nothing moves for the idle timeout ends. It must not know protocols, users or names.

import type { Duplex } from "node:stream";
import type { CloseReason, Flow } from "../shared/flow/flow.ts";
import { RELAY_LIMITS } from "../shared/limits.ts";
import { breakOff } from "./break-off.ts";
import { type BulkSource, type ChunkSink, readInBulk } from "./bulk-reader.ts";
import { type Meter, MeteredWay } from "./metered-way.ts";

export interface PipeOptions {
  /** Gets `up` and `down` added as bytes are handed to the far side. */
  readonly flow: Pick<Flow, "up" | "down">;
  /** Milliseconds without a byte either way after which both sides are broken off. */
  readonly idleTimeoutMs: number;
  /** Bytes of the client that were read with its handshake; they go to the target first. */
  readonly head?: Buffer | undefined;
  /** Ends the pipe with the reason `closed`. */
  readonly signal?: AbortSignal | undefined;
  /** What the bytes cost; absent: nothing, and nobody is asked. */
  readonly meter?: Meter | undefined;
}

/**
 * Connects `client` and `target` and resolves, once both are closed, with the reason. Never rejects.
 * Both streams belong to the pipe from here on: callers must not touch them again.
 */
export function pipe(client: Duplex, target: Duplex, options: PipeOptions): Promise<CloseReason> {
  return new Promise((resolve) => new Pipe(client, target, options, resolve));
}

class Pipe {
  readonly #flow: Pick<Flow, "up" | "down">;
  readonly #client: BulkSource;
  readonly #target: BulkSource;
  readonly #settle: (reason: CloseReason) => void;
  readonly #idleTimer: NodeJS.Timeout;
  readonly #signal: AbortSignal | undefined;
  readonly #up: MeteredWay | undefined;
  readonly #down: MeteredWay | undefined;
  #reason: CloseReason = "done";
  #broken = false;
  #openSides = 2;
  /** Byte count at the last idle check, and how many checks in a row found it unchanged. */
  #movedBefore = 0;
  #quietChecks = 0;

  constructor(client: Duplex, target: Duplex, options: PipeOptions, settle: (reason: CloseReason) => void) {
    const { flow, meter } = options;
    this.#flow = flow;
    this.#settle = settle;
    const readClient = () => this.#client.resume();
    const readTarget = () => this.#target.resume();
    const goOnWithClient = () => (this.#up === undefined ? readClient() : this.#up.written());
    const goOnWithTarget = () => (this.#down === undefined ? readTarget() : this.#down.written());
    const passUp: ChunkSink = (chunk) => {
      flow.up += chunk.length;
      return pass(chunk, this.#target.stream, goOnWithClient);
    };
    const passDown: ChunkSink = (chunk) => {
      flow.down += chunk.length;
      return pass(chunk, this.#client.stream, goOnWithTarget);
    };
    this.#up = meter && new MeteredWay(meter, "up", { pass: passUp, resume: readClient });
    this.#down = meter && new MeteredWay(meter, "down", { pass: passDown, resume: readTarget });
    const up = this.#up?.take ?? passUp;
    const down = this.#down?.take ?? passDown;
    this.#client = readInBulk(client, up, meter?.readBytesMax);
    this.#target = readInBulk(target, down, meter?.readBytesMax);
    this.#join(this.#client.stream, this.#target.stream, "aborted");
    this.#join(this.#target.stream, this.#client.stream, "failed");
    this.#idleTimer = setInterval(this.#checkIdle, options.idleTimeoutMs / RELAY_LIMITS.IDLE_CHECKS);
    this.#signal = options.signal;
    this.#signal?.addEventListener("abort", this.#onAbort);
    if (this.#signal?.aborted) {
      this.#break("closed");
      return;
    }
    if (begin(up, [options.head, this.#client.early])) goOnWithClient();
    if (begin(down, [this.#target.early])) goOnWithTarget();
    // An end that came while the target was being dialled is not announced again.
    if (this.#client.stream.readableEnded) this.#target.stream.end();
    if (this.#target.stream.readableEnded) this.#client.stream.end();
  }

  /** Passes the end of `source` on to `sink`, and any failure of it to both. */
  #join(source: Duplex, sink: Duplex, reason: CloseReason): void {
    source.on("end", () => sink.end());
    source.on("error", () => this.#break(reason));
    source.on("close", () => {
      if (!source.readableEnded || !source.writableFinished) this.#break(reason);
      if (--this.#openSides === 0) this.#finish();
    });
  }

  /** Breaks both sides off: by reset, since an orderly end would pass a part for the whole. */
  #break(reason: CloseReason): void {
    if (this.#broken) return;
    this.#broken = true;
    this.#reason = reason;
    breakOff(this.#client.stream);
    breakOff(this.#target.stream);
  }

  readonly #onAbort = (): void => this.#break("closed");

  readonly #checkIdle = (): void => {
    const moved = this.#flow.up + this.#flow.down;
    const isHeld = this.#up?.waits || this.#down?.waits;
    this.#quietChecks = moved === this.#movedBefore && !isHeld ? this.#quietChecks + 1 : 0;
    this.#movedBefore = moved;
    if (this.#quietChecks >= RELAY_LIMITS.IDLE_CHECKS) this.#break("idle");
  };

  #finish(): void {
    clearInterval(this.#idleTimer);
    this.#up?.leave();
    this.#down?.leave();
    this.#signal?.removeEventListener("abort", this.#onAbort);
    // Both are closed, and with them every write.
    this.#client.release();
    this.#target.release();
    this.#settle(this.#reason);
  }
}

/** Writes one chunk; false while it is pending, and `goOn` follows once it is not. The chunk's memory is reused then. */
function pass(chunk: Buffer, sink: Duplex, goOn: () => void): boolean {
  let waiting = false;
  sink.write(chunk, (error) => {
    if (waiting && !error) goOn();
  });
  // write()'s own answer only compares with the high-water mark; what counts is whether the memory is still in use.
  waiting = sink.writableLength > 0;
  return !waiting;
}

/** Passes what was read before the pipe began; true when reading may start at once. */
function begin(sink: (chunk: Buffer) => boolean, parts: (Buffer | undefined)[]): boolean {
  const chunk = Buffer.concat(parts.filter((part) => part !== undefined));
  return chunk.length === 0 || sink(chunk);
}
