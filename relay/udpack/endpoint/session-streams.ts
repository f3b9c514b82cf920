// The streams of one session by id, and those that wait for the peer to allow another (docs/UDPACK.md section 8.1).

import { UDPACK_ENDPOINT_LIMITS } from "../../../shared/limits.ts";
import { UdpackError } from "./api.ts";
import type { StreamPort, UdpackStream } from "./stream.ts";

/** What opens streams: the session machine. */
interface StreamOpener {
  openStream(): number | undefined;
}

export class SessionStreams {
  readonly #open = new Map<number, UdpackStream>();
  readonly #waiting = new Map<UdpackStream, NodeJS.Timeout>();
  readonly #opener: StreamOpener;
  readonly #port: StreamPort;

  constructor(opener: StreamOpener, port: StreamPort) {
    this.#opener = opener;
    this.#port = port;
  }

  /** Streams that are open or wait to be. */
  get size(): number {
    return this.#open.size + this.#waiting.size;
  }

  get(id: number): UdpackStream | undefined {
    return this.#open.get(id);
  }

  /** Opens `stream` now or when the peer allows it; after a while it fails with `streams_exhausted`. */
  open(stream: UdpackStream): void {
    if (stream.destroyed || this.#attach(stream)) return;
    if (this.#waiting.size >= UDPACK_ENDPOINT_LIMITS.STREAMS_WAITING_MAX) {
      stream.destroy(new UdpackError("streams_exhausted"));
      return;
    }
    const give = () => stream.destroy(new UdpackError("streams_exhausted"));
    this.#waiting.set(stream, setTimeout(give, UDPACK_ENDPOINT_LIMITS.STREAM_WAIT_MS));
    stream.once("gone", () => this.#forget(stream));
  }

  /** A stream that the peer opened. */
  adopt(stream: UdpackStream, id: number): void {
    this.#open.set(id, stream);
    stream.attach(this.#port, id);
  }

  /** The peer allows more streams. */
  retry(): void {
    for (const stream of this.#waiting.keys()) if (!this.#attach(stream)) return;
  }

  /** The stream's owner has let go of it. */
  remove(stream: UdpackStream): void {
    this.#forget(stream);
    if (stream.id !== undefined && this.#open.get(stream.id) === stream) this.#open.delete(stream.id);
  }

  /** Ends all with an error. */
  destroy(error: UdpackError): void {
    const all = [...this.#open.values(), ...this.#waiting.keys()];
    this.#open.clear();
    for (const stream of all) stream.destroy(error);
  }

  #attach(stream: UdpackStream): boolean {
    const id = this.#opener.openStream();
    if (id === undefined) return false;
    this.#forget(stream);
    this.adopt(stream, id);
    return true;
  }

  #forget(stream: UdpackStream): void {
    clearTimeout(this.#waiting.get(stream));
    this.#waiting.delete(stream);
  }
}
