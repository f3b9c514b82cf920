// A modelled path between the ends of transfers, both directions alike, and what a transfer over it is worth.

import { Agenda } from "./agenda.ts";
import { type Datagram, Link, type LinkOptions } from "./link.ts";
import { Random } from "./random.ts";
import { Transfer } from "./transfer.ts";

export interface PathOptions extends Omit<LinkOptions, "delayMs" | "queueBytes"> {
  readonly rttMs: number;
  readonly seed?: number;
  /** Queue of the bottleneck as time; what is usual: a round trip, and at least 20 ms. */
  readonly queueMs?: number;
}

/** Senders that share a path, told apart by their addresses. */
export class Path {
  readonly agenda = new Agenda();
  readonly random: Random;
  readonly up: Link;
  readonly down: Link;
  readonly #transfers: Transfer[] = [];

  constructor(options: PathOptions) {
    const { rttMs, rate, seed = 1, queueMs = Math.max(20, rttMs), ...rest } = options;
    this.random = new Random(seed);
    const link: LinkOptions = {
      ...rest,
      rate,
      delayMs: rttMs / 2,
      // Never less than a burst of Linux' default socket buffer.
      queueBytes: Math.max(65_536, (rate * queueMs) / 1_000),
    };
    this.up = new Link(link, this.agenda, this.random, (datagram) => this.#arrive(datagram, "server"));
    this.down = new Link(link, this.agenda, this.random, (datagram) => this.#arrive(datagram, "client"));
  }

  /** The path becomes another one for what is sent from now on. */
  change(rate: number, rttMs: number): void {
    for (const link of [this.up, this.down]) link.change(rate, rttMs / 2, this.agenda.now);
  }

  transfer(options: { streams: number; bytesPerStream?: number; rate?: number }): Transfer {
    const port = this.#transfers.length;
    const transfer = new Transfer({
      ...options,
      agenda: this.agenda,
      random: this.random,
      clientAddress: 1 + port,
      serverAddress: 1_000 + port,
    });
    this.#transfers.push(transfer);
    transfer.connect(this.up, this.down);
    return transfer;
  }

  /** Lets time pass until `transfer` is done, for at most `ms`. */
  finish(transfer: Transfer, ms: number): void {
    this.agenda.run(this.agenda.now + ms, () => transfer.isDone);
  }

  #arrive(datagram: Datagram, end: "client" | "server"): void {
    for (const transfer of this.#transfers) if (transfer[end].takes(datagram)) return;
    datagram.link.release(datagram);
  }
}

export interface Measured {
  /** Bytes of streams per second after the start-up, as a part of the bottleneck's. */
  readonly goodput: number;
  /** Mean wait in the bottleneck's queue meanwhile. */
  readonly queueingMs: number;
  readonly faults: readonly string[];
  readonly isWhole: boolean;
}

/** Round trips of the start-up: with 5 % loss a single stream needs as many to fill 2.5 MB on the way. */
const START_UP_ROUND_TRIPS = 25;
const START_UP_MS = 500;

/** Sends for `ms` after the start-up, then ends all streams and waits until they are whole. */
export function measure(options: PathOptions, streams: number, ms: number): Measured {
  const path = new Path(options);
  const transfer = path.transfer({ streams });
  transfer.start();
  path.agenda.run(START_UP_MS + START_UP_ROUND_TRIPS * options.rttMs);
  path.up.beginMeasuring();
  const before = transfer.received;
  path.agenda.run(path.agenda.now + ms);
  const goodput = ((transfer.received - before) * 1_000) / ms / options.rate;
  const queueingMs = path.up.queueingMsSum / Math.max(1, path.up.queued);
  transfer.stop();
  path.finish(transfer, 60_000);
  return { goodput, queueingMs, faults: transfer.faults, isWhole: transfer.finished === streams };
}
