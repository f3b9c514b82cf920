// The memory that bytes of one stream wait in until they are read: blocks at fixed places of the stream, of 4 KiB at its
// start and 64 KiB later, made when the first byte of one comes. Each byte is copied once, from the packet to here; the
// reader gets parts of a block, which is let go after its last byte. Knows nothing of what is there: the caller does.

/** The first blocks double in size up to here: a short answer then costs little memory. */
const BLOCK_BYTES_MIN = 4 * 1024;
const BLOCK_BYTES_MAX = 64 * 1024;
const GROWING_BLOCKS = Math.log2(BLOCK_BYTES_MAX / BLOCK_BYTES_MIN);
/** Offset from which all blocks have the greatest size. */
const GROWN_AT = BLOCK_BYTES_MIN * (2 ** GROWING_BLOCKS - 1);

function indexOf(offset: number): number {
  if (offset >= GROWN_AT) return GROWING_BLOCKS + Math.floor((offset - GROWN_AT) / BLOCK_BYTES_MAX);
  return 31 - Math.clz32(Math.floor(offset / BLOCK_BYTES_MIN) + 1);
}

function startOf(index: number): number {
  if (index >= GROWING_BLOCKS) return GROWN_AT + (index - GROWING_BLOCKS) * BLOCK_BYTES_MAX;
  return BLOCK_BYTES_MIN * (2 ** index - 1);
}

function sizeOf(index: number): number {
  return index >= GROWING_BLOCKS ? BLOCK_BYTES_MAX : BLOCK_BYTES_MIN * 2 ** index;
}

export class ReceiveBlocks {
  /** Blocks from number `#first` on; holes are blocks of which no byte has come. */
  #blocks: (Uint8Array | undefined)[] = [];
  #first = 0;

  /** Copies `data` to where it belongs; `offset` must not lie below what was taken. */
  write(offset: number, data: Uint8Array): void {
    let at = offset;
    let rest = data;
    for (;;) {
      const index = indexOf(at);
      const block = this.#block(index);
      const place = at - startOf(index);
      const room = block.length - place;
      if (rest.length <= room) {
        block.set(rest, place);
        return;
      }
      block.set(rest.subarray(0, room), place);
      rest = rest.subarray(room);
      at += room;
    }
  }

  /** The bytes from `from` to `to`, or to the end of the block. They stay the reader's: nothing writes there again. */
  take(from: number, to: number): Uint8Array {
    const index = indexOf(from);
    const start = startOf(index);
    const block = this.#block(index);
    const end = Math.min(to - start, block.length);
    if (end === block.length) {
      this.#blocks.splice(0, index - this.#first + 1);
      this.#first = index + 1;
    }
    return block.subarray(from - start, end);
  }

  /** Lets everything go, for a stream whose bytes nobody will read. */
  clear(): void {
    this.#blocks = [];
  }

  #block(index: number): Uint8Array {
    let block = this.#blocks[index - this.#first];
    if (block === undefined) {
      block = new Uint8Array(sizeOf(index));
      // Filled up one by one, so that the array never becomes a dictionary.
      while (this.#blocks.length < index - this.#first) this.#blocks.push(undefined);
      this.#blocks[index - this.#first] = block;
    }
    return block;
  }
}
