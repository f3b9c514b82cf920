// Streams that were opened while there was no session: they wait, not for long and not too many.

import { UDPACK_ENDPOINT_LIMITS } from "../../../shared/limits.ts";
import { UdpackError } from "./api.ts";
import type { UdpackStream } from "./stream.ts";

export class WaitingStreams {
  readonly #waiting = new Map<UdpackStream, NodeJS.Timeout>();

  get size(): number {
    return this.#waiting.size;
  }

  /** Lets `stream` wait; after a while it fails with `unreachable`. */
  add(stream: UdpackStream): void {
    if (this.#waiting.size >= UDPACK_ENDPOINT_LIMITS.STREAMS_WAITING_MAX) {
      stream.destroy(new UdpackError("unreachable"));
      return;
    }
    const give = () => stream.destroy(new UdpackError("unreachable"));
    this.#waiting.set(stream, setTimeout(give, UDPACK_ENDPOINT_LIMITS.STREAM_WAIT_MS));
    stream.once("gone", () => this.#forget(stream));
  }

  /** All that wait, which then wait no longer. */
  take(): readonly UdpackStream[] {
    const streams = [...this.#waiting.keys()];
    for (const stream of streams) this.#forget(stream);
    return streams;
  }

  fail(error: UdpackError): void {
    for (const stream of this.take()) stream.destroy(error);
  }

  #forget(stream: UdpackStream): void {
    clearTimeout(this.#waiting.get(stream));
    this.#waiting.delete(stream);
  }
}
