// A session after its handshake, as a pure machine (docs/UDPACK.md sections 5 to 9): opened packets and time go in, packets to
// be sealed are pulled out. No sockets, no clocks, no keys. Times are fractional milliseconds on a clock that only grows.
// After any call the owner asks wantsToSend, pulls while it says so and pull gives something, and arms a timer for deadline.

import { ReceivedPackets } from "../recovery/received.ts";
import { Recovery } from "../recovery/recovery.ts";
import { DatagramSender } from "../streams/datagrams.ts";
import { DatagramReassembly } from "../streams/reassembly.ts";
import type { SentFrame } from "../streams/sent-frame.ts";
import { StreamSet } from "../streams/set.ts";
import type { CloseCode } from "../wire/codes.ts";
import type { DatagramAddress } from "../wire/datagram-address.ts";
import { decodeFrames, FRAME } from "../wire/frames.ts";
import { Inbound } from "./inbound.ts";
import { Lifetime } from "./lifetime.ts";
import { controllerOf, type SessionListener, type SessionOptions, type SessionStats } from "./options.ts";
import { Outbound } from "./outbound.ts";
import { PathFrames } from "./path-frames.ts";

export type { SessionListener, SessionOptions, SessionStats } from "./options.ts";

export class Session {
  readonly #options: SessionOptions;
  readonly #listener: SessionListener;
  readonly #streams: StreamSet;
  readonly #recovery: Recovery<SentFrame | undefined>;
  readonly #received: ReceivedPackets;
  readonly #datagrams = new DatagramSender();
  readonly #reassembly: DatagramReassembly;
  readonly #path = new PathFrames();
  readonly #outbound: Outbound;
  readonly #lifetime: Lifetime;
  readonly #inbound: Inbound;
  #packetsReceived = 0;
  #bytesReceived = 0;

  constructor(options: SessionOptions, listener: SessionListener) {
    const { role, own, peer, now } = options;
    this.#options = options;
    this.#listener = listener;
    this.#streams = new StreamSet({ role, own, peer }, listener);
    const { size } = options;
    this.#recovery = new Recovery({
      controller: controllerOf(options, now),
      peerAckDelayMs: peer.ackDelayMs,
      now,
      ...(size && { size }),
    });
    this.#received = new ReceivedPackets(own.ackDelayMs);
    this.#reassembly = new DatagramReassembly((association, address, data) =>
      listener.datagram(association, address, data),
    );
    const idleMs = Math.min(own.idleTimeoutMs, peer.idleTimeoutMs);
    this.#lifetime = new Lifetime({
      now,
      idleMs,
      keepAliveMs: options.keepAliveMs,
      stallMs: options.stallMs,
    });
    this.#outbound = new Outbound({
      writer: this.#streams.writer,
      recovery: this.#recovery,
      received: this.#received,
      datagrams: this.#datagrams,
      path: this.#path,
    });
    this.#inbound = new Inbound({
      streams: this.#streams,
      recovery: this.#recovery,
      recoveryEvents: this.#outbound.events,
      reassembly: this.#reassembly,
      path: this.#path,
      pathResponse: (data) => listener.pathResponse?.(data),
    });
  }

  /** Takes an opened packet whose number is new; `payload` is only looked at during the call. */
  receive(number: number, payload: Uint8Array, datagramBytes: number, now: number): void {
    this.#packetsReceived++;
    this.#bytesReceived += datagramBytes;
    const lifetime = this.#lifetime;
    if (lifetime.ended !== undefined) {
      // Two that close at once must not answer each other's CLOSE.
      if (payload[0] === FRAME.close) lifetime.vanish(lifetime.ended);
      else lifetime.heardLate(now);
      return;
    }
    const inbound = this.#inbound;
    inbound.begin(now);
    const isWhole = decodeFrames(payload, inbound);
    lifetime.heard(inbound.elicits, now);
    // A listener may have closed it meanwhile.
    if (lifetime.ended !== undefined) return;
    if (inbound.closed) this.#vanish(inbound.closed.code, inbound.closed.reason, true);
    else if (inbound.violation !== undefined) this.close(inbound.violation, "");
    else if (!isWhole) this.close("frame_malformed", "");
    else if (!inbound.refused) this.#received.receive(number, inbound.elicits, now);
  }

  /** All packets of one read were handed in. */
  batchEnd(now: number): void {
    this.#received.batchEnd(now);
    this.#tell();
  }

  /** Whether a packet may and should leave now. */
  wantsToSend(now: number): boolean {
    if (this.#lifetime.ended !== undefined) return this.#lifetime.closeWaits;
    return this.#outbound.wantsToSend(now);
  }

  /**
   * Writes the frames of one packet into `into`, which has the room that its header and tag leave, and registers it as sent
   * under `number`. Returns their bytes; 0: nothing is to be sent now, and the number is still unused.
   */
  pull(number: number, into: Uint8Array, now: number): number {
    if (this.#lifetime.ended !== undefined) return this.#lifetime.writeClose(into, now);
    const length = this.#outbound.pull(number, into, now);
    if (length === 0) return 0;
    this.#lifetime.sent(this.#outbound.asked, now);
    this.#tell();
    return length;
  }

  /** Fills `into` with a PING and padding, to learn whether packets of that size pass; registered as by pull. */
  pullProbe(number: number, into: Uint8Array, now: number): number {
    if (this.#lifetime.ended !== undefined) return 0;
    this.#lifetime.sent(true, now);
    return this.#outbound.pullProbe(number, into, now);
  }

  /**
   * When something is to be done without a packet coming: onTimeout, then perhaps pull. Infinite: never. A datagram that was given
   * to send is as old as the first look at it: by a time gone by it would seem to have waited too long.
   */
  deadline(now: number): number {
    const { ended, idleAt, keepAliveAt, forgetAt } = this.#lifetime;
    if (ended !== undefined) return forgetAt;
    return Math.min(
      idleAt,
      this.#keepsAlive ? keepAliveAt : Number.POSITIVE_INFINITY,
      this.#received.deadline(),
      this.#recovery.deadline(),
      this.#reassembly.deadline,
      this.#outbound.hasWork(now) ? this.#recovery.nextSendAt(now) : Number.POSITIVE_INFINITY,
    );
  }

  /** Lets time pass. */
  onTimeout(now: number): void {
    const lifetime = this.#lifetime;
    if (lifetime.ended !== undefined) return;
    if (lifetime.idleAt <= now) {
      this.#vanish("idle", "", false);
      return;
    }
    if (this.#keepsAlive && lifetime.keepAliveAt <= now) this.#outbound.pingDue = true;
    const outbound = this.#outbound;
    if (this.#recovery.deadline() <= now)
      outbound.probes = Math.max(outbound.probes, this.#recovery.onTimeout(now, outbound.events));
    this.#reassembly.expire(now);
    this.#tell();
  }

  /** The id of a new stream; undefined while the peer allows none: `streamsAvailable` follows. */
  openStream(): number | undefined {
    return this.#lifetime.ended === undefined ? this.#streams.open() : undefined;
  }

  /** Takes as much of `data` as there is room for, by reference: it must not change any more. The bytes taken. */
  write(id: number, data: Uint8Array): number {
    return this.#lifetime.ended === undefined ? this.#streams.write(id, data) : 0;
  }

  /** Ends our direction of a stream after what was written. */
  end(id: number): void {
    if (this.#lifetime.ended === undefined) this.#streams.end(id);
  }

  /** The next bytes of a stream, which are the caller's; null: its end; undefined: nothing now. */
  read(id: number): Uint8Array | null | undefined {
    if (this.#lifetime.ended !== undefined) return undefined;
    const bytes = this.#streams.read(id);
    this.#tell();
    return bytes;
  }

  /** Aborts our direction of a stream; what is under way may be lost. */
  reset(id: number, code: number): void {
    if (this.#lifetime.ended !== undefined) return;
    this.#streams.reset(id, code);
    this.#tell();
  }

  /** Wants no more of the peer's direction of a stream. */
  stop(id: number, code: number): void {
    if (this.#lifetime.ended !== undefined) return;
    this.#streams.stop(id, code);
    this.#tell();
  }

  /** Sends a datagram, which is kept by reference until then and may be lost. False: it cannot be sent at all. */
  sendDatagram(association: number, address: DatagramAddress | undefined, data: Uint8Array): boolean {
    if (this.#lifetime.ended !== undefined || !this.#streams.has(association)) return false;
    return this.#datagrams.push(association, address, data);
  }

  /** Ends the session by CLOSE, which also answers what comes within three probe time-outs. */
  close(code: CloseCode, reason: string): void {
    if (this.#lifetime.ended !== undefined) return;
    const { pto, rtt } = this.#recovery;
    this.#lifetime.close(code, reason, pto, rtt.smoothed);
    this.#listener.closed(code, reason, false);
  }

  /** Ends the session without a word, for what happened outside of it: a reset, or keys that may not be used any more. */
  abandon(code: CloseCode): void {
    if (this.#lifetime.ended === undefined) this.#vanish(code, "", false);
  }

  /** Whether it has ended, and its peer need not be answered any more. */
  isForgotten(now: number): boolean {
    return this.#lifetime.ended !== undefined && this.#lifetime.forgetAt <= now;
  }

  /** Sends PATH_CHALLENGE with 8 bytes; `pathResponse` follows if the peer is there. */
  challenge(data: Uint8Array): void {
    this.#path.challenge(data);
  }

  /** The path is another one: round-trip time and congestion state begin anew. */
  startPath(now: number): void {
    this.#recovery.startPath(controllerOf(this.#options, now));
  }

  /** Probe time-outs since the peer last acknowledged something. */
  get timeouts(): number {
    return this.#recovery.timeouts;
  }

  /** Probe time-out, without back-off, in milliseconds. */
  get pto(): number {
    return this.#recovery.pto;
  }

  stats(): SessionStats {
    return {
      ...this.#recovery.stats(),
      streams: this.#streams.size,
      repeatedBytes: this.#streams.writer.repeatedBytes,
      packetsReceived: this.#packetsReceived,
      bytesReceived: this.#bytesReceived,
      datagramsDropped: this.#datagrams.dropped + this.#reassembly.dropped,
    };
  }

  get #keepsAlive(): boolean {
    return this.#options.keepAliveAlways === true || this.#streams.size > 0;
  }

  #vanish(code: CloseCode, reason: string, byPeer: boolean): void {
    this.#lifetime.vanish(code);
    this.#listener.closed(code, reason, byPeer);
  }

  #tell(): void {
    if (this.#lifetime.ended === undefined) this.#streams.tell();
  }
}
