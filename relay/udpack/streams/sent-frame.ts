// What a packet carried, as a list that waits for the packet's acknowledgement or loss. Entries are used again and again, so
// that sending makes no garbage: exactly one of both is told for each packet, and only once.

import type { Stream } from "./stream.ts";

export const SENT = {
  stream: 0,
  reset: 1,
  stop: 2,
  max_stream_data: 3,
  max_data: 4,
  max_streams: 5,
  /** An ACK: what it told need not be told again. */
  ack: 6,
} as const;

export interface SentFrame {
  kind: (typeof SENT)[keyof typeof SENT];
  stream: Stream | undefined;
  /** Of a STREAM frame; of the others what they said: the limit, or the greatest number. */
  offset: number;
  length: number;
  fin: boolean;
  next: SentFrame | undefined;
}

/** Spare entries kept: those of the packets that one ACK frees. */
const SPARE_MAX = 4_096;

/** The frames of packets under construction, and spare entries. */
export class SentFrames {
  /** Of the packet under construction, newest first. */
  #list: SentFrame | undefined;
  #spare: SentFrame | undefined;
  #spares = 0;

  /** One more frame of the packet under construction. */
  add(kind: SentFrame["kind"], stream: Stream | undefined, offset: number): SentFrame {
    const frame = this.#spare;
    if (frame === undefined) {
      this.#list = { kind, stream, offset, length: 0, fin: false, next: this.#list };
      return this.#list;
    }
    this.#spare = frame.next;
    this.#spares--;
    frame.kind = kind;
    frame.stream = stream;
    frame.offset = offset;
    frame.next = this.#list;
    this.#list = frame;
    return frame;
  }

  /** Takes the newest frame back: it had no room. */
  undo(): void {
    const frame = this.#list;
    if (frame === undefined) return;
    this.#list = frame.next;
    this.#release(frame);
  }

  /** The frames of the packet, which is complete. */
  take(): SentFrame | undefined {
    const list = this.#list;
    this.#list = undefined;
    return list;
  }

  /** Ends the use of `list`, and returns what came behind its first entry. */
  release(frame: SentFrame): SentFrame | undefined {
    const { next } = frame;
    this.#release(frame);
    return next;
  }

  #release(frame: SentFrame): void {
    frame.stream = undefined;
    if (this.#spares >= SPARE_MAX) return;
    frame.next = this.#spare;
    this.#spare = frame;
    this.#spares++;
  }
}
