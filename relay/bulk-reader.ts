// Reads a socket in bulk into a buffer that is used again for every read, instead of one allocation per read.
// Node offers that (`onread`) only when a socket is made, so the handle of an existing socket moves into a new one; where
// there is no handle to move, the `data` event serves. Knows nothing of what the bytes mean.

import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { RELAY_LIMITS } from "../shared/limits.ts";

const [SMALL_BYTES, MIDDLE_BYTES, LARGE_BYTES] = RELAY_LIMITS.READ_BUFFER_BYTES;

/** Takes the bytes of one read, which the next one overwrites. Returns false to read no further until `resume`. */
export type ChunkSink = (chunk: Buffer) => boolean;

/** A socket whose reads go to a sink: the duplex to write to, and the switch for its reads. */
export interface BulkSource {
  /** The stream to write to and to listen on; it replaces the one given. */
  readonly stream: Duplex;
  /** Bytes that had been read before: they precede everything that the sink gets. */
  readonly early: Buffer | undefined;
  /** Begins or goes on reading. */
  resume(): void;
  /** Gives its memory back. Only once nothing of it is being written any more: its stream and the sink's are closed. */
  release(): void;
}

/** The part of a net.Socket that Node does not document: its handle. */
interface HandleOwner {
  _handle: { readonly reading?: boolean; readStop?(): number } | null;
}

/** Bytes held by buffers above the middle size, process-wide: 256 KB for each of 10,000 connections would be 5 GB. */
let largeBytesHeld = 0;

const NO_BYTES = Buffer.alloc(0);

/** Small buffers that nobody uses: one costs more to make than to fill, and most connections need no larger one. */
const spareBuffers: Buffer[] = [];

/** One socket's reused buffer. It grows when reads fill it and is given back at the end. */
class ReusedBuffer {
  #buffer = spareBuffers.pop() ?? Buffer.allocUnsafeSlow(SMALL_BYTES);
  #full = false;
  readonly #bytesMax: number;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The buffer for the next read. */
  next(): Buffer {
    if (!this.#full) return this.#buffer;
    this.#full = false;
    const size = this.#buffer.length;
    if (size === SMALL_BYTES) {
      // The small one may still be on its way into the sink: it is left to the garbage collector.
      if (MIDDLE_BYTES <= this.#bytesMax) this.#buffer = Buffer.allocUnsafeSlow(MIDDLE_BYTES);
    } else if (
      size === MIDDLE_BYTES &&
      LARGE_BYTES <= this.#bytesMax &&
      largeBytesHeld + LARGE_BYTES <= RELAY_LIMITS.LARGE_BUFFERS_BYTES
    ) {
      largeBytesHeld += LARGE_BYTES;
      this.#buffer = Buffer.allocUnsafeSlow(LARGE_BYTES);
    }
    return this.#buffer;
  }

  took(bytes: number): void {
    this.#full = bytes === this.#buffer.length;
  }

  /** The stream is closed: nothing is read any more, though what was read last may still be on its way. */
  free(): void {
    if (this.#buffer.length === LARGE_BYTES) largeBytesHeld -= LARGE_BYTES;
    if (this.#buffer.length !== SMALL_BYTES) this.#buffer = NO_BYTES;
  }

  /** Nothing is on its way any more. */
  release(): void {
    if (this.#buffer.length === SMALL_BYTES && spareBuffers.length < RELAY_LIMITS.SPARE_BUFFERS_MAX)
      spareBuffers.push(this.#buffer);
    this.#buffer = NO_BYTES;
  }
}

/**
 * Redirects the reads of `stream` to `sink`. Nothing is read before `resume`.
 * The sink must return false while a write of the chunk is pending: the next read overwrites it. Reads of more than
 * `bytesMax` bytes are avoided where the buffer's sizes allow.
 */
export function readInBulk(
  stream: Duplex,
  sink: ChunkSink,
  bytesMax: number = Number.POSITIVE_INFINITY,
): BulkSource {
  stream.pause();
  const early = (stream.read() as Buffer | null) ?? undefined;
  const owner = stream as unknown as HandleOwner;
  const handle = owner._handle;
  const movable =
    stream instanceof Socket &&
    stream.constructor === Socket &&
    !stream.connecting &&
    !stream.readableEnded &&
    !(stream as unknown as { _readableState: { ended: boolean } })._readableState.ended &&
    stream.writableLength === 0 &&
    typeof handle?.readStop === "function";
  if (!movable) return readByEvents(stream, sink, early);
  return moveHandle(stream, owner, { sink, bytesMax }, early);
}

function moveHandle(
  from: Socket,
  owner: HandleOwner,
  { sink, bytesMax }: { readonly sink: ChunkSink; readonly bytesMax: number },
  early: Buffer | undefined,
): BulkSource {
  const handle = owner._handle;
  const reused = new ReusedBuffer(bytesMax);
  let sinceYield = 0;
  let take: ChunkSink | undefined = sink;
  handle?.readStop?.();
  owner._handle = null;
  const options = {
    handle,
    allowHalfOpen: true,
    pauseOnCreate: true,
    onread: {
      buffer: () => reused.next(),
      callback(bytes: number, buffer: Buffer) {
        reused.took(bytes);
        if (!take?.(bytes === buffer.length ? buffer : buffer.subarray(0, bytes))) return false;
        sinceYield += bytes;
        if (sinceYield < RELAY_LIMITS.YIELD_BYTES) return true;
        // The event loop reads one socket up to 32 times before it looks at another: everybody else would wait for 8 MB.
        sinceYield = 0;
        setImmediate(() => stream.resume());
        return false;
      },
    },
  };
  const stream = new Socket(options as unknown as ConstructorParameters<typeof Socket>[0]);
  stream.once("close", () => reused.free());
  // Without its handle the old socket is an empty shell; destroying it settles the server's count of connections.
  from.destroy();
  const release = (): void => {
    reused.release();
    // Node's handle of a closed socket outlives it, and with it the socket, until the whole heap is looked through: whatever
    // hung on it would have moved there by then.
    take = undefined;
    stream.removeAllListeners();
    stream.on("error", ignore);
  };
  return { stream, early, resume: () => stream.resume(), release };
}

function ignore(): void {}

function readByEvents(stream: Duplex, sink: ChunkSink, early: Buffer | undefined): BulkSource {
  stream.on("data", (chunk: Buffer) => {
    if (!sink(chunk)) stream.pause();
  });
  stream.pause();
  return { stream, early, resume: () => stream.resume(), release: () => undefined };
}
