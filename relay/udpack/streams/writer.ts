// What streams put into packets: control frames that wait, then data in the order of the schedule; and what becomes of each
// when its packet is acknowledged or lost. Nothing is sent twice that is acknowledged or out of date.

import {
  NO_ROOM,
  writeMaxData,
  writeMaxStreamData,
  writeMaxStreams,
  writeReset,
  writeStop,
} from "../wire/frame-writers.ts";
import type { Notices } from "./notices.ts";
import type { ReceiveCredit } from "./receive-credit.ts";
import type { Schedule } from "./schedule.ts";
import type { SendRoom } from "./send-room.ts";
import { SENT, type SentFrame, type SentFrames } from "./sent-frame.ts";
import { CONTROL, type Stream } from "./stream.ts";
import type { StreamTable } from "./table.ts";

export interface WriterParts {
  readonly table: StreamTable;
  readonly schedule: Schedule;
  readonly credit: ReceiveCredit;
  readonly room: SendRoom;
  readonly notices: Notices;
}

/** Control frames of one stream, in the order in which they are written. */
const CONTROL_FRAMES = [CONTROL.reset, CONTROL.stop, CONTROL.credit] as const;

export class StreamWriter {
  /** Bytes that were sent again. */
  repeatedBytes = 0;
  /** Streams that have control frames waiting. */
  #control: Stream[] = [];
  readonly #parts: WriterParts;

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  /** Whether there is anything to write. */
  get hasWork(): boolean {
    const { table, schedule, credit } = this.#parts;
    return this.#control.length > 0 || credit.due || table.due || schedule.next() !== undefined;
  }

  /** A control frame of `stream` is to be sent, with what is newest then. */
  queue(stream: Stream, control: number): void {
    if (stream.forgotten) return;
    if (stream.control === 0) this.#control.push(stream);
    stream.control |= control;
  }

  /**
   * Writes control frames as far as there is room; the offset behind them. What a stream may get more is decided here, where
   * the time is known: a reader may come back to a stream long after the last packet.
   */
  writeControl(into: Uint8Array, offset: number, sent: SentFrames, now: number, rttMs: number): number {
    const { table, credit } = this.#parts;
    let at = offset;
    for (const { receive } of this.#control) receive.renew(now, rttMs);
    if (credit.due) {
      const end = writeMaxData(into, at, credit.advertised);
      if (end === NO_ROOM) return at;
      sent.add(SENT.max_data, undefined, credit.advertised);
      credit.due = false;
      at = end;
    }
    if (table.due) {
      const end = writeMaxStreams(into, at, table.announced);
      if (end === NO_ROOM) return at;
      sent.add(SENT.max_streams, undefined, table.announced);
      table.due = false;
      at = end;
    }
    return this.#control.length === 0 ? at : this.#writeStreamControl(into, at, sent);
  }

  /** Writes data as far as there is room; the offset behind it. */
  writeData(into: Uint8Array, offset: number, sent: SentFrames): number {
    const { schedule, room } = this.#parts;
    let at = offset;
    for (;;) {
      const stream = schedule.next();
      if (stream === undefined) return at;
      const isRepeated = stream.send.hasLost;
      const before = stream.send.sent;
      const piece = sent.add(SENT.stream, stream, 0);
      const end = stream.send.write(into, at, schedule.credit, piece);
      if (end === NO_ROOM) {
        sent.undo();
        return at;
      }
      if (isRepeated) this.repeatedBytes += piece.length;
      else {
        const bytes = stream.send.sent - before;
        schedule.spent(stream, bytes);
        room.sent(stream, bytes);
      }
      at = end;
    }
  }

  acked(frame: SentFrame): void {
    const { stream } = frame;
    if (stream === undefined || stream.forgotten) return;
    const { table, schedule } = this.#parts;
    if (frame.kind === SENT.stream) {
      const { held } = stream.send;
      stream.send.acked(frame.offset, frame.length, frame.fin);
      schedule.release(held - stream.send.held);
    } else if (frame.kind === SENT.reset) stream.send.resetAcked = true;
    else return;
    table.settle(stream);
  }

  lost(frame: SentFrame): void {
    const { table, schedule, credit } = this.#parts;
    if (frame.kind === SENT.max_data) credit.due ||= frame.offset === credit.advertised;
    else if (frame.kind === SENT.max_streams) table.due ||= frame.offset === table.announced;
    const { stream } = frame;
    if (stream === undefined || stream.forgotten) return;
    if (frame.kind === SENT.stream) {
      stream.send.lost(frame.offset, frame.length, frame.fin);
      schedule.repeat(stream);
    } else if (frame.kind === SENT.reset) this.queue(stream, CONTROL.reset);
    else if (frame.kind === SENT.stop) this.queue(stream, CONTROL.stop);
    else if (frame.offset === stream.receive.limit) this.queue(stream, CONTROL.credit);
  }

  #writeStreamControl(into: Uint8Array, offset: number, sent: SentFrames): number {
    let at = offset;
    let done = 0;
    for (const stream of this.#control) {
      for (const control of CONTROL_FRAMES) {
        if ((stream.control & control) === 0 || !isWanted(stream, control)) continue;
        const end = writeOne(into, at, stream, control, sent);
        if (end === NO_ROOM) {
          this.#control.splice(0, done);
          return at;
        }
        stream.control &= ~control;
        at = end;
      }
      stream.control = 0;
      done++;
    }
    this.#control = [];
    return at;
  }
}

/** Whether the peer still has a use for it. */
function isWanted({ forgotten, send, receive }: Stream, control: number): boolean {
  if (forgotten) return false;
  return control === CONTROL.reset ? !send.resetAcked : !receive.sizeKnown;
}

function writeOne(into: Uint8Array, at: number, stream: Stream, control: number, sent: SentFrames): number {
  const { id, send, receive } = stream;
  let end: number;
  if (control === CONTROL.reset) end = writeReset(into, at, id, send.resetCode ?? 0, send.sent);
  else if (control === CONTROL.stop) end = writeStop(into, at, id, stream.stopCode);
  else end = writeMaxStreamData(into, at, id, receive.limit);
  if (end === NO_ROOM) return NO_ROOM;
  if (control === CONTROL.reset) sent.add(SENT.reset, stream, 0);
  else if (control === CONTROL.stop) sent.add(SENT.stop, stream, 0);
  else sent.add(SENT.max_stream_data, stream, receive.limit);
  return end;
}
