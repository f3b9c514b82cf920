// Fills batches with sealed packets of one session and hands them to its engine. What is sent, and when, the machines say.

import { randomInt } from "node:crypto";
import { UDPACK_ENDPOINT_LIMITS } from "../../../shared/limits.ts";
import type { PacketEngine } from "../engine/engine.ts";
import type { EstablishedKeys } from "../handshake/established.ts";
import type { Session } from "../session/session.ts";
import { PacketSlots } from "./packet-slots.ts";
import type { SessionPath } from "./session-path.ts";

/** Room for an ACK and a path challenge: an address that is not proven must be able to prove itself. */
const PACKET_BYTES_MIN = 100;

/** What became of an attempt to send: nothing is left, there is more for the next turn, or the way is full. */
export type Sent = "all" | "more" | "blocked";

export interface PacketSenderOptions {
  readonly established: EstablishedKeys;
  readonly engine: PacketEngine;
  readonly machine: Session;
  readonly path: SessionPath;
  now(): number;
}

export class PacketSender {
  readonly #options: PacketSenderOptions;
  readonly #slots = new PacketSlots();
  readonly #probeSlots = new PacketSlots();
  readonly #backlogMax: number;
  /** The number that is left out next. */
  #skipAt = 0;

  constructor(options: PacketSenderOptions) {
    this.#options = options;
    // A UDP socket that is full says so at once; a WebSocket would take everything.
    this.#backlogMax = options.engine.reliable ? UDPACK_ENDPOINT_LIMITS.WEBSOCKET_BACKLOG_BYTES : 0;
  }

  /** Now and then a number is left out, at random: who acknowledges what it has not received comes to that one, too. */
  #nextNumber(): number {
    const { keys } = this.#options.established;
    if (keys.nextNumber() >= this.#skipAt) {
      if (this.#skipAt > 0) keys.skipNumber();
      this.#skipAt = keys.nextNumber() + randomInt(1, UDPACK_ENDPOINT_LIMITS.NUMBERS_PER_SKIP_MAX);
    }
    return keys.nextNumber();
  }

  /** Sends what may leave now, up to what one turn may. */
  run(): Sent {
    const { engine, machine, path, now } = this.#options;
    for (let batches = 0; ; batches++) {
      const at = now();
      const probe = path.probeBytes(at);
      if (probe === 0 && !machine.wantsToSend(at)) return "all";
      if (engine.backlogBytes() > this.#backlogMax || path.budget < PACKET_BYTES_MIN) return "blocked";
      if (batches >= UDPACK_ENDPOINT_LIMITS.BATCHES_PER_TURN) return "more";
      if (probe > 0) this.#sendProbe(probe, at);
      else if (!this.#sendBatch(at)) return "all";
    }
  }

  /** Packets of full size, the last maybe shorter. False: there was nothing after all. */
  #sendBatch(now: number): boolean {
    const { established, engine, machine, path } = this.#options;
    const { keys } = established;
    const { budget } = path;
    const batch = engine.batch();
    const mtu = Math.min(path.mtu, Math.floor(budget));
    const room = Math.min(batch.length, budget) - mtu;
    let at = 0;
    let segment = 0;
    for (let index = 0; at <= room; index++) {
      const number = this.#nextNumber();
      const length = machine.pull(number, this.#slots.frames(batch, mtu, index), now);
      if (length === 0) break;
      const end = keys.sealPacket(batch, at, length, number, now);
      const bytes = end - at;
      at = end;
      if (segment === 0) segment = bytes;
      if (bytes < mtu) break;
    }
    if (at === 0) return false;
    engine.send(at, segment, path.remote);
    path.sent(at);
    if (keys.exhausted !== undefined) machine.close(keys.exhausted, "");
    return true;
  }

  /** One packet of exactly `bytes`, to see whether it passes. */
  #sendProbe(bytes: number, now: number): void {
    const { established, engine, machine, path } = this.#options;
    const { keys } = established;
    const batch = engine.batch();
    const number = this.#nextNumber();
    const length = machine.pullProbe(number, this.#probeSlots.frames(batch, bytes, 0), now);
    if (length === 0) return;
    engine.send(keys.sealPacket(batch, 0, length, number, now), bytes, path.remote);
    path.sent(bytes);
    path.probed(number, bytes);
  }
}
