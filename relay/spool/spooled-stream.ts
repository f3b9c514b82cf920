// A stream whose reads are spooled: what `source` gives is kept for a reader that is slower, in memory first, then in a file, and
// only then the source has to wait. Writes pass straight through. It knows neither protocols nor who reads.

import { Duplex } from "node:stream";
import { CausewayError } from "../../shared/errors.ts";
import { SPOOL_LIMITS } from "../../shared/limits.ts";
import { breakOff } from "../break-off.ts";
import type { SpoolBudget } from "./budget.ts";
import type { SpoolFile } from "./file.ts";
import type { SpoolBounds } from "./state.ts";
import { SpoolState } from "./state.ts";

export interface SpoolSupply {
  readonly bounds: SpoolBounds;
  readonly budget: Pick<SpoolBudget, "take" | "giveBack">;
  /** @throws what the system says */
  openFile(): Promise<SpoolFile>;
  /** A file could not be made, written or read. */
  onFailed(error: unknown): void;
}

export class SpooledStream extends Duplex {
  readonly #source: Duplex;
  readonly #supply: SpoolSupply;
  readonly #state: SpoolState;
  readonly #memory: Buffer[] = [];
  #file: SpoolFile | undefined;
  /** Appending to the file, and taking out of it, under way. */
  #appending: Promise<void> | undefined;
  #taking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Bytes of disk taken for the next read. */
  #promised = 0;
  #isWanted = false;
  #hasEnded = false;
  /** Everything was given on, the end too. */
  #isDone = false;

  /** `source` belongs to the spooled stream from here on; it is paused, and allows half-open. */
  constructor(source: Duplex, supply: SpoolSupply) {
    super({ allowHalfOpen: true });
    this.#source = source;
    this.#supply = supply;
    this.#state = new SpoolState(supply.bounds);
    source.on("data", (chunk: Buffer) => this.#arrived(chunk));
    source.on("end", () => {
      this.#hasEnded = true;
      clearTimeout(this.#timer);
      if (this.#appending === undefined) this.#promise(0);
      this.#serve();
    });
    source.on("error", (error) => this.#fail(error));
    source.on("close", () => {
      if (!source.readableEnded || !source.writableFinished) this.#fail(new Error("The source has closed"));
    });
    source.resume();
  }

  /** Bytes that nobody has read yet. */
  get spooled(): number {
    return this.#state.held;
  }

  override _read(): void {
    this.#isWanted = true;
    this.#serve();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#source.write(chunk, (error) => {
      if (error) this.#fail(error);
      else done();
    });
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#source.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#timer);
    this.#promise(0);
    this.#memory.length = 0;
    const isOver = this.#source.readableEnded && this.#source.writableFinished;
    if (isOver) this.#source.destroy();
    else breakOff(this.#source);
    void this.#closeFile();
    done(error);
  }

  #arrived(chunk: Buffer): void {
    const { isSpilling } = this.#state;
    this.#state.arrived(chunk.length);
    if (isSpilling) this.#appending = this.#append(chunk).catch((error: unknown) => this.#failFile(error));
    else this.#memory.push(chunk);
    this.#serve();
  }

  /** Gives the reader what it wants, and decides about the source. */
  #serve(): void {
    if (this.destroyed) return;
    this.#feed();
    const now = performance.now();
    this.#state.setBlocked(this.#state.held > 0 && !this.#isWanted, now);
    if (!this.#hasEnded) this.#turn(now);
    else if (this.#state.held === 0 && !this.#isDone) {
      this.#isDone = true;
      this.push(null);
    }
  }

  #feed(): void {
    while (this.#isWanted && this.#memory.length > 0) {
      const chunk = this.#memory.shift() ?? Buffer.alloc(0);
      this.#state.tookFromMemory(chunk.length);
      // What is read while it is pushed asks for more at once.
      this.#isWanted = false;
      if (this.push(chunk)) this.#isWanted = true;
    }
    if (this.#isWanted && this.#state.hasFileBytes && this.#taking === undefined) {
      this.#taking = this.#take().catch((error: unknown) => this.#failFile(error));
    }
  }

  #turn(now: number): void {
    clearTimeout(this.#timer);
    const { reads, askAt } = this.#state.turn(now, () => this.#promiseRead());
    if (!this.#state.isSpilling) this.#promise(0);
    if (reads) this.#source.resume();
    else this.#source.pause();
    if (askAt < Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#serve(), askAt - now);
  }

  /** Takes the disk that the next read may need; false when all files together have as much as they may. */
  #promiseRead(): boolean {
    const { READ_BYTES_MAX } = SPOOL_LIMITS;
    return this.#promise(this.#file?.growthBy(READ_BYTES_MAX) ?? READ_BYTES_MAX);
  }

  /** Holds `bytes` of disk, instead of what was held before. */
  #promise(bytes: number): boolean {
    const more = bytes - this.#promised;
    if (more > 0 && !this.#supply.budget.take(more)) return false;
    if (more < 0) this.#supply.budget.giveBack(-more);
    this.#promised = bytes;
    return true;
  }

  async #append(chunk: Buffer): Promise<void> {
    this.#file ??= await this.#supply.openFile();
    if (!this.destroyed) {
      if (!this.#promise(this.#file.growthBy(chunk.length)))
        throw new RangeError("The source gave more than one read brings");
      // What the file takes is its own from here on.
      this.#promised = 0;
      await this.#file.append(chunk);
    }
    this.#appending = undefined;
    this.#state.written(chunk.length);
    if (this.destroyed) await this.#closeFile();
    else this.#serve();
  }

  async #take(): Promise<void> {
    const bytes = (await this.#file?.take(SPOOL_LIMITS.READ_BYTES_MAX)) ?? Buffer.alloc(0);
    this.#taking = undefined;
    if (this.destroyed) {
      await this.#closeFile();
      return;
    }
    const isEmpty = this.#state.tookFromFile(bytes.length);
    this.#isWanted = false;
    if (this.push(bytes)) this.#isWanted = true;
    if (isEmpty) void this.#closeFile();
    this.#serve();
  }

  /** Closes the file unless something of it is under way: what is does it then. */
  async #closeFile(): Promise<void> {
    if (this.#appending !== undefined || this.#taking !== undefined) return;
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  #failFile(error: unknown): void {
    this.#appending = undefined;
    this.#taking = undefined;
    const isOver = this.destroyed;
    void this.#closeFile();
    if (isOver) return;
    this.#supply.onFailed(error);
    this.destroy(new CausewayError("spool_failed", undefined, { cause: error }));
  }

  /** What the source gave before it ended is still worth reading, whatever becomes of the other direction. */
  #fail(error: Error): void {
    if (this.#hasEnded && !this.readableEnded) this.once("end", () => this.destroy(error));
    else this.destroy(error);
  }
}
