// What a copying loop reads from: a stream, by one reused buffer where the stream allows it, or bytes that are here already.

import { BODY_LIMITS } from "../shared/limits.ts";

export interface BodySource {
  /** The next piece. After `recycle` it may be overwritten by the next call. */
  read(): Promise<ReadableStreamReadResult<Uint8Array>>;
  /** Takes the memory of a piece for the next one; to be called for each, before the next is read. */
  recycle(piece: Uint8Array): void;
  /** Gives the source up; never rejects. */
  cancel(reason: unknown): Promise<void>;
}

/** Opens a body for reading; a stream is locked from here on. Streams made by JavaScript may not be byte streams. */
export function openSource(body: ReadableStream<Uint8Array> | Uint8Array): BodySource {
  if (body instanceof Uint8Array) return new BufferSource(body);
  try {
    return new ByteStreamSource(body.getReader({ mode: "byob" }));
  } catch {
    return new ChunkSource(body.getReader());
  }
}

/** Reads into one buffer; it grows with full reads, so that an idle event stream holds little. */
class ByteStreamSource implements BodySource {
  readonly #reader: ReadableStreamBYOBReader;
  #size: number = BODY_LIMITS.READ_BYTES_MIN;
  #buffer = new ArrayBuffer(BODY_LIMITS.READ_BYTES_MIN);

  constructor(reader: ReadableStreamBYOBReader) {
    this.#reader = reader;
  }

  read(): Promise<ReadableStreamReadResult<Uint8Array>> {
    return this.#reader.read(new Uint8Array(this.#buffer));
  }

  recycle(piece: Uint8Array): void {
    this.#buffer = piece.buffer as ArrayBuffer;
    if (piece.byteLength === this.#size && this.#size < BODY_LIMITS.READ_BYTES_MAX) {
      this.#size = Math.min(this.#size * 4, BODY_LIMITS.READ_BYTES_MAX);
      this.#buffer = new ArrayBuffer(this.#size);
    }
  }

  cancel(reason: unknown): Promise<void> {
    return this.#reader.cancel(reason).catch(ignore);
  }
}

class ChunkSource implements BodySource {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(reader: ReadableStreamDefaultReader<Uint8Array>) {
    this.#reader = reader;
  }

  read(): Promise<ReadableStreamReadResult<Uint8Array>> {
    return this.#reader.read();
  }

  recycle(): void {}

  cancel(reason: unknown): Promise<void> {
    return this.#reader.cancel(reason).catch(ignore);
  }
}

/** Steps through a buffer, so that a reader who leaves in the middle is noticed and counted by what it took. */
class BufferSource implements BodySource {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  async read(): Promise<ReadableStreamReadResult<Uint8Array>> {
    if (this.#at >= this.#bytes.byteLength) return { done: true, value: undefined };
    const value = this.#bytes.subarray(this.#at, this.#at + BODY_LIMITS.READ_BYTES_MAX);
    this.#at += value.byteLength;
    return { done: false, value };
  }

  recycle(): void {}

  async cancel(): Promise<void> {}
}

function ignore(): void {}
