// A server's sessions that no data packet has confirmed yet: an initiation may be a replay, or come from an address that is
// not its sender's, so they are few and short-lived. Time comes in as an argument.

import { UDPACK_HANDSHAKE_LIMITS } from "../../../shared/limits.ts";
import { keyText } from "../crypto/keys.ts";
import { connectionKey, isSameId, type PacketView } from "../wire/packet.ts";
import type { EstablishedKeys } from "./established.ts";

const { UNCONFIRMED_MAX, UNCONFIRMED_MS, UNCONFIRMED_PER_KEY_MAX } = UDPACK_HANDSHAKE_LIMITS;

interface Entry {
  readonly session: EstablishedKeys;
  readonly owner: string;
  readonly since: number;
}

/** By own connection id, oldest first. */
export class Unconfirmed {
  readonly #entries = new Map<number, Entry>();

  get size(): number {
    return this.#entries.size;
  }

  /** Adds one; where there are too many, the oldest goes of the key that has the most. */
  add(session: EstablishedKeys, now: number): void {
    const owner = keyText(session.peerStatic);
    this.#expire(now);
    const own = this.#of(owner);
    if (own.length >= UNCONFIRMED_PER_KEY_MAX) this.#drop(own[0]);
    else if (this.#entries.size >= UNCONFIRMED_MAX) this.#drop(this.#of(this.#greediest())[0]);
    this.#entries.set(connectionKey(session.ownId), { session, owner, since: now });
  }

  /** Whether the id is taken. */
  has(id: Uint8Array): boolean {
    return this.#entries.has(connectionKey(id));
  }

  /** The session that a data packet names. */
  find(packet: PacketView, now: number): EstablishedKeys | undefined {
    const entry = this.#entries.get(connectionKey(packet.datagram, packet.idAt));
    if (!entry || now - entry.since >= UNCONFIRMED_MS) return undefined;
    return isSameId(entry.session.ownId, packet.datagram, packet.idAt) ? entry.session : undefined;
  }

  /** Takes it out without destroying its keys: it is confirmed. */
  remove(session: EstablishedKeys): void {
    this.#entries.delete(connectionKey(session.ownId));
  }

  #of(owner: string): Entry[] {
    return [...this.#entries.values()].filter((entry) => entry.owner === owner);
  }

  /** A key with the most sessions: those of others stay when a few take all the room. */
  #greediest(): string {
    const counts = new Map<string, number>();
    let greediest = "";
    for (const { owner } of this.#entries.values()) {
      const count = (counts.get(owner) ?? 0) + 1;
      counts.set(owner, count);
      if (count > (counts.get(greediest) ?? 0)) greediest = owner;
    }
    return greediest;
  }

  #expire(now: number): void {
    for (const entry of this.#entries.values()) {
      if (now - entry.since < UNCONFIRMED_MS) return;
      this.#drop(entry);
    }
  }

  #drop(entry: Entry | undefined): void {
    if (!entry) return;
    this.remove(entry.session);
    entry.session.keys.destroy();
  }
}
