// What a stream was given to send and the peer has not acknowledged: references to the caller's chunks, in order. Bytes are
// copied once, into the packet. Pure. Its owner bounds the bytes; small writes are gathered, which bounds the chunks.

/** Writes up to this are gathered in a chunk of our own: a reference would cost more than the copy. */
const GATHERED_BYTES_MAX = 512;
const GATHER_CHUNK_BYTES = 4 * 1024;
/** Dropped chunks are cut off the list in such numbers. */
const DROPPED_MIN = 64;
const NOTHING = new Uint8Array(0);

export class SendBuffer {
  /** Offset behind the last byte. */
  end = 0;
  #chunks: Uint8Array[] = [];
  /** Offset of the first byte of each chunk. */
  #starts: number[] = [];
  /** Chunks before this one have been dropped. */
  #head = 0;
  /** The chunk that was used last: mostly the next one to use. */
  #cursor = 0;
  /** The chunk that small writes are gathered in, as the last of the list, and how much of it is used. */
  #gathering: Uint8Array | undefined;
  #gathered = 0;

  /** Takes `data` over by reference: it must not change until it is acknowledged. */
  push(data: Uint8Array): void {
    if (data.length > GATHERED_BYTES_MAX) {
      this.#gathering = undefined;
      // Parts of a Buffer are Buffers, which take longer to make.
      this.#append(new Uint8Array(data.buffer, data.byteOffset, data.length));
    } else if (this.#gathering !== undefined && this.#gathered + data.length <= GATHER_CHUNK_BYTES) {
      this.#gathering.set(data, this.#gathered);
      this.#gathered += data.length;
    } else {
      // The first small write alone is kept as it is: most streams begin with one, and many have no other.
      this.#gathering = this.#chunks.length === this.#head ? undefined : new Uint8Array(GATHER_CHUNK_BYTES);
      const chunk = this.#gathering ?? new Uint8Array(data);
      this.#gathering?.set(data);
      this.#gathered = data.length;
      this.#append(chunk);
    }
    this.end += data.length;
  }

  /** Copies `length` bytes from `offset` on; they must be there. */
  copy(offset: number, length: number, into: Uint8Array, at: number): void {
    let index = this.#find(offset);
    let from = offset;
    let to = at;
    const end = offset + length;
    while (from < end) {
      const chunk = this.#chunks[index];
      const start = this.#starts[index];
      if (chunk === undefined || start === undefined) break;
      const n = Math.min(end, this.#starts[index + 1] ?? this.end) - from;
      into.set(chunk.subarray(from - start, from - start + n), to);
      from += n;
      to += n;
      this.#cursor = index++;
    }
  }

  /** Lets chunks go that lie below `offset` as a whole. */
  dropBelow(offset: number): void {
    while (this.#head + 1 < this.#chunks.length && (this.#starts[this.#head + 1] ?? 0) <= offset) {
      this.#chunks[this.#head++] = NOTHING;
    }
    this.#cursor = Math.max(this.#cursor, this.#head);
    if (offset >= this.end) this.clear();
    else if (this.#head >= DROPPED_MIN && this.#head * 2 >= this.#chunks.length) this.#compact();
  }

  clear(): void {
    this.#chunks = [];
    this.#starts = [];
    this.#head = 0;
    this.#cursor = 0;
    this.#gathering = undefined;
  }

  #append(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#starts.push(this.end);
  }

  #compact(): void {
    this.#chunks.splice(0, this.#head);
    this.#starts.splice(0, this.#head);
    this.#cursor -= this.#head;
    this.#head = 0;
  }

  /** The chunk that `offset` lies in. */
  #find(offset: number): number {
    const { length } = this.#starts;
    let low = this.#cursor;
    if (low < length && (this.#starts[low] ?? 0) <= offset) {
      const next = this.#starts[low + 1];
      if (next === undefined || offset < next) return low;
      const afterNext = this.#starts[low + 2];
      if (afterNext === undefined || offset < afterNext) return low + 1;
    } else low = this.#head;
    let high = length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
