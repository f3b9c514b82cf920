// A short series: bytes and requests per step in a ring of fixed length. Pure: time comes in as an argument.

/** One step: start in milliseconds since the epoch, then what was counted within it. */
export type SeriesPoint = [at: number, up: number, down: number, requests: number];

/** What is added to a series. */
export interface SeriesDelta {
  readonly up: number;
  readonly down: number;
  readonly requests: number;
}

/** The part of `total` that falls before `fraction` of its time; whole, so that all parts sum to `total`. */
function portion(total: number, fraction: number): number {
  return fraction >= 1 ? total : Math.round(total * fraction);
}

export class Series {
  readonly #stepMs: number;
  readonly #length: number;
  /** Step `at` lies at index `at / stepMs % length`, where it replaces the one a whole ring ago. */
  readonly #ring: (SeriesPoint | undefined)[];
  #latest = 0;

  constructor(stepMs: number, length: number) {
    this.#stepMs = stepMs;
    this.#length = length;
    this.#ring = new Array<SeriesPoint | undefined>(length).fill(undefined);
  }

  /** Start of the newest step that was added to, 0 if none was. */
  get latest(): number {
    return this.#latest;
  }

  /**
   * Adds what was counted evenly over the time from `from` to `to`. A report covers the second before it, so adding it
   * all at its arrival would make a steady transfer look like one that stutters. What lies before the ring is dropped.
   */
  spread(from: number, to: number, delta: SeriesDelta): void {
    const span = Math.max(0, to - from);
    const newest = this.#start(to);
    if (this.#latest - newest >= this.#length * this.#stepMs) this.#restart();
    const oldest = Math.max(this.#start(Math.min(from, to)), newest - (this.#length - 1) * this.#stepMs);
    for (let at = oldest; at <= newest; at += this.#stepMs) {
      const begin = span === 0 ? 0 : Math.max(0, (at - from) / span);
      const end = at === newest ? 1 : (at + this.#stepMs - from) / span;
      const point = this.#point(at);
      if (!point) continue;
      point[1] += portion(delta.up, end) - portion(delta.up, begin);
      point[2] += portion(delta.down, end) - portion(delta.down, begin);
      point[3] += portion(delta.requests, end) - portion(delta.requests, begin);
    }
  }

  /** The newest step that ended at least `settleMs` before `now`: all of it has been reported by then. */
  whole(now: number, settleMs: number): SeriesPoint {
    const at = this.#start(now - settleMs) - this.#stepMs;
    const point = this.#ring[this.#index(at)];
    return point?.[0] === at ? point : [at, 0, 0, 0];
  }

  /** All steps up to `now`, oldest first, quiet ones as zeros; the last ones are still filling. */
  points(now: number): SeriesPoint[] {
    const first = this.#start(now) - (this.#length - 1) * this.#stepMs;
    return Array.from({ length: this.#length }, (_, i) => {
      const at = first + i * this.#stepMs;
      const point = this.#ring[this.#index(at)];
      return point?.[0] === at ? [...point] : [at, 0, 0, 0];
    });
  }

  /** The clock was set back by more than the ring holds: its points would keep all new ones out until then. */
  #restart(): void {
    this.#ring.fill(undefined);
    this.#latest = 0;
  }

  #start(time: number): number {
    return time - (time % this.#stepMs);
  }

  #index(at: number): number {
    return (at / this.#stepMs) % this.#length;
  }

  /** The step that starts at `at`; undefined when the ring has moved past it. */
  #point(at: number): SeriesPoint | undefined {
    const index = this.#index(at);
    const known = this.#ring[index];
    if (known?.[0] === at) return known;
    if (known && known[0] > at) return undefined;
    const point: SeriesPoint = [at, 0, 0, 0];
    this.#ring[index] = point;
    this.#latest = Math.max(this.#latest, at);
    return point;
  }
}
