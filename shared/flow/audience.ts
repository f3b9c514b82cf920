// Who watches a channel, merged from what all isolates report: one hash per viewer, forgotten when nothing was sent to it
// for a while. Exact but for two viewers with one hash (one pair among 90,000 is likely, among 3,000 one in a thousand) and
// for the bound over all channels. Pure: time comes in as an argument.

/** Places for viewers of all channels together. */
export class AudiencePlaces {
  #free: number;

  constructor(places: number) {
    this.#free = places;
  }

  take(): boolean {
    if (this.#free === 0) return false;
    this.#free--;
    return true;
  }

  giveBack(places: number): void {
    this.#free += places;
  }
}

export class Audience {
  readonly #places: AudiencePlaces;
  readonly #shownMs: number;
  /** When each was last reported, the longest ago first. */
  readonly #seenAt = new Map<number, number>();

  constructor(places: AudiencePlaces, shownMs: number) {
    this.#places = places;
    this.#shownMs = shownMs;
  }

  /** These were sent something around `now`. */
  see(viewers: readonly number[], now: number): void {
    this.prune(now);
    for (const viewer of viewers) {
      if (!this.#seenAt.delete(viewer) && !this.#places.take()) continue;
      this.#seenAt.set(viewer, now);
    }
  }

  /** Viewers as of `now`. */
  count(now: number): number {
    this.prune(now);
    return this.#seenAt.size;
  }

  prune(now: number): void {
    for (const [viewer, at] of this.#seenAt) {
      if (now - at < this.#shownMs) break;
      this.#seenAt.delete(viewer);
      this.#places.giveBack(1);
    }
  }
}
