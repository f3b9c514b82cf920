// The one SharedArrayBuffer of a relay with several threads: where each count, bucket and lease lies in it. Whatever a thread
// adds to a count lies in a cell of its own, so that what a broken-down thread held can be taken back without its help. Every
// access is atomic and none takes a lock: a thread may end between any two steps.

import { THREAD_LIMITS } from "../../shared/limits.ts";
import { SharedCount } from "./shared-count.ts";

/** What a thread needs to see the memory of the others. */
export interface MemoryHandle {
  readonly buffer: SharedArrayBuffer;
  readonly threads: number;
  /** Rows of accounts. */
  readonly accounts: number;
}

/** 64-bit fields of an account's row. */
const FIELDS = { up: 0, down: 1, left: 2, until: 3 } as const;
const FIELD_COUNT = 4;
/** Counts of an account's row. */
const COUNTS = { seats: 0, up: 1, down: 2 } as const;
const COUNT_COUNT = 3;
/** Cells of a thread by itself: the last call answered, its answer, and the last parcel that the main thread has unpacked. */
const OWN_CELLS = 3;

export class SharedMemory {
  readonly handle: MemoryHandle;
  readonly longs: BigInt64Array;
  readonly ints: Int32Array;
  readonly #threads: number;
  readonly #accountCounts: number;

  constructor(handle: MemoryHandle) {
    const { buffer, threads, accounts } = handle;
    this.handle = handle;
    this.#threads = threads;
    const longs = accounts * FIELD_COUNT;
    this.longs = new BigInt64Array(buffer, 0, longs);
    this.ints = new Int32Array(buffer, longs * BigInt64Array.BYTES_PER_ELEMENT);
    this.#accountCounts = threads * (OWN_CELLS + 1 + THREAD_LIMITS.ENTRIES_MAX);
  }

  /** Memory for `threads` threads and so many accounts at a time. What is never used costs none: the system lends pages. */
  static allocate(threads: number, accounts: number): SharedMemory {
    const ints = threads * (OWN_CELLS + 1 + THREAD_LIMITS.ENTRIES_MAX + accounts * COUNT_COUNT);
    const bytes =
      accounts * FIELD_COUNT * BigInt64Array.BYTES_PER_ELEMENT + ints * Int32Array.BYTES_PER_ELEMENT;
    return new SharedMemory({ buffer: new SharedArrayBuffer(bytes), threads, accounts });
  }

  /** Index in `ints`: the number of the last call that was answered; the answer stands beside it. */
  callCell(thread: number): number {
    return thread * OWN_CELLS;
  }

  /** Index in `ints`: the number of the last parcel that was unpacked. */
  parcelCell(thread: number): number {
    return thread * OWN_CELLS + 2;
  }

  /** Connections: of all inbounds together under 0, of each entry under its number. `self`: who counts. */
  connections(entry: number, self: number): SharedCount {
    return this.#count(this.#threads * (OWN_CELLS + entry), self);
  }

  /** A count of an account. */
  accountCount(row: number, which: keyof typeof COUNTS, self: number): SharedCount {
    const at = this.#accountCounts + (row * COUNT_COUNT + COUNTS[which]) * this.#threads;
    return this.#count(at, self);
  }

  /** Index in `longs` of an account's field. */
  accountField(row: number, which: keyof typeof FIELDS): number {
    return row * FIELD_COUNT + FIELDS[which];
  }

  clearAccount(row: number): void {
    for (const which of Object.values(FIELDS)) Atomics.store(this.longs, row * FIELD_COUNT + which, 0n);
    const at = this.#accountCounts + row * COUNT_COUNT * this.#threads;
    for (let cell = 0; cell < COUNT_COUNT * this.#threads; cell++) Atomics.store(this.ints, at + cell, 0);
  }

  /** Takes back what a thread that is no more held of the connections' counts. */
  clearThread(thread: number): void {
    for (let entry = 0; entry <= THREAD_LIMITS.ENTRIES_MAX; entry++) this.connections(entry, thread).clear();
    Atomics.store(this.ints, this.callCell(thread), 0);
    Atomics.store(this.ints, this.parcelCell(thread), 0);
  }

  clearThreadOfAccount(row: number, thread: number): void {
    for (const which of ["seats", "up", "down"] as const) this.accountCount(row, which, thread).clear();
  }

  #count(at: number, self: number): SharedCount {
    return new SharedCount(this.ints, { at, threads: this.#threads, self });
  }
}
