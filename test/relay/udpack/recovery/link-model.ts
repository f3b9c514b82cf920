// A modelled link with a fake clock: flows of Recovery, a controller and ReceivedPackets share one bottleneck. Packets carry
// nothing; only numbers, sizes and ACK frames travel. Deterministic: all chance comes from one seed.

import type { CongestionController } from "../../../../relay/udpack/congestion/controller.ts";
import { ReceivedPackets } from "../../../../relay/udpack/recovery/received.ts";
import { Recovery } from "../../../../relay/udpack/recovery/recovery.ts";
import { type AckView, decodeFrames, type FrameVisitor } from "../../../../relay/udpack/wire/frames.ts";

/** A generator of numbers from 0 to 1 (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface LinkOptions {
  /** Bytes per second of the bottleneck. */
  rate: number;
  /** Bytes that its queue holds. */
  queueBytes: number;
  /** Part of packets lost behind the bottleneck, in both directions. */
  loss?: number;
  /** Part of packets that come late, and by how much at most. */
  late?: number;
  lateMs?: number;
  /** Part of packets that come twice. */
  twice?: number;
  /** Nothing passes, in either direction. */
  isDown?: (now: number) => boolean;
  /** Time between two looks at the receiving socket. */
  batchMs?: number;
  /** A timer fires up to this late. */
  timerMs?: number;
  seed?: number;
}

export interface FlowOptions {
  controller: CongestionController;
  rttMs: number;
  startMs?: number;
  packetBytes?: number;
  /** Bytes that the application has produced until `now`; a bulk sender always has more. */
  produced?: (now: number) => number;
}

const NEVER = Number.POSITIVE_INFINITY;
const ACK_BYTES_MAX = 1_200;

/** Time-ordered events, those of one time in the order they were added. */
class Timeline {
  #heap: { at: number; order: number; run: (now: number) => void }[] = [];
  #order = 0;

  add(at: number, run: (now: number) => void): void {
    const heap = this.#heap;
    let i = heap.length;
    const item = { at, order: this.#order++, run };
    heap.push(item);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent];
      if (!above || above.at < at || (above.at === at && above.order < item.order)) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = item;
  }

  get nextAt(): number {
    return this.#heap[0]?.at ?? NEVER;
  }

  runNext(): void {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (!top || !last) return;
    if (heap.length > 0) {
      let i = 0;
      for (;;) {
        let child = 2 * i + 1;
        const left = heap[child];
        if (!left) break;
        const right = heap[child + 1];
        let least = left;
        if (right && (right.at < left.at || (right.at === left.at && right.order < left.order))) {
          least = right;
          child += 1;
        }
        if (last.at < least.at || (last.at === least.at && last.order < least.order)) break;
        heap[i] = least;
        i = child;
      }
      heap[i] = last;
    }
    top.run(top.at);
  }
}

/** The bottleneck and its flows. */
export class Link {
  now = 0;
  readonly options: LinkOptions;
  readonly random: () => number;
  readonly timeline = new Timeline();
  readonly flows: Flow[] = [];
  /** Bytes dropped because the queue was full. */
  overflowed = 0;
  /** Delays in the queue, milliseconds: the greatest and the sum since the last `measure`. */
  queueMsMax = 0;
  #queueMsSum = 0;
  #queued = 0;
  #busyUntil = 0;

  constructor(options: LinkOptions) {
    this.options = options;
    this.random = randomOf(options.seed ?? 1);
  }

  get queueMsMean(): number {
    return this.#queued === 0 ? 0 : this.#queueMsSum / this.#queued;
  }

  add(options: FlowOptions): Flow {
    const flow = new Flow(this, options);
    this.flows.push(flow);
    return flow;
  }

  run(untilMs: number): void {
    while (this.timeline.nextAt <= untilMs) {
      this.now = this.timeline.nextAt;
      this.timeline.runNext();
    }
    this.now = untilMs;
  }

  /** Starts measuring; `goodput` of flows and the queue count from here. */
  measure(): void {
    this.queueMsMax = 0;
    this.#queueMsSum = 0;
    this.#queued = 0;
    this.overflowed = 0;
    for (const flow of this.flows) flow.measure();
  }

  /** When a packet of `bytes` that enters the bottleneck now has passed it; undefined: the queue is full. */
  pass(bytes: number): number | undefined {
    const perMs = this.options.rate / 1_000;
    const wait = Math.max(0, this.#busyUntil - this.now);
    if (wait * perMs + bytes > this.options.queueBytes + bytes / 2) {
      this.overflowed += bytes;
      return undefined;
    }
    this.#queued += 1;
    this.#queueMsSum += wait;
    if (wait > this.queueMsMax) this.queueMsMax = wait;
    this.#busyUntil = Math.max(this.#busyUntil, this.now) + bytes / perMs;
    return this.#busyUntil;
  }

  /** What becomes of a packet behind the bottleneck: its delay beyond the path's, or undefined when it is lost. */
  fate(): number | undefined {
    const { loss = 0, late = 0, lateMs = 0, isDown } = this.options;
    if (isDown?.(this.now)) return undefined;
    if (loss > 0 && this.random() < loss) return undefined;
    return late > 0 && this.random() < late ? this.random() * lateMs : 0;
  }
}

/** A sender and its receiver. */
export class Flow {
  readonly recovery: Recovery<number>;
  readonly #received = new ReceivedPackets(1);
  readonly #link: Link;
  readonly #options: FlowOptions;
  readonly #bytes: number;
  readonly #ackFrame = new Uint8Array(ACK_BYTES_MAX);
  #next = 0;
  /** Bytes of the application that are on their way or have arrived. */
  #sent = 0;
  #wakeAt = NEVER;
  #arrived: number[] = [];
  #measuredAt = 0;
  #measuredFrom = 0;
  #measuredLate = 0;

  constructor(link: Link, options: FlowOptions) {
    this.#link = link;
    this.#options = options;
    this.#bytes = options.packetBytes ?? 1_200;
    const startMs = options.startMs ?? 0;
    this.recovery = new Recovery({ controller: options.controller, peerAckDelayMs: 1, now: startMs });
    link.timeline.add(startMs, () => this.#pump());
  }

  measure(): void {
    this.#measuredAt = this.#link.now;
    this.#measuredFrom = this.recovery.stats().bytesDelivered;
    this.#measuredLate = this.recovery.stats().packetsLate;
  }

  /** Bytes per second delivered since `measure`, without those that were sent twice in vain. */
  get goodput(): number {
    const stats = this.recovery.stats();
    const late = (stats.packetsLate - this.#measuredLate) * this.#bytes;
    const bytes = stats.bytesDelivered - this.#measuredFrom - late;
    return (bytes * 1_000) / (this.#link.now - this.#measuredAt);
  }

  readonly #events = {
    acked: (): void => {},
    lost: (): void => {
      this.#sent -= this.#bytes;
    },
  };

  #pump(): void {
    const { now } = this.#link;
    if (this.recovery.deadline() <= now) {
      for (let probes = this.recovery.onTimeout(now, this.#events); probes > 0; probes--) this.#send(now);
    }
    while (this.#waiting(now) >= this.#bytes && this.recovery.allowance(now) > 0) this.#send(now);
    const canSend = this.#waiting(now) >= this.#bytes;
    const nextSend = canSend ? this.recovery.nextSendAt(now) : this.#options.produced ? now + 1 : NEVER;
    this.#wake(Math.min(nextSend, this.recovery.deadline()));
  }

  #waiting(now: number): number {
    return this.#options.produced ? this.#options.produced(now) - this.#sent : NEVER;
  }

  #wake(at: number): void {
    if (at === NEVER || (this.#wakeAt <= at && this.#wakeAt >= this.#link.now)) return;
    const { timerMs = 0 } = this.#link.options;
    const due = Math.max(at, this.#link.now) + (timerMs > 0 ? this.#link.random() * timerMs : 0);
    this.#wakeAt = due;
    this.#link.timeline.add(due, (now) => {
      if (this.#wakeAt !== now) return;
      this.#wakeAt = NEVER;
      this.#pump();
    });
  }

  #send(now: number): void {
    const number = this.#next++;
    this.#sent += this.#bytes;
    const appLimited = this.#waiting(now) < this.#bytes;
    this.recovery.onSent(number, this.#bytes, true, number, now, appLimited);
    const passedAt = this.#link.pass(this.#bytes);
    const extra = this.#link.fate();
    if (passedAt === undefined || extra === undefined) return;
    const at = passedAt + this.#options.rttMs / 2 + extra;
    this.#link.timeline.add(at, () => this.#arrive(number));
    const { twice = 0 } = this.#link.options;
    if (twice > 0 && this.#link.random() < twice)
      this.#link.timeline.add(at + 0.5, () => this.#arrive(number));
  }

  #arrive(number: number): void {
    this.#arrived.push(number);
    if (this.#arrived.length > 1) return;
    this.#link.timeline.add(this.#link.now + (this.#link.options.batchMs ?? 0.05), (now) => this.#read(now));
  }

  #read(now: number): void {
    for (const number of this.#arrived) this.#received.receive(number, true, now);
    this.#arrived.length = 0;
    this.#received.batchEnd(now);
    const length = this.#received.writeAck(this.#ackFrame, 0, now);
    const extra = this.#link.fate();
    if (extra === undefined) return;
    const frame = this.#ackFrame.slice(0, length);
    this.#link.timeline.add(now + this.#options.rttMs / 2 + extra, (at) => this.#readAck(frame, at));
  }

  #readAck(frame: Uint8Array, now: number): void {
    const visitor = { ack: (ack: AckView) => this.#takeAck(ack, now) } as FrameVisitor;
    if (!decodeFrames(frame, visitor)) throw new Error("Cannot read an ACK of this model");
    this.#pump();
  }

  #takeAck(ack: AckView, now: number): void {
    if (!this.recovery.onAck(ack, now, this.#events)) throw new Error("Refused an ACK of this model");
  }
}
