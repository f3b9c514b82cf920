// One direction of a modelled path: a bottleneck with a queue, then delay, and what paths do to packets on the way: loss by
// chance or in bursts, reordering, duplication, outages. A lost packet has used its share of the bottleneck.

import type { Agenda } from "./agenda.ts";
import type { Random } from "./random.ts";

export interface LinkOptions {
  /** One way, in milliseconds. */
  readonly delayMs: number;
  /** Bytes per second, UDP and IP headers included. */
  readonly rate: number;
  /** What waits in front of the bottleneck at most. */
  readonly queueBytes: number;
  /** UDP payload of the largest packet. */
  readonly datagramBytes?: number;
  readonly loss?: number;
  /** Bursts of loss: how often one begins, and how likely it goes on with the next packet. */
  readonly burst?: { readonly begins: number; readonly goesOn: number };
  /** How many packets are held back, and for how long at most. */
  readonly reorder?: { readonly share: number; readonly ms: number };
  readonly duplicate?: number;
  /** From when to when nothing passes. */
  readonly outage?: { readonly from: number; readonly to: number };
}

/** A packet on its way: number and content in the clear, as the null cipher has it. */
export interface Datagram {
  number: number;
  /** The sender's address. */
  from: number;
  to: number;
  length: number;
  readonly bytes: Uint8Array;
  readonly link: Link;
}

/** Header and tag of a data packet, and those of UDP and IPv4. */
const OVERHEAD_BYTES = 35;
const UDP_IP_BYTES = 28;

export class Link {
  sent = 0;
  dropped = 0;
  /** Waiting times in the queue since measuring began. */
  queueingMsMax = 0;
  queueingMsSum = 0;
  queued = 0;
  readonly #options: LinkOptions;
  readonly #agenda: Agenda;
  readonly #random: Random;
  readonly #deliver: (datagram: Datagram, now: number) => void;
  readonly #spare: Datagram[] = [];
  #rate: number;
  #delayMs: number;
  #freeAt = 0;
  #isInBurst = false;

  constructor(
    options: LinkOptions,
    agenda: Agenda,
    random: Random,
    deliver: (datagram: Datagram, now: number) => void,
  ) {
    this.#options = options;
    this.#rate = options.rate;
    this.#delayMs = options.delayMs;
    this.#agenda = agenda;
    this.#random = random;
    this.#deliver = deliver;
  }

  /** The path becomes another one: what waits at the bottleneck leaves at the new rate. */
  change(rate: number, delayMs: number, now: number): void {
    this.#freeAt = now + (Math.max(0, this.#freeAt - now) * this.#rate) / rate;
    this.#rate = rate;
    this.#delayMs = delayMs;
  }

  /** A packet to fill and to send; its content is used again after its delivery. */
  take(): Datagram {
    const spare = this.#spare.pop();
    if (spare) return spare;
    const bytes = new Uint8Array((this.#options.datagramBytes ?? 1_200) - OVERHEAD_BYTES);
    return { number: 0, from: 0, to: 0, length: 0, bytes, link: this };
  }

  /** Gives back a packet of this link. */
  release(datagram: Datagram): void {
    this.#spare.push(datagram);
  }

  beginMeasuring(): void {
    this.queueingMsMax = 0;
    this.queueingMsSum = 0;
    this.queued = 0;
  }

  send(datagram: Datagram, now: number): void {
    const { queueBytes, outage } = this.#options;
    const rate = this.#rate;
    const delayMs = this.#delayMs;
    this.sent++;
    const bytes = datagram.length + OVERHEAD_BYTES + UDP_IP_BYTES;
    const waitMs = Math.max(0, this.#freeAt - now);
    if ((waitMs * rate) / 1_000 + bytes > queueBytes || (outage && now >= outage.from && now < outage.to)) {
      this.#drop(datagram);
      return;
    }
    this.queueingMsMax = Math.max(this.queueingMsMax, waitMs);
    this.queueingMsSum += waitMs;
    this.queued++;
    this.#freeAt = now + waitMs + (bytes * 1_000) / rate;
    if (this.#isLost()) {
      this.#drop(datagram);
      return;
    }
    if (this.#happens(this.#options.duplicate)) {
      const copy = this.take();
      copy.number = datagram.number;
      copy.from = datagram.from;
      copy.to = datagram.to;
      copy.length = datagram.length;
      copy.bytes.set(datagram.bytes.subarray(0, datagram.length));
      this.#arrive(copy, this.#freeAt + delayMs + this.#random.fraction() * 5);
    }
    const { reorder } = this.#options;
    const late = reorder && this.#happens(reorder.share) ? this.#random.fraction() * reorder.ms : 0;
    this.#arrive(datagram, this.#freeAt + delayMs + late);
  }

  #arrive(datagram: Datagram, at: number): void {
    this.#agenda.plan(at, (now) => this.#deliver(datagram, now));
  }

  #drop(datagram: Datagram): void {
    this.dropped++;
    this.release(datagram);
  }

  #isLost(): boolean {
    const { loss, burst } = this.#options;
    if (burst) this.#isInBurst = this.#happens(this.#isInBurst ? burst.goesOn : burst.begins);
    return this.#isInBurst || this.#happens(loss);
  }

  #happens(share: number | undefined): boolean {
    return share !== undefined && share > 0 && this.#random.fraction() < share;
  }
}
