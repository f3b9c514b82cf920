// The last stretch of a stream in memory, once for all who read it at their own place. Places are byte offsets from the
// stream's beginning. Bytes never change once they are in, so views of them may be handed out. Pure; never throws.

import { TS_LIMITS } from "../limits.ts";

interface Block {
  /** Place of its first byte. */
  readonly start: number;
  /** When that came: milliseconds since the epoch. */
  readonly at: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  used: number;
}

export class StreamWindow {
  readonly #blocks: Block[] = [];
  #end = 0;

  /** Place behind the last byte. */
  get end(): number {
    return this.#end;
  }

  /** Place of the first byte that is still there. */
  get start(): number {
    return this.#blocks[0]?.start ?? this.#end;
  }

  append(bytes: Uint8Array, now: number): void {
    for (let at = 0; at < bytes.byteLength; ) {
      const block = this.#openBlock(now);
      const part = bytes.subarray(at, at + TS_LIMITS.BLOCK_BYTES - block.used);
      block.bytes.set(part, block.used);
      block.used += part.byteLength;
      this.#end += part.byteLength;
      at += part.byteLength;
    }
  }

  /** Bytes from `place` on, as many as lie together; undefined when there are none, or none any more. */
  read(place: number): Uint8Array<ArrayBuffer> | undefined {
    if (place < this.start || place >= this.#end) return undefined;
    const block = this.#blockOf(place);
    return block?.bytes.subarray(place - block.start, block.used);
  }

  /** Drops what lies before `place`, and whatever the bounds do not allow. */
  trim(place: number, now: number): void {
    const first = this.#end - TS_LIMITS.WINDOW_BYTES_MAX;
    let drop = 0;
    for (const [index, block] of this.#blocks.entries()) {
      const end = block.start + block.used;
      // The next block's time: its first byte came after the last one of this.
      const lastAt = this.#blocks[index + 1]?.at ?? now;
      const keep = end > place && block.start >= first && now - lastAt < TS_LIMITS.WINDOW_MS_MAX;
      if (keep || index === this.#blocks.length - 1) break;
      drop = index + 1;
    }
    this.#blocks.splice(0, drop);
  }

  #openBlock(now: number): Block {
    const last = this.#blocks.at(-1);
    if (last && last.used < TS_LIMITS.BLOCK_BYTES) return last;
    const block = { start: this.#end, at: now, bytes: new Uint8Array(TS_LIMITS.BLOCK_BYTES), used: 0 };
    this.#blocks.push(block);
    return block;
  }

  /** All blocks but the last are full, so the index is known. */
  #blockOf(place: number): Block | undefined {
    return this.#blocks[Math.floor((place - this.start) / TS_LIMITS.BLOCK_BYTES)];
  }
}
