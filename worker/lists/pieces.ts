// Text that is kept compressed in rows: written as gzip in pieces of a row's size, and read back. Neither way holds more than
// a piece.

import { LIST_LIMITS as LIMITS } from "../../shared/limits.ts";
import { unzipped } from "./unzip.ts";

/** Text is compressed in portions of about this many characters: each costs a hand-over to the runtime. */
const PORTION_CHARS = 64 * 1024;

/** Compresses text into pieces. */
export class PieceWriter {
  readonly #stage: (n: number, piece: Uint8Array) => Promise<void>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #collected: Promise<void>;
  readonly #encoder = new TextEncoder();
  #text = "";
  #pieces = 0;
  #bytes = 0;
  #chars = 0;
  /** A piece is being kept. */
  #keeping: Promise<void> | undefined;

  /** `stage` keeps a piece. */
  constructor(stage: (n: number, piece: Uint8Array) => Promise<void>) {
    this.#stage = stage;
    const zip = new CompressionStream("gzip");
    this.#writer = zip.writable.getWriter();
    this.#collected = this.#collect((zip.readable as ReadableStream<Uint8Array>).getReader());
    // Its failure shows at the writer, too.
    this.#collected.catch(() => undefined);
  }

  /** No more text is worth compressing: what is kept, or what comes of it for who reads it, would be too much. */
  get isFull(): boolean {
    return this.#bytes >= LIMITS.GUIDE_STORED_BYTES_MAX || this.#chars >= LIMITS.GUIDE_STORED_CHARS_MAX;
  }

  async write(text: string): Promise<void> {
    this.#text += text;
    this.#chars += text.length;
    if (this.#text.length >= PORTION_CHARS) await this.#flush();
  }

  /** Ends the text; resolves to what was kept. */
  async close(): Promise<{ pieces: number; bytes: number }> {
    await this.#flush();
    await this.#writer.close();
    await this.#collected;
    return { pieces: this.#pieces, bytes: this.#bytes };
  }

  /** Gives the text up. */
  async abort(): Promise<void> {
    await this.#writer.abort().catch(() => undefined);
  }

  async #flush(): Promise<void> {
    const portion = this.#encoder.encode(this.#text);
    this.#text = "";
    if (portion.byteLength > 0) await this.#writer.write(portion);
    // The platform compresses whatever it is given; what has no place yet must not pile up.
    await this.#keeping;
  }

  async #collect(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    let piece = new Uint8Array(LIMITS.PIECE_BYTES);
    let filled = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      for (let at = 0; at < value.byteLength; ) {
        const part = value.subarray(at, at + piece.byteLength - filled);
        piece.set(part, filled);
        filled += part.byteLength;
        at += part.byteLength;
        if (filled < piece.byteLength) continue;
        await this.#keep(piece);
        piece = new Uint8Array(LIMITS.PIECE_BYTES);
        filled = 0;
      }
    }
    if (filled > 0) await this.#keep(piece.slice(0, filled));
  }

  async #keep(piece: Uint8Array): Promise<void> {
    this.#bytes += piece.byteLength;
    this.#keeping = this.#stage(this.#pieces++, piece);
    await this.#keeping;
    this.#keeping = undefined;
  }
}

/** The text of pieces in their order; `load` gives undefined behind the last one. */
export async function* piecesText(
  load: (n: number) => Promise<Uint8Array | undefined>,
): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  for await (const bytes of unzipped(loaded(load))) yield decoder.decode(bytes, { stream: true });
  yield decoder.decode();
}

async function* loaded(
  load: (n: number) => Promise<Uint8Array | undefined>,
): AsyncGenerator<Uint8Array, undefined> {
  for (let n = 0; ; n++) {
    const piece = await load(n);
    if (piece === undefined) return undefined;
    yield piece;
  }
}
