// What each frame of the peer does to a session. One visitor for all packets: begin() before, the outcome after. What comes
// behind a violation, or a CLOSE, is not looked at any more.

import type { Recovery, RecoveryEvents } from "../recovery/recovery.ts";
import type { DatagramReassembly } from "../streams/reassembly.ts";
import type { SentFrame } from "../streams/sent-frame.ts";
import type { StreamSet } from "../streams/set.ts";
import { type CloseCode, closeCodeOf } from "../wire/codes.ts";
import type { AckView, DatagramView, FrameVisitor } from "../wire/frames.ts";
import type { PathFrames } from "./path-frames.ts";

export interface InboundParts {
  readonly streams: StreamSet;
  readonly recovery: Recovery<SentFrame | undefined>;
  readonly recoveryEvents: RecoveryEvents<SentFrame | undefined>;
  readonly reassembly: DatagramReassembly;
  readonly path: PathFrames;
  /** The peer answered a challenge. */
  pathResponse(data: Uint8Array): void;
}

export class Inbound implements FrameVisitor {
  /** The packet has a frame that has to be acknowledged. */
  elicits = false;
  /** The packet must count as lost: something of it could not be kept. */
  refused = false;
  /** Why the session has to end. */
  violation: CloseCode | undefined;
  /** The peer's CLOSE. */
  closed: { readonly code: CloseCode; readonly reason: string } | undefined;
  #now = 0;
  /** An ACK was taken from this packet: more of them would only cost time. */
  #hasAck = false;
  readonly #parts: InboundParts;

  constructor(parts: InboundParts) {
    this.#parts = parts;
  }

  begin(now: number): void {
    this.#now = now;
    this.elicits = false;
    this.refused = false;
    this.#hasAck = false;
  }

  ping(): void {
    this.elicits = true;
  }

  ack(ack: AckView): void {
    if (this.#isOver || this.#hasAck) return;
    this.#hasAck = true;
    const { recovery, recoveryEvents } = this.#parts;
    if (!recovery.onAck(ack, this.#now, recoveryEvents)) this.violation = "ack_invalid";
  }

  stream(id: number, offset: number, data: Uint8Array, fin: boolean): void {
    this.elicits = true;
    if (this.#isOver) return;
    const received = this.#parts.streams.onStream(id, offset, data, fin, this.#now);
    if (received === "refused") this.refused = true;
    else this.violation = received;
  }

  reset(stream: number, code: number, finalSize: number): void {
    this.elicits = true;
    if (!this.#isOver) this.violation = this.#parts.streams.onReset(stream, code, finalSize);
  }

  stop(stream: number, code: number): void {
    this.elicits = true;
    if (!this.#isOver) this.violation = this.#parts.streams.onStop(stream, code);
  }

  maxData(bytes: number): void {
    this.elicits = true;
    if (!this.#isOver) this.#parts.streams.onMaxData(bytes);
  }

  maxStreamData(stream: number, bytes: number): void {
    this.elicits = true;
    if (!this.#isOver) this.violation = this.#parts.streams.onMaxStreamData(stream, bytes);
  }

  maxStreams(count: number): void {
    this.elicits = true;
    if (!this.#isOver) this.#parts.streams.onMaxStreams(count);
  }

  datagram(datagram: DatagramView): void {
    this.elicits = true;
    // It belongs to a stream, and ends with it.
    if (this.#isOver || !this.#parts.streams.has(datagram.association)) return;
    this.#parts.reassembly.add(datagram, this.#now);
  }

  pathChallenge(data: Uint8Array): void {
    this.elicits = true;
    if (!this.#isOver) this.#parts.path.respond(data);
  }

  pathResponse(data: Uint8Array): void {
    this.elicits = true;
    if (!this.#isOver) this.#parts.pathResponse(data);
  }

  close(code: number, reason: string): void {
    if (!this.#isOver) this.closed = { code: closeCodeOf(code), reason };
  }

  get #isOver(): boolean {
    return this.violation !== undefined || this.closed !== undefined;
  }
}
