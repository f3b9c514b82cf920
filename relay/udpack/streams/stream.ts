// One stream of a session: both directions, what has to be said about it besides data, and its place in the schedule.
// State only; the rules are in table.ts, schedule.ts and writer.ts.

import { ReceiveStream } from "./receive.ts";
import type { ReceiveCredit } from "./receive-credit.ts";
import { SendStream } from "./send.ts";

/** Control frames that wait, as bits of `Stream.control`. */
export const CONTROL = { reset: 1, stop: 2, credit: 4 } as const;

/** Where a stream waits for its turn. */
export type Lane = "none" | "fresh" | "active" | "parked";

export class Stream {
  readonly id: number;
  readonly send: SendStream;
  readonly receive: ReceiveStream;
  /** Bits of CONTROL. */
  control = 0;
  stopCode = 0;
  /** Both directions have ended, and the session knows it no longer. */
  forgotten = false;
  /** A write was not taken as a whole: room is to be announced. */
  wantsRoom = false;
  /** An announcement is on its way. */
  readableTold = false;
  roomTold = false;
  lane: Lane = "none";
  previous: Stream | undefined;
  next: Stream | undefined;
  /** It is in the line of those that have something to repeat. */
  repeating = false;
  /** It has had a turn. */
  started = false;
  /** Bytes sent in the present turn. */
  turnBytes = 0;

  constructor(id: number, sendCredit: number, receiveCredit: ReceiveCredit) {
    this.id = id;
    this.send = new SendStream(id, sendCredit);
    this.receive = new ReceiveStream(receiveCredit);
  }

  get done(): boolean {
    return this.send.done && this.receive.done;
  }
}
