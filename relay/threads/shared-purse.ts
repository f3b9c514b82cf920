// What is left of a quota's lease, where all threads take from it: taking is one compare-and-swap, so that all together never
// move more than was leased.

import type { Purse } from "../limits/quota-lease.ts";

/** A time that never comes, as a whole number of 64 bits. */
const NEVER = 2n ** 62n;

export interface PursePlace {
  /** Index of the bytes that are left. */
  readonly left: number;
  /** Index of the time from which on nothing is taken. */
  readonly until: number;
}

export class SharedPurse implements Purse {
  readonly #cells: BigInt64Array;
  readonly #place: () => PursePlace | undefined;

  /** `place`: where it lies now; undefined: nowhere, and it is empty then. */
  constructor(cells: BigInt64Array, place: () => PursePlace | undefined) {
    this.#cells = cells;
    this.#place = place;
  }

  get left(): number {
    const place = this.#place();
    return place === undefined ? 0 : Number(Atomics.load(this.#cells, place.left));
  }

  get until(): number {
    const place = this.#place();
    if (place === undefined) return 0;
    const until = Atomics.load(this.#cells, place.until);
    return until === NEVER ? Number.POSITIVE_INFINITY : Number(until);
  }

  set until(time: number) {
    const until = time === Number.POSITIVE_INFINITY ? NEVER : BigInt(Math.floor(time));
    const place = this.#place();
    if (place !== undefined) Atomics.store(this.#cells, place.until, until);
  }

  take(bytes: number): boolean {
    const at = this.#place()?.left;
    if (at === undefined) return false;
    const wanted = BigInt(bytes);
    for (;;) {
      const left = Atomics.load(this.#cells, at);
      if (left < wanted) return false;
      if (Atomics.compareExchange(this.#cells, at, left, left - wanted) === left) return true;
    }
  }

  add(bytes: number): void {
    const place = this.#place();
    if (place !== undefined) Atomics.add(this.#cells, place.left, BigInt(Math.floor(bytes)));
  }

  empty(): number {
    const place = this.#place();
    return place === undefined ? 0 : Number(Atomics.exchange(this.#cells, place.left, 0n));
  }
}
