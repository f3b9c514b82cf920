// Which streams there are (docs/UDPACK.md section 5): their ids, who may open how many, and when one is forgotten. Even ids
// are the client's, odd ones the server's; the half of an id counts the streams of its side.

import { UDPACK_STREAM_LIMITS } from "../../../shared/limits.ts";
import type { CloseCode } from "../wire/codes.ts";
import type { Notices } from "./notices.ts";
import type { ReceiveCredit } from "./receive-credit.ts";
import type { Schedule } from "./schedule.ts";
import { Stream } from "./stream.ts";

export interface StreamTableOptions {
  readonly role: "client" | "server";
  /** Streams that the peer may have opened at first, by what the handshake announced. */
  readonly ownMaxStreams: number;
  readonly peerMaxStreams: number;
  readonly peerMaxStreamData: number;
}

/** Ids have 32 bits. */
const COUNT_MAX = 2 ** 31;

export class StreamTable {
  /** Streams that the peer knows it may have opened. */
  announced: number;
  /** True until the newest count was sent. */
  due = false;
  readonly #streams = new Map<number, Stream>();
  readonly #ownParity: number;
  readonly #options: StreamTableOptions;
  readonly #credit: ReceiveCredit;
  readonly #schedule: Schedule;
  readonly #notices: Notices;
  #ownOpened = 0;
  #ownOpen = 0;
  #ownAllowed: number;
  #peerOpened = 0;
  #peerForgotten = 0;
  #peerAllowed: number;
  /** An opening failed and nobody was told since that it would not any more. */
  #wanted = false;
  /** Most frames are for the stream of the frame before. */
  #latest: Stream | undefined;

  constructor(options: StreamTableOptions, credit: ReceiveCredit, schedule: Schedule, notices: Notices) {
    this.#options = options;
    this.#ownParity = options.role === "client" ? 0 : 1;
    this.#ownAllowed = Math.min(COUNT_MAX, options.peerMaxStreams);
    this.#peerAllowed = options.ownMaxStreams;
    this.announced = options.ownMaxStreams;
    this.#credit = credit;
    this.#schedule = schedule;
    this.#notices = notices;
  }

  /** Streams that are open in either direction. */
  get size(): number {
    return this.#streams.size;
  }

  get(id: number): Stream | undefined {
    if (this.#latest?.id === id) return this.#latest;
    const stream = this.#streams.get(id);
    if (stream) this.#latest = stream;
    return stream;
  }

  /** Opens a stream of ours; undefined while the peer, or memory, allows no more. */
  open(): Stream | undefined {
    if (!this.#mayOpen) {
      this.#wanted = true;
      return undefined;
    }
    this.#credit.addStream();
    this.#ownOpen++;
    return this.#add(2 * this.#ownOpened++ + this.#ownParity);
  }

  /** The stream that the peer's frame is for: opened by it if it may; undefined when it is already forgotten. */
  accept(id: number): Stream | CloseCode | undefined {
    const known = this.get(id);
    if (known) return known;
    const index = Math.floor(id / 2);
    if (id % 2 === this.#ownParity) return index < this.#ownOpened ? undefined : "stream_state";
    if (index < this.#peerOpened) return undefined;
    if (index >= this.announced) return "flow_control";
    let stream: Stream | undefined;
    while (this.#peerOpened <= index) {
      stream = this.#add(2 * this.#peerOpened++ + (1 - this.#ownParity));
      this.#notices.add("opened", stream);
    }
    this.#announce();
    return stream;
  }

  /** The peer allows `count` streams in all. */
  raise(count: number): void {
    if (count <= this.#ownAllowed) return;
    this.#ownAllowed = Math.min(COUNT_MAX, count);
    this.#tellAvailable();
  }

  /** Forgets `stream` if both of its directions have ended. */
  settle(stream: Stream): void {
    if (stream.forgotten || !stream.done) return;
    stream.forgotten = true;
    this.#streams.delete(stream.id);
    if (this.#latest === stream) this.#latest = undefined;
    this.#schedule.remove(stream);
    this.#notices.add("finished", stream);
    if (stream.id % 2 === this.#ownParity) this.#ownOpen--;
    else this.#peerForgotten++;
    // The memory of either side's stream may be what the other side waits for.
    this.#announce();
    this.#tellAvailable();
  }

  get #mayOpen(): boolean {
    return (
      this.#ownOpened < this.#ownAllowed &&
      this.#ownOpen < UDPACK_STREAM_LIMITS.OPENED_MAX &&
      this.#credit.hasRoom
    );
  }

  #add(id: number): Stream {
    const stream = new Stream(id, this.#options.peerMaxStreamData, this.#credit);
    this.#streams.set(id, stream);
    return stream;
  }

  #tellAvailable(): void {
    if (!this.#wanted || !this.#mayOpen) return;
    this.#wanted = false;
    this.#notices.add("available");
  }

  /** Lets the peer open as many as it has ended, and tells it when half of what it knew of is used. */
  #announce(): void {
    const allowed = Math.min(COUNT_MAX, this.#peerForgotten + this.#options.ownMaxStreams);
    while (this.#peerAllowed < allowed && this.#credit.hasRoom) {
      this.#peerAllowed++;
      this.#credit.addStream();
    }
    const left = this.announced - this.#peerOpened;
    if (this.#peerAllowed > this.announced && left <= this.#options.ownMaxStreams / 2) {
      this.announced = this.#peerAllowed;
      this.due = true;
    }
  }
}
