// One try of a client to get a session: a carrier of its own and initiations over it until one is answered.

import { randomBytes } from "node:crypto";
import type { TransportParameters } from "../crypto/params.ts";
import type { EngineListener, PacketEngine, Remote } from "../engine/engine.ts";
import type { EstablishedKeys } from "../handshake/established.ts";
import { Initiator, type InitiatorOptions } from "../handshake/initiator.ts";
import { PACKET_KINDS, PacketView, readPacket } from "../wire/packet.ts";
import { ownParameters } from "./parameters.ts";
import { type Scheduler, Task } from "./scheduler.ts";

/** A session that was agreed on, and what carries it. */
export interface Reached {
  readonly established: EstablishedKeys;
  readonly own: TransportParameters;
  readonly engine: PacketEngine;
  readonly remote: Remote;
}

export interface AttemptOptions {
  readonly scheduler: Scheduler;
  readonly remote: Remote;
  /** Streams that the server may open. */
  readonly streams: number;
  readonly handshake: Omit<InitiatorOptions, "parameters">;
  open(listener: EngineListener): Promise<PacketEngine>;
  reached(reached: Reached): void;
  /** The carrier did not open, because of `error`, or ended. */
  failed(attempt: Attempt, error?: unknown): void;
}

/** The listener of a carrier: first for the handshake, then for the session that came of it. */
export class Attempt extends Task implements EngineListener {
  readonly #options: AttemptOptions;
  readonly #view = new PacketView();
  #engine: PacketEngine | undefined;
  #initiator: Initiator | undefined;
  #own: TransportParameters | undefined;
  #successor: EngineListener | undefined;
  #isClosed = false;

  constructor(options: AttemptOptions) {
    super();
    this.#options = options;
  }

  async start(): Promise<void> {
    const { handshake, open, scheduler, streams } = this.#options;
    try {
      const engine = await open(this);
      if (this.#isClosed) {
        engine.close();
        return;
      }
      this.#engine = engine;
      this.#own = ownParameters({ streams, receiveBufferBytes: engine.receiveBufferBytes });
      this.#initiator = new Initiator({ ...handshake, parameters: this.#own });
      this.run(scheduler.now());
    } catch (error) {
      // No network, no permission, no such port: another try follows, and the way back is silence either way.
      if (!this.#isClosed) this.#options.failed(this, error);
    }
  }

  /** Whether the carrier is open, so that the server hears what is said. */
  get isOpen(): boolean {
    return this.#engine !== undefined;
  }

  run(now: number): void {
    const [engine, initiator] = [this.#engine, this.#initiator];
    if (this.#isClosed || engine === undefined || initiator === undefined) return;
    if (initiator.deadline() <= now) {
      const packet = initiator.start(now, randomBytes, Date.now());
      engine.batch().set(packet);
      engine.send(packet.length, packet.length, this.#options.remote);
    }
    this.#options.scheduler.at(this, initiator.deadline());
  }

  /** Gives up; a carrier that was handed over stays open. */
  close(): void {
    this.#isClosed = true;
    this.#options.scheduler.at(this, Number.POSITIVE_INFINITY);
    if (this.#successor === undefined) this.#engine?.close();
  }

  /** From now on the carrier speaks to `listener`. */
  handOver(listener: EngineListener): void {
    this.#successor = listener;
    this.close();
  }

  received(data: Buffer, remote: Remote, engine: PacketEngine): void {
    if (this.#successor) {
      this.#successor.received(data, remote, engine);
      return;
    }
    const [initiator, own] = [this.#initiator, this.#own];
    if (this.#isClosed || initiator === undefined || own === undefined) return;
    const { reached, scheduler } = this.#options;
    const view = this.#view;
    for (let at = 0; readPacket(data, at, view); at = view.end) {
      if (view.kind !== PACKET_KINDS.response && view.kind !== PACKET_KINDS.cookie) continue;
      const event = initiator.receive(view.bytes(), scheduler.now());
      if (event && "session" in event) {
        reached({ established: event.session, own, engine, remote: this.#options.remote });
        return;
      }
      if (event) this.run(scheduler.now());
    }
  }

  drained(engine: PacketEngine): void {
    this.#successor?.drained(engine);
  }

  ended(engine: PacketEngine): void {
    if (this.#successor) this.#successor.ended(engine);
    else if (!this.#isClosed) this.#options.failed(this);
  }
}
