// How many bytes the fetches under way may come to hold. A reservation also lapses by itself: a context that the runtime
// ends gives nothing back.

export class Reservations {
  readonly #bytesMax: number;
  readonly #lapseMs: number;
  readonly #held = new Set<{ readonly bytes: number; readonly lapsesAt: number }>();

  constructor(bytesMax: number, lapseMs: number) {
    this.#bytesMax = bytesMax;
    this.#lapseMs = lapseMs;
  }

  /** Reserves `bytes` and returns what gives them back; undefined when there is no room. */
  take(bytes: number, now: number): (() => void) | undefined {
    let sum = bytes;
    for (const held of this.#held) {
      if (held.lapsesAt <= now) this.#held.delete(held);
      else sum += held.bytes;
    }
    if (sum > this.#bytesMax) return undefined;
    const mine = { bytes, lapsesAt: now + this.#lapseMs };
    this.#held.add(mine);
    return () => void this.#held.delete(mine);
  }
}
