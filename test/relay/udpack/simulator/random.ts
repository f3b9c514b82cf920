// The one source of chance of the simulator: a seeded generator (sfc32), so that every run is the same.

export class Random {
  readonly #state: Uint32Array;

  constructor(seed: number) {
    this.#state = Uint32Array.of(seed, seed ^ 0x9e3779b9, 0x243f6a88, 1);
    for (let i = 0; i < 15; i++) this.integer();
  }

  /** 32 bits. */
  integer(): number {
    const s = this.#state;
    const [a = 0, b = 0, c = 0, d = 0] = s;
    const result = (a + b + d) >>> 0;
    s[3] = d + 1;
    s[0] = b ^ (b >>> 9);
    s[1] = c + (c << 3);
    s[2] = ((c << 21) | (c >>> 11)) + result;
    return result;
  }

  /** From 0 up to, but not including, 1. */
  fraction(): number {
    return this.integer() / 0x1_0000_0000;
  }

  bytes(count: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(count);
    for (let i = 0; i < count; i++) bytes[i] = this.integer();
    return bytes;
  }
}
