// Whose turn it is to send (docs/UDPACK.md section 8.1): what was lost goes first, then streams that have not sent anything,
// then one after the other by 16 KiB. Streams that only lack credit or memory of the session wait aside. Lanes are doubly linked
// through the streams: every step is constant work.

import { UDPACK_STREAM_LIMITS } from "../../../shared/limits.ts";
import type { Lane, Stream } from "./stream.ts";

class Line {
  head: Stream | undefined;
  #tail: Stream | undefined;

  push(stream: Stream): void {
    stream.previous = this.#tail;
    stream.next = undefined;
    if (this.#tail) this.#tail.next = stream;
    else this.head = stream;
    this.#tail = stream;
  }

  remove(stream: Stream): void {
    if (stream.previous) stream.previous.next = stream.next;
    else this.head = stream.next;
    if (stream.next) stream.next.previous = stream.previous;
    else this.#tail = stream.previous;
    stream.previous = undefined;
    stream.next = undefined;
  }
}

export class Schedule {
  readonly #lines: Readonly<Record<Exclude<Lane, "none">, Line>> = {
    fresh: new Line(),
    active: new Line(),
    parked: new Line(),
  };
  /** Streams that have something to repeat, from `#repeated` on. */
  #repeating: Stream[] = [];
  #repeated = 0;
  /** Bytes that were sent and have to be kept until all before them is acknowledged. */
  #held = 0;
  /** New bytes that the session's credit still allows. */
  #credit: number;
  #creditMax: number;

  constructor(maxData: number) {
    this.#credit = maxData;
    this.#creditMax = maxData;
  }

  /** New bytes that may be sent now. */
  get credit(): number {
    return Math.min(this.#credit, UDPACK_STREAM_LIMITS.HELD_BYTES_MAX - this.#held);
  }

  /** The peer allows `maxData` in all; less than before means an older frame. */
  raise(maxData: number): void {
    if (maxData <= this.#creditMax) return;
    this.#credit += maxData - this.#creditMax;
    this.#creditMax = maxData;
    this.#unpark();
  }

  /** Bytes that were sent are kept no longer. */
  release(bytes: number): void {
    const wasFull = this.#held >= UDPACK_STREAM_LIMITS.HELD_BYTES_MAX;
    this.#held -= bytes;
    if (wasFull) this.#unpark();
  }

  /** Takes up a stream that may have become able to send. */
  wake(stream: Stream): void {
    if (stream.forgotten) return;
    if (stream.lane === "none") this.#move(stream, stream.started ? "active" : "fresh");
    else if (stream.lane === "parked" && this.#canSend(stream)) this.#move(stream, "active");
  }

  /** A stream has something to repeat, apart from its turn: whoever loses more must not send more. */
  repeat(stream: Stream): void {
    if (stream.forgotten || stream.repeating || !stream.send.hasLost) return;
    stream.repeating = true;
    // Those that are done go before the list grows: under steady loss it never becomes empty.
    if (this.#repeated * 2 >= this.#repeating.length) {
      this.#repeating.splice(0, this.#repeated);
      this.#repeated = 0;
    }
    this.#repeating.push(stream);
  }

  remove(stream: Stream): void {
    this.#move(stream, "none");
  }

  /** The stream whose turn it is, if any can send. */
  next(): Stream | undefined {
    return this.#nextRepeating() ?? this.#first(this.#lines.fresh) ?? this.#first(this.#lines.active);
  }

  /** A stream sent `bytes` for the first time. */
  spent(stream: Stream, bytes: number): void {
    this.#credit -= bytes;
    this.#held += bytes;
    if (stream.lane === "none") return;
    stream.turnBytes += bytes;
    if (!this.#canSend(stream)) {
      stream.started = true;
      this.#settle(stream);
    } else if (stream.turnBytes >= UDPACK_STREAM_LIMITS.TURN_BYTES) {
      stream.started = true;
      stream.turnBytes = 0;
      this.#move(stream, "active");
    }
  }

  #unpark(): void {
    const { parked } = this.#lines;
    while (parked.head) this.#move(parked.head, "active");
  }

  #nextRepeating(): Stream | undefined {
    while (this.#repeated < this.#repeating.length) {
      const stream = this.#repeating[this.#repeated];
      if (stream?.send.hasLost) return stream;
      if (stream) stream.repeating = false;
      this.#repeated++;
    }
    return undefined;
  }

  #first(line: Line): Stream | undefined {
    let stream = line.head;
    while (stream && !this.#canSend(stream)) {
      this.#settle(stream);
      stream = line.head;
    }
    return stream;
  }

  #canSend({ send }: Stream): boolean {
    return send.finWaits || (this.credit > 0 && send.sendable > 0);
  }

  /** Puts a stream that cannot send to where it waits. */
  #settle(stream: Stream): void {
    this.#move(stream, stream.send.sendable > 0 ? "parked" : "none");
  }

  /** Moves a stream to the end of a lane. */
  #move(stream: Stream, lane: Lane): void {
    if (stream.lane !== "none") this.#lines[stream.lane].remove(stream);
    stream.lane = lane;
    if (lane !== "none") this.#lines[lane].push(stream);
  }
}
