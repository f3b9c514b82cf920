// Which packet numbers were accepted: each at most once, and none that lies too far below the greatest (RFC 4303 section
// 3.4.3). Blocks of bits in a ring as in RFC 6479, so that moving on clears words and shifts nothing. Pure.

/** Numbers this far below the greatest are refused: half a second's packets at line rate on a fast path. */
export const REPLAY_WINDOW = 8_192;

/** Twice the window: what is cleared on moving on lies below it. A power of two. */
const RING_BITS = 2 * REPLAY_WINDOW;
const RING_MASK = RING_BITS - 1;

/** To be asked with `accepts` before a packet is opened and told with `record` after its tag was verified, never before. */
export class ReplayWindow {
  readonly #bits = new Uint32Array(RING_BITS / 32);
  #newest = -1;

  /** The greatest number recorded; -1 when there is none. */
  get newest(): number {
    return this.#newest;
  }

  /** False when it was recorded before or lies below the window. */
  accepts(number: number): boolean {
    if (number > this.#newest) return true;
    if (number <= this.#newest - REPLAY_WINDOW) return false;
    const place = number & RING_MASK;
    return ((this.#bits[place >>> 5] ?? 0) & (1 << (place & 31))) === 0;
  }

  /** Notes a number that `accepts` agreed to. */
  record(number: number): void {
    if (number > this.#newest) this.#advance(number);
    const place = number & RING_MASK;
    const word = place >>> 5;
    this.#bits[word] = (this.#bits[word] ?? 0) | (1 << (place & 31));
  }

  /** Clears the words from the one behind the newest to that of `number`; the newest's own word keeps its bits. */
  #advance(number: number): void {
    const from = Math.floor(this.#newest / 32) + 1;
    const to = Math.floor(number / 32);
    const words = this.#bits.length;
    if (to - from >= words) this.#bits.fill(0);
    else for (let word = from; word <= to; word++) this.#bits[word % words] = 0;
    this.#newest = number;
  }
}
