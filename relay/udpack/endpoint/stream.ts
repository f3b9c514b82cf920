// One stream of a session as a Node Duplex: exact back-pressure both ways and half-close. Knows no packets: it reads from
// and writes to what the session machine offers, and is told when to go on.

import { Duplex } from "node:stream";
import { UDPACK_ENDPOINT_LIMITS } from "../../../shared/limits.ts";
import { UdpackError } from "./api.ts";

/** Code of RESET and STOP for a stream that its owner destroys without another (docs/UDPACK.md section 11). */
const ABORTED = 3;

/** What a stream needs of its session. */
export interface StreamPort {
  /** Accepted bytes; the session keeps a reference to them. */
  write(id: number, data: Uint8Array): number;
  end(id: number): void;
  /** null: the end; undefined: nothing yet. What is returned stays unchanged. */
  read(id: number): Uint8Array | null | undefined;
  reset(id: number, code: number): void;
  stop(id: number, code: number): void;
  /** The stream is no longer of interest to its owner. */
  gone(stream: UdpackStream): void;
}

/** A stream. The event "open" tells that its id is known, which is at once unless the peer has to allow it first. */
export class UdpackStream extends Duplex {
  #port: StreamPort | undefined;
  #id: number | undefined;
  /** What of the last write the session did not take yet, and whom to tell. */
  #rest: Uint8Array | undefined;
  #written: ((error?: Error | null) => void) | undefined;
  #ending: ((error?: Error | null) => void) | undefined;
  #wantsMore = false;
  #reading = false;
  #sawEnd = false;
  #ended = false;
  /** The peer takes no more; what is written is dropped while there may be something to read. */
  #stopped: UdpackError | undefined;

  constructor() {
    super({
      readableHighWaterMark: UDPACK_ENDPOINT_LIMITS.STREAM_READ_AHEAD_BYTES,
      writableHighWaterMark: UDPACK_ENDPOINT_LIMITS.STREAM_WRITE_AHEAD_BYTES,
    });
    // The peer can end a stream at any time, also before its owner listens: that must not end the process.
    this.on("error", () => {});
    this.once("end", () => {
      if (this.#stopped && !this.#ended) this.destroy(this.#stopped);
    });
  }

  /** Its id in the session, which is also the association of its datagrams; undefined while it waits to be opened. */
  get id(): number | undefined {
    return this.#id;
  }

  /** Aborts both directions with a code of docs/UDPACK.md section 11. */
  abort(streamCode: number): void {
    this.destroy(new UdpackError("stream_reset", { streamCode }));
  }

  /** The session's side: the stream is open under `id`. */
  attach(port: StreamPort, id: number): void {
    this.#port = port;
    this.#id = id;
    this.emit("open", id);
    this.onWritable();
    if (this.#ending) this.#finish(this.#ending);
    this.onReadable();
  }

  /** The session's side: `read` has something. */
  onReadable(): void {
    // Reading may free credit, of which the session tells at once: within a read that is under way, whose block comes first.
    if (this.#reading) return;
    const [port, id] = [this.#port, this.#id];
    if (port === undefined || id === undefined) return;
    this.#reading = true;
    while (this.#wantsMore && !this.#sawEnd && !this.destroyed) {
      const data = port.read(id);
      if (data === undefined) break;
      this.#sawEnd = data === null;
      // A reader that `push` calls may ask for more before it returns.
      this.#wantsMore = false;
      if (this.push(data)) this.#wantsMore = true;
    }
    this.#reading = false;
  }

  /** The session's side: `write` takes more. */
  onWritable(): void {
    const [rest, written] = [this.#rest, this.#written];
    if (rest !== undefined && written !== undefined && !this.destroyed) this.#hand(rest, written);
  }

  /** The session's side: the peer wants no more of what is written here. */
  onStopped(streamCode: number): void {
    this.#stopped = new UdpackError("stream_stopped", { streamCode });
    if (this.readableEnded && !this.#ended) this.destroy(this.#stopped);
    else this.#drop();
  }

  override _read(): void {
    this.#wantsMore = true;
    this.onReadable();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    // A copy: once `done` was called the chunk is its owner's again, but what is not acknowledged may be sent anew.
    this.#hand(new Uint8Array(chunk), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#id === undefined) this.#ending = done;
    else this.#finish(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const [port, id] = [this.#port, this.#id];
    this.#rest = undefined;
    this.#written = undefined;
    if (port !== undefined && id !== undefined) {
      const code = error instanceof UdpackError ? (error.streamCode ?? ABORTED) : ABORTED;
      // Data that was ended in order goes on its way, unless something went wrong.
      if (!this.#ended || error !== null) port.reset(id, code);
      if (!this.#sawEnd) port.stop(id, code);
    }
    port?.gone(this);
    this.emit("gone");
    done(error);
  }

  #hand(data: Uint8Array, done: (error?: Error | null) => void): void {
    const [port, id] = [this.#port, this.#id];
    const accepted = this.#stopped ? data.length : port && id !== undefined ? port.write(id, data) : 0;
    if (accepted === data.length) {
      this.#rest = undefined;
      this.#written = undefined;
      done();
      return;
    }
    this.#rest = accepted === 0 ? data : data.subarray(accepted);
    this.#written = done;
  }

  #finish(done: (error?: Error | null) => void): void {
    this.#ending = undefined;
    this.#ended = true;
    if (this.#port !== undefined && this.#id !== undefined) this.#port.end(this.#id);
    done();
  }

  /** Takes what waits out of the way: the peer will not have it. */
  #drop(): void {
    const written = this.#written;
    this.#rest = undefined;
    this.#written = undefined;
    written?.();
  }
}
