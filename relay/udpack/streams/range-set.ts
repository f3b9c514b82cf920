// A set of numbers below 2^48 as sorted, disjoint, half-open ranges in two typed arrays: bytes that came out of order, that
// were acknowledged ahead of others, or that must be sent again. Pure. It grows only as far as `add` is allowed to.

const CAPACITY_AT_FIRST = 8;
/** Arrays above this are given back when the set becomes empty. */
const CAPACITY_KEPT = 64;
/** Most streams never need a range. */
const NONE = new Float64Array(0);

export class RangeSet {
  /** How many ranges there are. */
  size = 0;
  #starts = NONE;
  #ends = NONE;

  start(i: number): number {
    return this.#starts[i] ?? 0;
  }

  end(i: number): number {
    return this.#ends[i] ?? 0;
  }

  /** Index of the first range that ends at `value` or later. */
  firstEndingAt(value: number): number {
    // Most additions go to the end, behind all others.
    if (this.size === 0 || this.end(this.size - 1) < value) return this.size;
    let low = 0;
    let high = this.size - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.end(middle) < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Adds [start, end); false, and nothing is added, where that would take more than `sizeMax` ranges. */
  add(start: number, end: number, sizeMax = Number.POSITIVE_INFINITY): boolean {
    if (start >= end) return true;
    // Ranges from `first` to `last` (exclusive) touch the new one and become one with it.
    const first = this.firstEndingAt(start);
    let last = first;
    while (last < this.size && this.start(last) <= end) last++;
    if (first === last) {
      if (this.size >= sizeMax) return false;
      this.#insert(first, start, end);
      return true;
    }
    this.#starts[first] = Math.min(start, this.start(first));
    this.#ends[first] = Math.max(end, this.end(last - 1));
    this.#delete(first + 1, last);
    return true;
  }

  /** Takes [start, end) out; a range that reaches beyond both of its ends becomes two. */
  remove(start: number, end: number): void {
    if (start >= end) return;
    let i = this.firstEndingAt(start);
    if (i < this.size && this.end(i) === start) i++;
    if (i < this.size && this.start(i) < start) {
      const rangeEnd = this.end(i);
      this.#ends[i] = start;
      i++;
      if (rangeEnd > end) {
        this.#insert(i, end, rangeEnd);
        return;
      }
    }
    let last = i;
    while (last < this.size && this.end(last) <= end) last++;
    if (last < this.size && this.start(last) < end) this.#starts[last] = end;
    this.#delete(i, last);
  }

  /** Takes everything below `end` out. */
  removeBelow(end: number): void {
    if (this.size > 0 && this.start(0) < end) this.remove(0, end);
  }

  clear(): void {
    this.#delete(0, this.size);
  }

  #insert(i: number, start: number, end: number): void {
    if (this.size === this.#starts.length) this.#resize(Math.max(CAPACITY_AT_FIRST, this.size * 2));
    this.#starts.copyWithin(i + 1, i, this.size);
    this.#ends.copyWithin(i + 1, i, this.size);
    this.#starts[i] = start;
    this.#ends[i] = end;
    this.size++;
  }

  #delete(from: number, to: number): void {
    if (from >= to) return;
    this.#starts.copyWithin(from, to, this.size);
    this.#ends.copyWithin(from, to, this.size);
    this.size -= to - from;
    if (this.size === 0 && this.#starts.length > CAPACITY_KEPT) this.#resize(CAPACITY_AT_FIRST);
  }

  #resize(capacity: number): void {
    const starts = new Float64Array(capacity);
    const ends = new Float64Array(capacity);
    starts.set(this.#starts.subarray(0, this.size));
    ends.set(this.#ends.subarray(0, this.size));
    this.#starts = starts;
    this.#ends = ends;
  }
}
