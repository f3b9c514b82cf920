// Where the bytes of one spooled stream go: through memory while its reader keeps up, into a file once the reader has taken
// nothing for a while, nowhere when both are full. Pure: counts bytes and time, holds neither bytes nor files.

import { SPOOL_LIMITS } from "../../shared/limits.ts";

export interface SpoolBounds {
  /** Bytes in memory. */
  readonly memory: number;
  /** Bytes in the file; 0: there is none. */
  readonly file: number;
}

/** What to do about the source. */
export interface SourceTurn {
  /** Whether it may be read. */
  readonly reads: boolean;
  /** When to ask again although nothing has happened: milliseconds; Infinity: never. */
  readonly askAt: number;
}

/** Asks whether all files together may grow for one more read; yes is a promise, so it is asked only when it counts. */
type HasRoom = () => boolean;

const READ: SourceTurn = { reads: true, askAt: Number.POSITIVE_INFINITY };
const PAUSE: SourceTurn = { reads: false, askAt: Number.POSITIVE_INFINITY };

export class SpoolState {
  readonly #bounds: SpoolBounds;
  #inMemory = 0;
  #inFile = 0;
  /** Bytes on their way into the file, which count as its own. */
  #entering = 0;
  #isSpilling = false;
  #blockedSince = Number.POSITIVE_INFINITY;

  constructor(bounds: SpoolBounds) {
    this.#bounds = bounds;
  }

  /** Bytes that the reader has not taken. */
  get held(): number {
    return this.#inMemory + this.#inFile + this.#entering;
  }

  /** Whether what comes now goes to the file: it does from the first byte there until the last one has left. */
  get isSpilling(): boolean {
    return this.#isSpilling;
  }

  /** Whether the file has bytes, all of which came after those in memory. */
  get hasFileBytes(): boolean {
    return this.#inFile > 0;
  }

  /** The source gave bytes. */
  arrived(bytes: number): void {
    if (this.#isSpilling) this.#entering += bytes;
    else this.#inMemory += bytes;
  }

  /** Bytes that were on their way are in the file. */
  written(bytes: number): void {
    this.#entering -= bytes;
    this.#inFile += bytes;
  }

  /** The reader took bytes from memory. */
  tookFromMemory(bytes: number): void {
    this.#blockedSince = Number.POSITIVE_INFINITY;
    this.#inMemory -= bytes;
  }

  /** Bytes left the file for the reader; true: that were the last ones, and the file is of no use any more. */
  tookFromFile(bytes: number): boolean {
    this.#blockedSince = Number.POSITIVE_INFINITY;
    this.#inFile -= bytes;
    if (this.#inFile > 0 || this.#entering > 0) return false;
    this.#isSpilling = false;
    return true;
  }

  /** Whether bytes wait for the reader; until it takes some, it is blocked. `now` in milliseconds on a clock that only grows. */
  setBlocked(isBlocked: boolean, now: number): void {
    if (!isBlocked) this.#blockedSince = Number.POSITIVE_INFINITY;
    else if (this.#blockedSince === Number.POSITIVE_INFINITY) this.#blockedSince = now;
  }

  /** What to do about the source now. */
  turn(now: number, hasRoom: HasRoom): SourceTurn {
    if (!this.#isSpilling) {
      if (this.#inMemory + SPOOL_LIMITS.READ_BYTES_MAX <= this.#bounds.memory) return READ;
      if (!this.#fits(0)) return PAUSE;
      const spillAt = this.#blockedSince + SPOOL_LIMITS.BLOCKED_MS;
      if (now < spillAt) return { reads: false, askAt: spillAt };
    } else if (this.#entering > 0 || !this.#fits(this.#inFile)) return PAUSE;
    // Others give room back without anybody here being told.
    if (!hasRoom()) return { reads: false, askAt: now + SPOOL_LIMITS.BLOCKED_MS };
    this.#isSpilling = true;
    return READ;
  }

  #fits(inFile: number): boolean {
    return inFile + SPOOL_LIMITS.READ_BYTES_MAX <= this.#bounds.file;
  }
}
