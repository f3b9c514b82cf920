// What the owner of a session is told about its streams, kept until the session's state is consistent: a listener may then
// call whatever it likes. In order; what was told already and has not been looked at is not told twice.

import type { Stream } from "./stream.ts";

/** Told about streams; each call may use the session at once. */
export interface StreamListener {
  /** The peer opened a stream. */
  streamOpened(id: number): void;
  /** There are bytes, or the end: read until there is nothing. */
  streamReadable(id: number): void;
  /** There is room after a write that was not taken as a whole. */
  streamWritable(id: number): void;
  /** The peer ended its direction by RESET: nothing more can be read. */
  streamReset(id: number, code: number): void;
  /** The peer wants no more: our direction has been ended by RESET with the same code. */
  streamStopped(id: number, code: number): void;
  /** Both directions have ended and everything is acknowledged: the id means nothing any more. */
  streamFinished(id: number): void;
  /** A stream can be opened after one could not. */
  streamsAvailable(): void;
}

type Kind = "opened" | "readable" | "writable" | "reset" | "stopped" | "finished" | "available";

interface Notice {
  readonly kind: Kind;
  readonly stream: Stream | undefined;
  readonly code: number;
}

export class Notices {
  #waiting: Notice[] = [];
  #telling = false;
  readonly #listener: StreamListener;

  constructor(listener: StreamListener) {
    this.#listener = listener;
  }

  add(kind: Kind, stream?: Stream, code = 0): void {
    this.#waiting.push({ kind, stream, code });
  }

  /** There is something to read in `stream`. */
  readable(stream: Stream): void {
    if (stream.readableTold) return;
    stream.readableTold = true;
    this.add("readable", stream);
  }

  /** There is room in `stream`. */
  writable(stream: Stream): void {
    if (stream.roomTold) return;
    stream.roomTold = true;
    this.add("writable", stream);
  }

  /** Tells everything, also what comes up meanwhile. */
  tell(): void {
    if (this.#waiting.length === 0 || this.#telling) return;
    this.#telling = true;
    let told = 0;
    try {
      while (told < this.#waiting.length) {
        const notice = this.#waiting[told++];
        if (notice) this.#tellOne(notice);
      }
    } finally {
      // A listener that throws must not cost other streams their news.
      this.#waiting.splice(0, told);
      this.#telling = false;
    }
  }

  #tellOne({ kind, stream, code }: Notice): void {
    if (stream === undefined) {
      this.#listener.streamsAvailable();
      return;
    }
    const { id } = stream;
    if (kind === "readable") {
      stream.readableTold = false;
      if (stream.receive.readable) this.#listener.streamReadable(id);
    } else if (kind === "writable") {
      stream.roomTold = false;
      if (stream.send.writable) this.#listener.streamWritable(id);
    } else if (kind === "opened") this.#listener.streamOpened(id);
    else if (kind === "reset") this.#listener.streamReset(id, code);
    else if (kind === "stopped") this.#listener.streamStopped(id, code);
    else this.#listener.streamFinished(id);
  }
}
