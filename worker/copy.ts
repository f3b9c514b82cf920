// The one loop that moves a body by hand: replies that are metered, uploads, and channels' segments differ only in the
// rules they give it. Copies bytes and tells how it ended; counts nothing and times nothing by itself.

import { type BodySource, openSource } from "./body-source.ts";

/**
 * How a copy ended. `whole`: everything has passed; `source`: the source broke, ended early or was refused by `inspect`, and
 * the target is broken; `target`: the target wants no more, and the source is given up; `stopped`: by `stop`, both are.
 */
export type CopyEnd = "whole" | "source" | "target" | "stopped";

export interface CopyRules {
  /** Bytes that were announced: a source that ends before it has broken off. */
  readonly length?: number | undefined;
  /** Sees each piece before it is passed on; by throwing it breaks the copy off. */
  readonly inspect?: ((piece: Uint8Array) => void) | undefined;
  /** Told of each piece that the target has taken. */
  readonly onPassed?: ((bytes: number) => void) | undefined;
  /** Told before the target is broken, with the cause. */
  readonly onBreak?: ((cause: unknown) => void) | undefined;
  /**
   * True while the source is read at its own pace, whatever becomes of the target: for whoever collects the pieces. They
   * are then copies of their own. Without it the target's pace is the source's.
   */
  readonly ahead?: (() => boolean) | undefined;
  /** Bounds the wait for each piece, by rejecting. Costs a timer per piece: `idleMs` with a watch does not. */
  readonly patience?: (<T>(read: Promise<T>) => Promise<T>) | undefined;
}

export class Copy {
  readonly #source: BodySource;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #rules: CopyRules;
  #taken = 0;
  #passed = 0;
  #end: "target" | "stopped" | undefined;
  #isOver = false;
  #targetGone = false;
  #waitsForTarget = false;
  /** Reads and writes so far; what it was when last asked for, and when that began. */
  #steps = 0;
  #seenSteps = -1;
  #seenAt = 0;

  /** Locks both streams. */
  constructor(
    source: ReadableStream<Uint8Array> | Uint8Array,
    target: WritableStream<Uint8Array>,
    rules: CopyRules,
  ) {
    this.#source = openSource(source);
    this.#writer = target.getWriter();
    this.#rules = rules;
  }

  /** True while a piece waits for the target to take it, false while the source is waited for. */
  get waitsForTarget(): boolean {
    return this.#waitsForTarget;
  }

  /** How long nothing has moved, as far as it can be told by being asked regularly; 0 once all is over. */
  idleMs(now: number): number {
    if (this.#isOver) return 0;
    if (this.#steps !== this.#seenSteps) {
      this.#seenSteps = this.#steps;
      this.#seenAt = now;
    }
    return now - this.#seenAt;
  }

  /** Breaks both sides off; the first call counts. */
  stop(cause: unknown): void {
    if (this.#end || this.#isOver) return;
    this.#end = "stopped";
    this.#rules.onBreak?.(cause);
    this.#writer.abort(cause).catch(ignore);
    void this.#source.cancel(cause);
  }

  /** Copies to the end; never rejects. */
  async run(): Promise<CopyEnd> {
    const end = await this.#run();
    this.#isOver = true;
    return end;
  }

  async #run(): Promise<CopyEnd> {
    const { ahead, patience } = this.#rules;
    // The target may leave while the source is silent and no write is under way to notice.
    this.#writer.closed.catch((cause) => this.#loseTarget(cause));
    for (;;) {
      let piece: Uint8Array | undefined;
      try {
        const read = this.#source.read();
        piece = this.#take(await (patience ? patience(read) : read));
      } catch (cause) {
        return this.#ended() ?? this.#breakOff(cause);
      }
      const ended = this.#ended();
      if (ended) return ended;
      if (!piece) return this.#close();
      const written = this.#targetGone ? undefined : this.#writer.write(piece);
      if (ahead?.()) {
        written?.then(
          () => this.#wrote(piece.byteLength),
          (cause) => this.#loseTarget(cause),
        );
        continue;
      }
      const left = await this.#waitFor(written, piece.byteLength);
      if (left) return left;
    }
  }

  /** The piece that was read, in a form that may be written; undefined at the end. */
  #take({ done, value }: ReadableStreamReadResult<Uint8Array>): Uint8Array | undefined {
    const { length = 0, inspect, ahead } = this.#rules;
    this.#steps++;
    if (done) {
      if (this.#taken < length) throw new RangeError("The body ended before its announced length");
      return undefined;
    }
    this.#source.recycle(value);
    this.#taken += value.byteLength;
    const piece = ahead ? value.slice() : value;
    inspect?.(piece);
    return piece;
  }

  /** Waits until the target has taken a piece; tells the end if it has come. */
  async #waitFor(written: Promise<void> | undefined, bytes: number): Promise<CopyEnd | undefined> {
    this.#waitsForTarget = true;
    try {
      await written;
      if (written) this.#wrote(bytes);
    } catch (cause) {
      this.#loseTarget(cause);
    }
    this.#waitsForTarget = false;
    if (this.#targetGone && !this.#end) this.#giveUpSource(undefined);
    return this.#ended();
  }

  #wrote(bytes: number): void {
    this.#steps++;
    this.#passed += bytes;
    this.#rules.onPassed?.(bytes);
  }

  async #close(): Promise<CopyEnd> {
    if (this.#targetGone) return "whole";
    const closed = this.#writer.close();
    if (this.#rules.ahead?.()) {
      closed.catch(ignore);
      return "whole";
    }
    try {
      await closed;
      return "whole";
    } catch (cause) {
      this.#loseTarget(cause);
      return this.#ended() ?? "target";
    }
  }

  #loseTarget(cause: unknown): void {
    this.#targetGone = true;
    if (!this.#end && !this.#rules.ahead?.()) this.#giveUpSource(cause);
  }

  #giveUpSource(cause: unknown): void {
    this.#end = "target";
    void this.#source.cancel(cause);
    this.#writer.abort(cause).catch(ignore);
  }

  /** A reader may close once it has every announced byte, before the source's end is seen here. */
  #ended(): CopyEnd | undefined {
    const { length = 0 } = this.#rules;
    return this.#end && length > 0 && this.#passed === length ? "whole" : this.#end;
  }

  async #breakOff(cause: unknown): Promise<CopyEnd> {
    this.#rules.onBreak?.(cause);
    await Promise.allSettled([this.#writer.abort(cause), this.#source.cancel(cause)]);
    return "source";
  }
}

function ignore(): void {}
