// How much may wait to be sent for the first time: bounded for each stream and for the session. A writer that found too
// little room is told when half of it is there again.

import { UDPACK_STREAM_LIMITS } from "../../../shared/limits.ts";
import type { Notices } from "./notices.ts";
import type { Stream } from "./stream.ts";

const { UNSENT_BYTES_MAX, UNSENT_BYTES_MIN, UNSENT_SESSION_BYTES_MAX } = UDPACK_STREAM_LIMITS;

export class SendRoom {
  /** Over all streams. */
  #unsent = 0;
  readonly #notices: Notices;

  constructor(notices: Notices) {
    this.#notices = notices;
  }

  /** Bytes that may be written to `stream` now. */
  of(stream: Stream): number {
    return Math.max(0, this.#max - stream.send.unsent);
  }

  /** Bytes were written to a stream. */
  written(bytes: number): void {
    this.#unsent += bytes;
  }

  /** Bytes of `stream` left for the first time, or never will. */
  sent(stream: Stream, bytes: number): void {
    this.#unsent -= bytes;
    if (!stream.wantsRoom || this.of(stream) < this.#max / 2) return;
    stream.wantsRoom = false;
    this.#notices.writable(stream);
  }

  get #max(): number {
    return this.#unsent < UNSENT_SESSION_BYTES_MAX ? UNSENT_BYTES_MAX : UNSENT_BYTES_MIN;
  }
}
