// Filling packets: what goes into the next one, what is remembered of it, and what becomes of that. Decides by what the
// congestion controller allows; ACKs and probes go in any case.

import { UDPACK_STREAM_LIMITS } from "../../../shared/limits.ts";
import type { ReceivedPackets } from "../recovery/received.ts";
import type { Recovery, RecoveryEvents } from "../recovery/recovery.ts";
import type { DatagramSender } from "../streams/datagrams.ts";
import { SENT, type SentFrame, SentFrames } from "../streams/sent-frame.ts";
import type { StreamWriter } from "../streams/writer.ts";
import { NO_ROOM, writePing } from "../wire/frame-writers.ts";
import { FRAME } from "../wire/frames.ts";
import { DATA_OVERHEAD_BYTES } from "../wire/packet.ts";
import type { PathFrames } from "./path-frames.ts";

const { ACKS_PER_PING } = UDPACK_STREAM_LIMITS;

export interface OutboundParts {
  readonly writer: StreamWriter;
  readonly recovery: Recovery<SentFrame | undefined>;
  readonly received: ReceivedPackets;
  readonly datagrams: DatagramSender;
  readonly path: PathFrames;
}

export class Outbound {
  /** What becomes of packets. */
  readonly events: RecoveryEvents<SentFrame | undefined> = {
    acked: (frames) => this.#onAcked(frames),
    lost: (frames) => this.#onLost(frames),
  };
  /** Packets to be sent whatever the congestion controller says. */
  probes = 0;
  /** A packet is to be sent that asks for an ACK. */
  pingDue = false;
  /** The packet written last has to be acknowledged. */
  asked = false;
  /** Packets that only acknowledge, since the last that asks for an ACK itself. */
  #acksOnly = 0;
  readonly #sent = new SentFrames();
  readonly #parts: OutboundParts;

  constructor(parts: OutboundParts) {
    this.#parts = parts;
  }

  /** Whether something waits that is subject to congestion control. */
  hasWork(now: number): boolean {
    const { writer, path, datagrams } = this.#parts;
    return writer.hasWork || path.hasWork || datagrams.hasWork(now);
  }

  wantsToSend(now: number): boolean {
    const { received, recovery } = this.#parts;
    if (this.probes > 0 || this.pingDue || received.isDue(now)) return true;
    return this.hasWork(now) && recovery.allowance(now) > 0;
  }

  /** See Session.pull. */
  pull(number: number, into: Uint8Array, now: number): number {
    const { received, recovery } = this.#parts;
    const mayAsk = this.probes > 0 || (this.hasWork(now) && recovery.allowance(now) > 0);
    if (!mayAsk && !this.pingDue && !received.isDue(now)) return 0;
    const ackEnd = this.#writeAck(into, now);
    let at = mayAsk ? this.#writeContent(into, ackEnd, now) : ackEnd;
    let asks = at > ackEnd;
    if (!asks && (this.probes > 0 || this.pingDue || (at > 0 && this.#acksOnly + 1 >= ACKS_PER_PING))) {
      const end = writePing(into, at);
      asks = end !== NO_ROOM;
      if (asks) at = end;
    }
    if (at > 0) this.#register(number, at, asks, now);
    return at;
  }

  /** See Session.pullProbe. */
  pullProbe(number: number, into: Uint8Array, now: number): number {
    if (into.length === 0) return 0;
    into.fill(FRAME.padding);
    writePing(into, 0);
    this.#register(number, into.length, true, now);
    return into.length;
  }

  /** Writes an ACK if it tells anything new; the offset behind it. */
  #writeAck(into: Uint8Array, now: number): number {
    const { received } = this.#parts;
    if (!received.isPending) return 0;
    const end = received.writeAck(into, 0, now);
    if (end === NO_ROOM) return 0;
    this.#sent.add(SENT.ack, undefined, received.largest);
    return end;
  }

  #writeContent(into: Uint8Array, offset: number, now: number): number {
    const { writer, path, datagrams, recovery } = this.#parts;
    const rttMs = recovery.rtt.smoothed;
    const control = writer.writeControl(into, path.write(into, offset), this.#sent, now, rttMs);
    return writer.writeData(into, datagrams.write(into, control, now), this.#sent);
  }

  #register(number: number, length: number, asks: boolean, now: number): void {
    let frames = this.#sent.take();
    this.asked = asks;
    if (asks) {
      this.#acksOnly = 0;
      this.pingDue = false;
      if (this.probes > 0) this.probes--;
    } else {
      this.#acksOnly++;
      while (frames !== undefined) frames = this.#sent.release(frames);
    }
    const isDrained = asks && !this.hasWork(now);
    this.#parts.recovery.onSent(number, length + DATA_OVERHEAD_BYTES, asks, frames, now, isDrained);
  }

  #onAcked(frames: SentFrame | undefined): void {
    const { writer, received } = this.#parts;
    for (let frame = frames; frame !== undefined; frame = this.#sent.release(frame)) {
      if (frame.kind === SENT.ack) received.forget(frame.offset + 1);
      else writer.acked(frame);
    }
  }

  #onLost(frames: SentFrame | undefined): void {
    const { writer } = this.#parts;
    for (let frame = frames; frame !== undefined; frame = this.#sent.release(frame)) writer.lost(frame);
  }
}
