// A count that several threads share: a cell for each, whose sum is the count. A thread changes its own cell only.

import { THREAD_LIMITS } from "../../shared/limits.ts";

export interface SharedCountPlace {
  /** Index of the first thread's cell. */
  readonly at: number;
  readonly threads: number;
  /** Whose cell is changed. */
  readonly self: number;
}

export class SharedCount {
  readonly #cells: Int32Array;
  readonly #place: SharedCountPlace;

  constructor(cells: Int32Array, place: SharedCountPlace) {
    this.#cells = cells;
    this.#place = place;
  }

  get total(): number {
    const { at, threads } = this.#place;
    let sum = 0;
    for (let cell = at; cell < at + threads; cell++) sum += Atomics.load(this.#cells, cell);
    return sum;
  }

  /** What its own thread has added. */
  get own(): number {
    return Atomics.load(this.#cells, this.#cell);
  }

  /** What the others have added. */
  get others(): number {
    return this.total - this.own;
  }

  /** Adds one, unless that made more than `max`. */
  take(max: number): boolean {
    for (let tries = 0; tries < THREAD_LIMITS.PLACE_TRIES; tries++) {
      this.add(1);
      // Each adds before it looks, so never do two take the last place; that neither does is what trying again is for.
      if (max === Number.POSITIVE_INFINITY || this.total <= max) return true;
      this.add(-1);
      if (this.total >= max) return false;
    }
    return false;
  }

  giveBack(count = 1): void {
    this.add(-count);
  }

  add(change: number): void {
    Atomics.add(this.#cells, this.#cell, change);
  }

  /** Its thread is no more. */
  clear(): void {
    Atomics.store(this.#cells, this.#cell, 0);
  }

  get #cell(): number {
    return this.#place.at + this.#place.self;
  }
}
