// One end of a simulated session: what the endpoint does for a session machine, without sockets and keys. Packets that arrive
// within one turn of its event loop are one batch, and its timers are as coarse as Node's.

import {
  Session,
  type SessionListener,
  type SessionOptions,
} from "../../../../relay/udpack/session/session.ts";
import type { Agenda } from "./agenda.ts";
import type { Datagram, Link } from "./link.ts";
import type { Random } from "./random.ts";

export interface HostOptions {
  readonly agenda: Agenda;
  readonly random: Random;
  readonly session: Omit<SessionOptions, "now" | "random">;
  readonly listener: SessionListener;
  /** Where it is reached, and where the other end is at first. */
  readonly address: number;
  readonly peerAddress: number;
}

/** How long packets wait for a turn of the event loop. */
const TURN_MS = 0.2;
/** Node's timers come no sooner. */
const TIMER_MS = 1;
const OVERHEAD_BYTES = 35;

export class Host {
  readonly session: Session;
  /** It moves when a NAT forgets it. */
  address: number;
  /** New addresses of the peer that answered a challenge. */
  validated = 0;
  #peerAddress: number;
  #challenge: string | undefined;
  #numbers = 0;
  readonly #seen = new Set<number>();
  #greatest = -1;
  readonly #options: HostOptions;
  #out: Link | undefined;
  #arrived: Datagram[] = [];
  #timerAt = Number.POSITIVE_INFINITY;
  #turnPlanned = false;

  constructor(options: HostOptions) {
    this.#options = options;
    this.address = options.address;
    this.#peerAddress = options.peerAddress;
    const { agenda, random } = options;
    this.session = new Session(
      { ...options.session, now: agenda.now, random: (count) => random.bytes(count) },
      { ...options.listener, pathResponse: (data) => this.#onResponse(data) },
    );
  }

  connect(out: Link): void {
    this.#out = out;
  }

  /** A packet reaches the machine; false: it was sent to where the machine is not. */
  takes(datagram: Datagram): boolean {
    if (datagram.to !== this.address) return false;
    this.#arrived.push(datagram);
    this.#turnSoon();
    return true;
  }

  /** Runs after its owner has used the session: sends what may be sent, and arms the timer. */
  run(): void {
    const { now } = this.#options.agenda;
    this.#send(now);
    this.#arm(now);
  }

  #turnSoon(): void {
    if (this.#turnPlanned) return;
    this.#turnPlanned = true;
    const { agenda } = this.#options;
    agenda.plan(agenda.now + TURN_MS, (now) => {
      this.#turnPlanned = false;
      const arrived = this.#arrived;
      this.#arrived = [];
      for (const datagram of arrived) {
        this.#receive(datagram, now);
        datagram.link.release(datagram);
      }
      this.session.batchEnd(now);
      this.run();
    });
  }

  #onResponse(data: Uint8Array): void {
    if (data.join() !== this.#challenge) return;
    this.#challenge = undefined;
    this.validated++;
  }

  #receive(datagram: Datagram, now: number): void {
    const { number } = datagram;
    if (this.#seen.has(number)) return;
    this.#seen.add(number);
    this.#seen.delete(number - 8_192);
    if (number > this.#greatest) {
      this.#greatest = number;
      if (datagram.from !== this.#peerAddress) {
        this.#peerAddress = datagram.from;
        const data = this.#options.random.bytes(8);
        this.#challenge = data.join();
        this.session.challenge(data);
      }
    }
    const { length } = datagram;
    const payload = length === datagram.bytes.length ? datagram.bytes : datagram.bytes.subarray(0, length);
    this.session.receive(number, payload, length + OVERHEAD_BYTES, now);
  }

  #send(now: number): void {
    const out = this.#out;
    const { session } = this;
    while (out && session.wantsToSend(now)) {
      const datagram = out.take();
      const length = session.pull(this.#numbers, datagram.bytes, now);
      if (length === 0) {
        out.release(datagram);
        return;
      }
      datagram.number = this.#numbers++;
      datagram.from = this.address;
      datagram.to = this.#peerAddress;
      datagram.length = length;
      out.send(datagram, now);
    }
  }

  #arm(now: number): void {
    const { session } = this;
    const deadline = session.deadline(now);
    if (deadline === Number.POSITIVE_INFINITY || session.isForgotten(now)) return;
    const at = Math.max(now + TIMER_MS, deadline);
    if (at >= this.#timerAt && this.#timerAt > now) return;
    this.#timerAt = at;
    this.#options.agenda.plan(at, (then) => {
      if (this.#timerAt !== at) return;
      this.#timerAt = Number.POSITIVE_INFINITY;
      if (session.deadline(then) <= then) session.onTimeout(then);
      this.run();
    });
  }
}
