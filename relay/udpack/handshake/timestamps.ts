// Timestamps of initiations: one source per static key of a process, since a server takes each timestamp only once. Pure.

/** Microseconds since 1970 that always grow. */
export class Timestamps {
  #last = 0;

  /** `wallMs` is the wall clock; where it stood still or went back, the result is one more than the last. */
  next(wallMs: number): number {
    this.#last = Math.max(this.#last + 1, Math.floor(wallMs * 1_000));
    return this.#last;
  }
}
