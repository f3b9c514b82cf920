// The path of one session as its socket sees it: where packets go, how large they may be, and how much an address gets that
// is not proven yet. The decisions are those of path/; random bytes and carriers are joined to them here.

import { randomBytes } from "node:crypto";
import { UDPACK_ENDPOINT_LIMITS, UDPACK_PATH_LIMITS } from "../../../shared/limits.ts";
import { canonicalIp } from "../../../shared/net/address.ts";
import type { PacketEngine, Remote } from "../engine/engine.ts";
import { Migration } from "../path/migration.ts";
import { PathMtu, type PathSize } from "../path/pmtu.ts";
import type { Session } from "../session/session.ts";

export interface SessionPathOptions {
  readonly role: "client" | "server";
  readonly remote: Remote;
  readonly engine: PacketEngine;
  /** What the configuration says; 0: probed where possible. */
  readonly mtu: number;
  /** Largest datagram that the peer takes. */
  readonly maxDatagram: number;
  readonly now: number;
}

/** A packet of nothing but PING: header, one byte, tag. */
const GREETING_BYTES = 36;
const CHALLENGE_BYTES = 8;

export class SessionPath {
  /** Told by the session machine which packets arrived; undefined where the size is fixed. */
  readonly size: PathSize | undefined;
  readonly #options: SessionPathOptions;
  readonly #migration: Migration;
  readonly #fixedMtu: number;
  #pmtu: PathMtu | undefined;
  #machine: Session | undefined;
  #greets = false;

  constructor(options: SessionPathOptions) {
    const { engine, maxDatagram, mtu, now, remote } = options;
    this.#options = options;
    this.#migration = new Migration(remote);
    const usual = engine.reliable
      ? UDPACK_ENDPOINT_LIMITS.WEBSOCKET_PACKET_BYTES
      : UDPACK_PATH_LIMITS.DATAGRAM_BYTES_MIN;
    this.#fixedMtu = Math.min(engine.reliable ? usual : mtu || usual, maxDatagram);
    if (mtu !== 0 || engine.reliable || !engine.forbidsFragments) return;
    this.#search(now);
    this.size = {
      onAcked: (number, bytes, at) => this.#pmtu?.onAcked(number, bytes, at),
      onLost: (number, bytes, at) => this.#pmtu?.onLost(number, bytes, at) ?? false,
    };
  }

  /** The session that goes this way. */
  attach(machine: Session): void {
    this.#machine = machine;
  }

  get remote(): Remote {
    return this.#migration.remote;
  }

  /** Bytes that a datagram may have. */
  get mtu(): number {
    return this.#pmtu?.bytes ?? this.#fixedMtu;
  }

  /** Bytes that may be sent before more was heard: little, while the address is not proven. */
  get budget(): number {
    return this.#migration.budget;
  }

  /** Sends a PING, so that the peer hears of the session even if nothing else is to be said. */
  greet(): void {
    this.#greets = true;
  }

  /** The size of a PING with padding that should leave now; 0: none. */
  probeBytes(now: number): number {
    if (this.#greets) return GREETING_BYTES;
    return this.#isProven ? (this.#pmtu?.probeBytes(now) ?? 0) : 0;
  }

  /** Such a packet left. */
  probed(number: number, bytes: number): void {
    if (this.#greets) this.#greets = false;
    else this.#pmtu?.probed(number, bytes);
  }

  sent(bytes: number): void {
    this.#migration.sent(bytes);
  }

  /** A packet opened that came from `remote`. Clients keep to the address that they were configured with. */
  heard(remote: Remote, isNewest: boolean, bytes: number, now: number): void {
    if (this.#options.role === "server" && !this.#options.engine.reliable)
      this.#migration.heard(remote, isNewest, bytes, now);
  }

  /** The peer repeated a challenge's bytes. */
  answered(data: Uint8Array, now: number): void {
    if (this.#migration.answered(data) !== "moved") return;
    this.#machine?.startPath(now);
    if (this.#pmtu) this.#search(now);
  }

  run(now: number): void {
    if (this.#machine === undefined || !this.#migration.run(now)) return;
    const challenge = randomBytes(CHALLENGE_BYTES);
    this.#machine.challenge(challenge);
    this.#migration.challenged(challenge, now, this.#machine.pto);
  }

  /** When there is something to do without a packet coming. */
  deadline(): number {
    const probeAt = this.#isProven ? this.#pmtu?.deadline() : undefined;
    return Math.min(this.#migration.deadline(), probeAt ?? Number.POSITIVE_INFINITY);
  }

  /** A probe may be larger than what an address may get that is not. */
  get #isProven(): boolean {
    return this.budget === Number.POSITIVE_INFINITY;
  }

  #search(now: number): void {
    const { maxDatagram } = this.#options;
    const { address } = this.remote;
    // Only link-local addresses have a zone, and no canonical text.
    const isV6 = (canonicalIp(address) ?? address).includes(":");
    const most = isV6
      ? UDPACK_PATH_LIMITS.DATAGRAM_BYTES_IPV6_MAX
      : UDPACK_PATH_LIMITS.DATAGRAM_BYTES_IPV4_MAX;
    this.#pmtu = new PathMtu(Math.min(most, maxDatagram), now);
  }
}
