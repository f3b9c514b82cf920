// Rates as "so many per so long": a window that slides over two fixed ones, and a table of such windows per client that
// never grows past its bound. Pure: time comes in as an argument.

/** How often something may happen. */
export interface RateLimit {
  readonly count: number;
  readonly windowMs: number;
}

/** Whether one more may happen, and what is left then. */
export interface RateVerdict {
  readonly admitted: boolean;
  /** How many more may happen at once. */
  readonly remaining: number;
  /** Refused: until one may happen again. Admitted: until the whole count is free again if nothing else happens. */
  readonly waitMs: number;
}

/**
 * Counts over the last `windowMs`: exactly within the current fixed window, and of the one before the part that the
 * sliding window still covers, as if its events had been spread evenly. What is refused does not count, so that a client
 * that goes on asking is let in as soon as one that waits.
 */
export class RateWindow {
  #start = 0;
  #current = 0;
  #previous = 0;

  /** Counts `wanted` events if there is room for all of them. */
  take(limit: RateLimit, now: number, wanted = 1): RateVerdict {
    this.#move(limit, now);
    const used = this.#current + this.#weighted(limit, now);
    // Rounding: a tenth of an event is no reason to refuse one.
    const free = Math.floor(limit.count - used + 1e-9);
    if (free < wanted)
      return { admitted: false, remaining: Math.max(0, free), waitMs: this.#wait(limit, now, wanted) };
    this.#current += wanted;
    return { admitted: true, remaining: free - wanted, waitMs: this.#restMs(limit, now) };
  }

  /** Of events counted before, `count` did not happen. */
  giveBack(count: number): void {
    this.#current = Math.max(0, this.#current - count);
  }

  /** How many events may happen now. */
  room(limit: RateLimit, now: number): number {
    this.#move(limit, now);
    return Math.max(0, Math.floor(limit.count - this.#current - this.#weighted(limit, now) + 1e-9));
  }

  /** What to store, so that `restore` goes on from here. */
  get state(): readonly [start: number, current: number, previous: number] {
    return [this.#start, this.#current, this.#previous];
  }

  restore([start, current, previous]: readonly [number, number, number]): void {
    this.#start = start;
    this.#current = current;
    this.#previous = previous;
  }

  #move({ windowMs }: RateLimit, now: number): void {
    // A clock that went back keeps what was counted, but not for as long as it went back.
    if (now < this.#start) this.#start = now;
    const passed = Math.floor((now - this.#start) / windowMs);
    if (passed === 0) return;
    this.#previous = passed === 1 ? this.#current : 0;
    this.#current = 0;
    this.#start = passed === 1 ? this.#start + windowMs : now;
  }

  #weighted({ windowMs }: RateLimit, now: number): number {
    const part = Math.min(1, Math.max(0, (now - this.#start) / windowMs));
    return this.#previous * (1 - part);
  }

  /** Until the previous window's part has shrunk enough, in this window or, when this one is full itself, in the next. */
  #wait({ count, windowMs }: RateLimit, now: number, wanted: number): number {
    const room = count - wanted;
    const at =
      this.#current <= room
        ? this.#start + windowMs * (1 - (room - this.#current) / this.#previous)
        : this.#start + windowMs * (2 - Math.max(0, room) / this.#current);
    return Math.max(1, Math.ceil(at - now));
  }

  #restMs({ windowMs }: RateLimit, now: number): number {
    return Math.max(1, Math.ceil(this.#start + 2 * windowMs - now));
  }
}

/**
 * Values by client, at most `max`: when half of them are new, those that were not asked for since the last such time are
 * forgotten. A client that is forgotten begins anew, which takes as many other clients as it would need to evade a limit
 * per client anyway.
 */
export class ClientTable<T> {
  readonly #max: number;
  #recent = new Map<string, T>();
  #older = new Map<string, T>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#recent.size + this.#older.size;
  }

  get(key: string): T | undefined {
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent;
    const older = this.#older.get(key);
    if (older === undefined) return undefined;
    this.#older.delete(key);
    this.set(key, older);
    return older;
  }

  set(key: string, value: T): void {
    if (this.#recent.size >= this.#max / 2) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(key, value);
  }

  delete(key: string): void {
    this.#recent.delete(key);
    this.#older.delete(key);
  }
}
