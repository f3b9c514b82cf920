// A reply's text as it comes in, out of gzip where its bytes say so whatever their name, in the encoding that its beginning
// declares. Bounded in bytes before and after decompression, and in how long it may stand still.

import { CausewayError } from "../../shared/errors.ts";
import { LIST_LIMITS as LIMITS } from "../../shared/limits.ts";
import { unzipped } from "./unzip.ts";

/** Counts what was read. */
export interface Reading {
  /** Bytes as they came out of their compression. */
  bytes: number;
}

/**
 * The text of a body, piece by piece.
 * @throws CausewayError `list_too_large`, `upstream_timeout` when it stands still, `upstream_invalid` when it breaks off
 */
export async function* incomingText(
  body: ReadableStream<Uint8Array> | null,
  { bytesMax, reading, signal }: { bytesMax: number; reading: Reading; signal: AbortSignal },
): AsyncGenerator<string, void> {
  if (body === null) return;
  const source = new Incoming(body, signal);
  let decoder: TextDecoder | undefined;
  try {
    for await (const chunk of plainChunks(source)) {
      reading.bytes += chunk.byteLength;
      if (reading.bytes > bytesMax) throw new CausewayError("list_too_large");
      decoder ??= decoderFor(chunk);
      yield decoder.decode(chunk, { stream: true });
    }
    yield decoder?.decode() ?? "";
  } catch (cause) {
    if (cause instanceof CausewayError) throw cause;
    if (signal.aborted) throw new CausewayError("upstream_timeout", undefined, { cause });
    throw source.failure ?? new CausewayError("upstream_invalid", undefined, { cause });
  } finally {
    await source.cancel();
  }
}

/** A body's reader that gives up when nothing comes. */
class Incoming {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #signal: AbortSignal;
  /** Why it ended early. */
  failure: CausewayError | undefined;

  constructor(body: ReadableStream<Uint8Array>, signal: AbortSignal) {
    this.#reader = body.getReader();
    this.#signal = signal;
  }

  /** The next bytes; undefined at the end. */
  async read(): Promise<Uint8Array | undefined> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const give = () => reject(new CausewayError("upstream_timeout"));
    const timer = setTimeout(give, LIMITS.STALL_TIMEOUT_MS);
    this.#signal.addEventListener("abort", give, { once: true });
    try {
      const { value } = await Promise.race([this.#reader.read(), late]);
      return value;
    } catch (error) {
      if (error instanceof CausewayError) this.failure = error;
      throw error;
    } finally {
      clearTimeout(timer);
      this.#signal.removeEventListener("abort", give);
    }
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel().catch(() => undefined);
  }
}

async function* plainChunks(source: Incoming): AsyncGenerator<Uint8Array, void> {
  let first = await source.read();
  while (first?.byteLength === 0) first = await source.read();
  if (first === undefined) return;
  // RFC 1952 section 2.3.1. A single byte cannot tell; no server sends one alone.
  const isGzip = first[0] === 0x1f && (first.byteLength < 2 || first[1] === 0x8b);
  const chunks = chunksFrom(first, source);
  yield* isGzip ? unzipped(packedWithin(chunks, source)) : chunks;
}

async function* chunksFrom(first: Uint8Array, source: Incoming): AsyncGenerator<Uint8Array, undefined> {
  for (let chunk: Uint8Array | undefined = first; chunk !== undefined; chunk = await source.read())
    yield chunk;
  return undefined;
}

/** Packed text has a bound of its own: what it unpacks to may be nothing. */
async function* packedWithin(
  chunks: AsyncIterable<Uint8Array>,
  source: Incoming,
): AsyncGenerator<Uint8Array, undefined> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.byteLength;
    if (bytes > LIMITS.PACKED_BYTES_MAX) {
      source.failure = new CausewayError("list_too_large");
      throw source.failure;
    }
    yield chunk;
  }
  return undefined;
}

/** What an XML declaration or a byte order mark says, else UTF-8, in which broken bytes become U+FFFD. */
function decoderFor(first: Uint8Array): TextDecoder {
  const beginning = String.fromCharCode(...first.subarray(0, 200));
  const declared =
    /^(?:\u00ef\u00bb\u00bf)?\s*<\?xml[^>]{0,100}\sencoding\s*=\s*["']([A-Za-z0-9._-]{1,30})["']/.exec(
      beginning,
    );
  const marked = beginning.startsWith("\u00ff\u00fe")
    ? "utf-16le"
    : beginning.startsWith("\u00fe\u00ff")
      ? "utf-16be"
      : "utf-8";
  // Whoever wrote these in single bytes was not in UTF-16, whatever the declaration says.
  const label = declared?.[1]?.replace(/^utf-?16.*$/i, "utf-8") ?? marked;
  try {
    return new TextDecoder(label);
  } catch {
    return new TextDecoder();
  }
}
