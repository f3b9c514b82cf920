// All streams of one session: takes the frames that are about streams, does what their owner asks for, and lets packets be
// filled. Pure. A violation is answered by the code with which the session has to end.

import type { CloseCode } from "../wire/codes.ts";
import { Notices, type StreamListener } from "./notices.ts";
import type { Received } from "./receive.ts";
import { ReceiveCredit } from "./receive-credit.ts";
import { Schedule } from "./schedule.ts";
import { SendRoom } from "./send-room.ts";
import { CONTROL, Stream } from "./stream.ts";
import { StreamTable } from "./table.ts";
import { StreamWriter } from "./writer.ts";

/** Flow control parameters of one side, as its handshake announced them. */
export interface StreamParameters {
  readonly maxData: number;
  readonly maxStreamData: number;
  readonly maxStreams: number;
}

export interface StreamSetOptions {
  readonly role: "client" | "server";
  readonly own: StreamParameters;
  readonly peer: StreamParameters;
}

export class StreamSet {
  readonly writer: StreamWriter;
  readonly #notices: Notices;
  readonly #credit: ReceiveCredit;
  readonly #schedule: Schedule;
  readonly #room: SendRoom;
  readonly #table: StreamTable;

  constructor({ role, own, peer }: StreamSetOptions, listener: StreamListener) {
    this.#notices = new Notices(listener);
    this.#credit = new ReceiveCredit(own);
    this.#schedule = new Schedule(peer.maxData);
    this.#room = new SendRoom(this.#notices);
    this.#table = new StreamTable(
      {
        role,
        ownMaxStreams: own.maxStreams,
        peerMaxStreams: peer.maxStreams,
        peerMaxStreamData: peer.maxStreamData,
      },
      this.#credit,
      this.#schedule,
      this.#notices,
    );
    this.writer = new StreamWriter({
      table: this.#table,
      schedule: this.#schedule,
      credit: this.#credit,
      room: this.#room,
      notices: this.#notices,
    });
  }

  /** Streams that are open in either direction. */
  get size(): number {
    return this.#table.size;
  }

  has(id: number): boolean {
    return this.#table.get(id) !== undefined;
  }

  /** Tells the listener what has happened; to be called when the session's state is consistent. */
  tell(): void {
    this.#notices.tell();
  }

  /** STREAM: `data` is copied as far as it is kept. */
  onStream(id: number, offset: number, data: Uint8Array, fin: boolean, now: number): Received {
    const stream = this.#table.accept(id);
    if (!(stream instanceof Stream)) return stream;
    const received = stream.receive.receive(offset, data, fin, now);
    if (received !== undefined) return received;
    if (stream.receive.readable) this.#notices.readable(stream);
    else if (fin) this.#table.settle(stream);
    return undefined;
  }

  onReset(id: number, code: number, finalSize: number): CloseCode | undefined {
    const stream = this.#table.accept(id);
    if (!(stream instanceof Stream)) return stream;
    const { receive } = stream;
    const wasReset = receive.resetCode !== undefined;
    const bad = receive.reset(code, finalSize);
    if (bad !== undefined) return bad;
    if (!wasReset && receive.resetCode !== undefined) this.#notices.add("reset", stream, code);
    this.#table.settle(stream);
    return undefined;
  }

  onStop(id: number, code: number): CloseCode | undefined {
    const stream = this.#table.accept(id);
    if (!(stream instanceof Stream)) return stream;
    if (stream.send.resetCode !== undefined || stream.send.done) return undefined;
    this.#reset(stream, code);
    this.#notices.add("stopped", stream, code);
    return undefined;
  }

  onMaxData(bytes: number): void {
    this.#schedule.raise(bytes);
  }

  onMaxStreamData(id: number, bytes: number): CloseCode | undefined {
    const stream = this.#table.accept(id);
    if (!(stream instanceof Stream)) return stream;
    if (bytes <= stream.send.credit) return undefined;
    stream.send.credit = bytes;
    this.#schedule.wake(stream);
    return undefined;
  }

  onMaxStreams(count: number): void {
    this.#table.raise(count);
  }

  /** The id of a new stream; undefined while the peer allows none (`streamsAvailable` follows). */
  open(): number | undefined {
    const stream = this.#table.open();
    if (stream?.receive.begin()) this.writer.queue(stream, CONTROL.credit);
    return stream?.id;
  }

  /** Takes as much of `data` as has room, by reference: it must not change until `streamFinished`. The bytes taken. */
  write(id: number, data: Uint8Array): number {
    const stream = this.#table.get(id);
    if (!stream?.send.writable) return 0;
    const room = this.#room.of(stream);
    const taken = Math.min(room, data.length);
    stream.wantsRoom = taken < data.length;
    if (taken === 0) return 0;
    stream.send.push(taken === data.length ? data : data.subarray(0, taken));
    this.#room.written(taken);
    this.#schedule.wake(stream);
    return taken;
  }

  /** Ends our direction after what was written. */
  end(id: number): void {
    const stream = this.#table.get(id);
    if (!stream?.send.writable) return;
    stream.send.end();
    this.#schedule.wake(stream);
  }

  /** The next bytes, the caller's own; null: the end; undefined: nothing now. */
  read(id: number): Uint8Array | null | undefined {
    const stream = this.#table.get(id);
    const bytes = stream?.receive.read();
    if (!stream || bytes === undefined) return undefined;
    if (bytes === null) this.#table.settle(stream);
    else if (stream.receive.wantsRenewal) this.writer.queue(stream, CONTROL.credit);
    return bytes;
  }

  /** Aborts our direction: what has not arrived may never arrive. */
  reset(id: number, code: number): void {
    const stream = this.#table.get(id);
    if (!stream || stream.send.resetCode !== undefined || stream.send.done) return;
    this.#reset(stream, code);
  }

  /** Wants no more of the peer's direction, and asks it to end. */
  stop(id: number, code: number): void {
    const stream = this.#table.get(id);
    if (!stream || stream.receive.done) return;
    stream.stopCode = code;
    stream.receive.discard();
    if (!stream.receive.sizeKnown) this.writer.queue(stream, CONTROL.stop);
    this.#table.settle(stream);
  }

  #reset(stream: Stream, code: number): void {
    const { unsent, held } = stream.send;
    stream.send.reset(code);
    this.#room.sent(stream, unsent);
    this.#schedule.release(held);
    this.writer.queue(stream, CONTROL.reset);
  }
}
