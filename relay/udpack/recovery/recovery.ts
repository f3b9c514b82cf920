// Loss recovery of one session: what is in flight, what arrived, what is lost, when to probe, and when the next packet may
// leave (docs/UDPACK.md sections 6 and 7; RFC 9002). Pure: time comes in as `now` in milliseconds, frames are opaque. Work
// is constant per packet: an ACK visits what it newly tells, and the few packets that wait for the reordering threshold.

import { UDPACK_RECOVERY_LIMITS } from "../../../shared/limits.ts";
import type { CongestionController } from "../congestion/controller.ts";
import type { PathSize } from "../path/pmtu.ts";
import type { AckView } from "../wire/frames.ts";
import { openRanges } from "./ack-ranges.ts";
import { DeliverySampler } from "./delivery.ts";
import { LossDetector } from "./loss.ts";
import type { RecoveryEvents, RecoveryOptions } from "./options.ts";
import { Pacer } from "./pacer.ts";
import { clearSample, emptySample, type RateSample } from "./rate-sample.ts";
import { RttEstimate } from "./rtt.ts";
import { PACKET, SentRing } from "./sent-ring.ts";
import { noCounts, type RecoveryStats } from "./stats.ts";

export type { RecoveryEvents, RecoveryStats };

const { OUTAGE_PROBES, PROBE_INTERVAL_MS_MAX } = UDPACK_RECOVERY_LIMITS;

/** Packets that one probe time-out sends. */
const PROBES = 2;

/** The packets that one side of a session sent. `F` is whatever the session wants back of a packet. */
export class Recovery<F> {
  readonly rtt = new RttEstimate();
  #controller: CongestionController;
  readonly #ackDelayMs: number;
  readonly #size: PathSize | undefined;
  readonly #ring = new SentRing<F>();
  readonly #losses = new LossDetector(this.#ring, this.rtt);
  readonly #sampler: DeliverySampler;
  readonly #pacer: Pacer;
  readonly #sample: RateSample = emptySample();
  #inFlight = 0;
  #largestAcked = -1;
  /** Packets below it left over another path and measure nothing. */
  #pathStart = 0;
  #elicitedAt = 0;
  /** Probe time-outs since the last answer. */
  #timeouts = 0;
  /** Frames of packets that the ring had no room to wait for. */
  #pushedOut: F[] = [];
  readonly #counts = noCounts();

  constructor(options: RecoveryOptions) {
    this.#controller = options.controller;
    this.#ackDelayMs = options.peerAckDelayMs;
    this.#size = options.size;
    this.#sampler = new DeliverySampler(options.now);
    this.#pacer = new Pacer(options.now);
  }

  get bytesInFlight(): number {
    return this.#inFlight;
  }

  /** Probe time-out without back-off: what "three PTOs" are measured in. */
  get pto(): number {
    return this.rtt.timeout(this.#ackDelayMs);
  }

  /** Probe time-outs since the peer last acknowledged something: three mean that the path is broken. */
  get timeouts(): number {
    return this.#timeouts;
  }

  /**
   * Registers a packet that leaves. Numbers increase; some may be left out. A packet that elicits no ACK is neither counted nor
   * missed, and its frames are let go. `appLimited`: nothing waits to be sent behind this packet.
   */
  onSent(
    number: number,
    bytes: number,
    ackEliciting: boolean,
    frames: F,
    now: number,
    appLimited: boolean,
  ): void {
    const ring = this.#ring;
    this.#counts.packetsSent += 1;
    this.#counts.bytesSent += bytes;
    while (!ring.hasRoomFor(number)) this.#pushOut();
    ring.reserve(number);
    if (!ackEliciting) {
      ring.put(number, PACKET.uncounted, bytes, undefined);
      ring.mark(number, now, 0, 0, 0);
      ring.advance();
      return;
    }
    ring.put(number, PACKET.inFlight, bytes, frames);
    const controller = this.#controller;
    const drained = appLimited && this.#inFlight + bytes < controller.window;
    this.#sampler.onSent(ring, number, bytes, this.#inFlight, now, drained);
    this.#pacer.spend(bytes, now, controller.pacingRate, controller.burst);
    controller.onSent(bytes, this.#inFlight, now);
    this.#inFlight += bytes;
    this.#elicitedAt = now;
  }

  /** Takes an ACK. False: it names what was never sent, or is no ACK at all; the session ends (`ack_invalid`). */
  onAck(ack: AckView, now: number, events: RecoveryEvents<F>): boolean {
    const relevant = openRanges(ack, this.#ring.oldest, this.#ring.next);
    if (relevant < 0) return false;
    const sample = this.#sample;
    clearSample(sample, this.#inFlight);
    const largestBefore = this.#largestAcked;
    const { largest } = ack;
    const isNew = this.#isNew(largest);
    if (!this.#takeRanges(ack, relevant, now, events)) return false;
    if (largest > largestBefore) this.#largestAcked = largest;
    this.#takeLate(ack, largestBefore, now);
    if (isNew && sample.acked > 0 && largest >= this.#pathStart) {
      sample.rttMs = now - this.#ring.sentAt(largest);
      this.rtt.update(sample.rttMs, ack.delayMs, this.#ackDelayMs);
    }
    if (sample.acked > 0) this.#timeouts = 0;
    this.#losses.relax(now);
    sample.lost = this.#detectLosses(now, events);
    if (sample.acked > 0) this.#tellController(now);
    return true;
  }

  /** When `onTimeout` has something to do; infinite: never. */
  deadline(): number {
    if (this.#pushedOut.length > 0) return Number.NEGATIVE_INFINITY;
    return Math.min(this.#losses.lossAt, this.#probeAt());
  }

  /**
   * Lets time pass. What a tail probe should carry was told to be lost.
   * @returns packets to send now, whatever `allowance` says: a PING each if there is nothing else
   */
  onTimeout(now: number, events: RecoveryEvents<F>): number {
    for (const frames of this.#pushedOut.splice(0)) events.lost(frames);
    if (this.#losses.lossAt <= now) {
      this.#detectLosses(now, events);
      return 0;
    }
    if (this.#probeAt() > now) return 0;
    this.#timeouts += 1;
    if (this.#timeouts === OUTAGE_PROBES) {
      this.#counts.outages += 1;
      this.#controller.onOutage(now);
    }
    const ring = this.#ring;
    for (let i = 0; i < PROBES && ring.oldest < ring.next; i++) {
      this.#giveUp(ring.oldest, PACKET.probed, now, events);
      ring.advance();
    }
    return PROBES;
  }

  /** Bytes that may be sent now; a packet may go out whole while it is positive. */
  allowance(now: number): number {
    const { window, pacingRate, burst } = this.#controller;
    if (this.#inFlight >= window || this.#ring.isFull) return 0;
    return Math.max(0, Math.min(window - this.#inFlight, this.#pacer.credit(now, pacingRate, burst)));
  }

  /** When a burst may leave: `now`, later because of pacing, or infinite until an ACK makes room. */
  nextSendAt(now: number): number {
    const { window, pacingRate, quantum, burst } = this.#controller;
    if (this.#inFlight >= window || this.#ring.isFull) return Number.POSITIVE_INFINITY;
    return this.#pacer.readyAt(quantum, now, pacingRate, burst);
  }

  /** Another path follows, of which nothing is known: packets sent so far measure nothing any more, and take no room on it. */
  startPath(controller: CongestionController): void {
    this.#controller = controller;
    this.#pathStart = this.#ring.next;
    this.#inFlight = 0;
    this.#sampler.startPath(this.#ring.next);
    this.rtt.reset();
    this.#timeouts = 0;
  }

  stats(): RecoveryStats {
    const { window, pacingRate, bandwidth } = this.#controller;
    return {
      rttMs: this.rtt.sampled ? this.rtt.smoothed : 0,
      rttLeastMs: this.rtt.sampled ? this.rtt.least : 0,
      window,
      bytesInFlight: this.#inFlight,
      pacingRate,
      bandwidth,
      ...this.#counts,
    };
  }

  /** Whether the greatest number of an ACK can tell the round-trip time (RFC 9002 section 5.1), also where it asked for none. */
  #isNew(largest: number): boolean {
    const state = largest >= this.#ring.oldest ? this.#ring.state(largest) : PACKET.unsent;
    return state === PACKET.inFlight || (state === PACKET.uncounted && largest > this.#largestAcked);
  }

  /** Takes what the ranges newly acknowledge, in order of sending. False: a number was never sent. */
  #takeRanges(ack: AckView, relevant: number, now: number, events: RecoveryEvents<F>): boolean {
    const ring = this.#ring;
    for (let i = relevant - 1; i >= 0; i--) {
      const end = ack.end(i);
      for (let number = Math.max(ack.start(i), ring.oldest); number <= end; number++) {
        const state = ring.state(number);
        if (state === PACKET.inFlight) this.#take(number, now, events);
        else if (state === PACKET.unsent) return false;
      }
    }
    ring.advance();
    return true;
  }

  #take(number: number, now: number, events: RecoveryEvents<F>): void {
    const ring = this.#ring;
    const bytes = ring.size(number);
    ring.settle(number, PACKET.acked);
    this.#left(number, bytes);
    this.#count(number, bytes, now);
    const frames = ring.takeFrames(number);
    if (frames !== undefined) events.acked(frames);
  }

  #count(number: number, bytes: number, now: number): void {
    this.#sample.acked += bytes;
    this.#counts.bytesDelivered += bytes;
    this.#sampler.onDelivered(number, bytes);
    this.#size?.onAcked(number, bytes, now);
  }

  /** Packets that counted as lost and arrived after all: they were delivered, and show how much the path reorders. */
  #takeLate(ack: AckView, largestBefore: number, now: number): void {
    const ring = this.#ring;
    for (let number = ring.next; ; ) {
      number = this.#losses.arrived(ack, number);
      if (number < 0) return;
      if (ring.state(number) === PACKET.lost) this.#losses.onReordered(number, largestBefore, now);
      ring.settle(number, PACKET.acked);
      this.#counts.packetsLate += 1;
      this.#count(number, ring.size(number), now);
    }
  }

  /** Gives up what is lost as of now; its bytes. */
  #detectLosses(now: number, events: RecoveryEvents<F>): number {
    let bytes = 0;
    for (let n = 0; n >= 0; ) {
      n = this.#losses.next(this.#largestAcked, now);
      if (n >= 0) bytes += this.#giveUp(n, PACKET.lost, now, events);
    }
    if (bytes > 0) this.#controller.onLost(bytes, now);
    return bytes;
  }

  /** Gives one packet up; the bytes that the path may have lost for want of room: none if it left over another path. */
  #giveUp(number: number, state: number, now: number, events: RecoveryEvents<F>): number {
    const ring = this.#ring;
    const bytes = ring.size(number);
    ring.settle(number, state);
    this.#left(number, bytes);
    this.#counts.packetsLost += 1;
    this.#counts.bytesLost += bytes;
    this.#losses.remember(number);
    const wasTooLarge = this.#size?.onLost(number, bytes, now) === true;
    const frames = ring.takeFrames(number);
    if (frames !== undefined) events.lost(frames);
    return wasTooLarge || number < this.#pathStart ? 0 : bytes;
  }

  /** A packet is in flight no longer. Those of another path were not counted since that was left. */
  #left(number: number, bytes: number): void {
    if (number >= this.#pathStart) this.#inFlight -= bytes;
  }

  /** The ring is at its bound: its oldest packet is given up, and told to be lost as soon as somebody listens. */
  #pushOut(): void {
    const ring = this.#ring;
    this.#left(ring.oldest, ring.size(ring.oldest));
    this.#counts.packetsLost += 1;
    this.#counts.bytesLost += ring.size(ring.oldest);
    ring.settle(ring.oldest, PACKET.lost);
    const frames = ring.takeFrames(ring.oldest);
    if (frames !== undefined) this.#pushedOut.push(frames);
    ring.advance();
  }

  #probeAt(): number {
    if (this.#ring.oldest === this.#ring.next) return Number.POSITIVE_INFINITY;
    const wait = this.pto * 2 ** this.#timeouts;
    return this.#elicitedAt + Math.min(wait, Math.max(PROBE_INTERVAL_MS_MAX, this.pto));
  }

  #tellController(now: number): void {
    const sample = this.#sample;
    this.#sampler.finish(this.#ring, now, sample);
    sample.smoothedRttMs = this.rtt.smoothed;
    sample.inFlight = this.#inFlight;
    this.#controller.onAcked(sample, now);
  }
}
