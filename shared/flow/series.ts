// A short series: bytes and requests per step in a ring of fixed length. Pure: time comes in as an argument.

/** One step: start in milliseconds since the epoch, then what was counted within it. */
export type SeriesPoint = [at: number, up: number, down: number, requests: number];

export class Series {
  readonly #stepMs: number;
  readonly #length: number;
  readonly #points: SeriesPoint[] = [];

  constructor(stepMs: number, length: number) {
    this.#stepMs = stepMs;
    this.#length = length;
  }

  add(now: number, up: number, down: number, requests: number): void {
    const at = now - (now % this.#stepMs);
    let point = this.#points.at(-1);
    if (!point || point[0] < at) {
      point = [at, 0, 0, 0];
      this.#points.push(point);
      if (this.#points.length > this.#length) this.#points.shift();
    }
    point[1] += up;
    point[2] += down;
    point[3] += requests;
  }

  /** All steps up to `now`, oldest first, quiet ones as zeros; the last one is still filling. */
  points(now: number): SeriesPoint[] {
    const last = now - (now % this.#stepMs);
    const first = last - (this.#length - 1) * this.#stepMs;
    const known = new Map(this.#points.map((point) => [point[0], point]));
    return Array.from({ length: this.#length }, (_, i) => {
      const at = first + i * this.#stepMs;
      return known.get(at) ?? [at, 0, 0, 0];
    });
  }
}
