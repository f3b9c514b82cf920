// The simulator's clock: what happens at which time, in order; at equal times in the order in which it was planned.

interface Entry {
  readonly at: number;
  readonly order: number;
  readonly action: (now: number) => void;
}

export class Agenda {
  now = 0;
  #order = 0;
  readonly #heap: Entry[] = [];

  /** Does `action` at `at`, at the earliest now. */
  plan(at: number, action: (now: number) => void): void {
    const entry = { at: Math.max(at, this.now), order: this.#order++, action };
    let index = this.#heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = this.#heap[parent];
      if (!above || isBefore(above, entry)) break;
      this.#heap[index] = above;
      index = parent;
    }
    this.#heap[index] = entry;
  }

  /** Goes on until `isDone`, or nothing is planned, or `until` has come. */
  run(until: number, isDone: () => boolean = () => false): void {
    while (!isDone()) {
      const next = this.#heap[0];
      if (!next || next.at > until) {
        this.now = Math.max(this.now, Number.isFinite(until) ? until : this.now);
        return;
      }
      this.#removeFirst();
      this.now = next.at;
      next.action(next.at);
    }
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (!last || this.#heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = this.#heap[2 * index + 1];
      const right = this.#heap[2 * index + 2];
      const child = left && right && isBefore(right, left) ? right : left;
      if (!child || isBefore(last, child)) break;
      this.#heap[index] = child;
      index = child === left ? 2 * index + 1 : 2 * index + 2;
    }
    this.#heap[index] = last;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
