// Pieces of a body in the order they came, for whoever wants it whole in the end.

export class Chunks {
  #list: Uint8Array[] = [];
  bytes = 0;

  add(chunk: Uint8Array): void {
    this.#list.push(chunk);
    this.bytes += chunk.byteLength;
  }

  join(): Uint8Array {
    const whole = new Uint8Array(this.bytes);
    let offset = 0;
    for (const chunk of this.#list) {
      whole.set(chunk, offset);
      offset += chunk.byteLength;
    }
    return whole;
  }

  /** Gives the bytes up; the count stays. */
  drop(): void {
    this.#list = [];
  }
}
