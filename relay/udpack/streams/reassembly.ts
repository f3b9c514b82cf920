// Datagrams that come in fragments (docs/UDPACK.md section 8.2). Bounded whatever the peer sends: so many sets, each no
// larger than a datagram can be, for so long; the oldest goes first. Pure.

import { UDPACK_STREAM_LIMITS } from "../../../shared/limits.ts";
import { type DatagramAddress, readDatagramAddress } from "../wire/datagram-address.ts";
import type { DatagramView } from "../wire/frames.ts";

const { DATAGRAM_BYTES_MAX, REASSEMBLIES_MAX, REASSEMBLY_MS } = UDPACK_STREAM_LIMITS;

/** Told of each datagram that is whole; `data` is only valid during the call. */
export type DatagramListener = (
  association: number,
  address: DatagramAddress | undefined,
  data: Uint8Array,
) => void;

interface Fragments {
  readonly association: number;
  readonly parts: (Uint8Array | undefined)[];
  readonly since: number;
  missing: number;
  bytes: number;
  address: Uint8Array;
}

const PACKET_IDS = 0x1_0000;

export class DatagramReassembly {
  /** Datagrams of which a part never came, or that made no sense. */
  dropped = 0;
  /** By association and packet id, oldest first. */
  readonly #sets = new Map<number, Fragments>();
  readonly #listener: DatagramListener;
  /** The address that was read last: most datagrams of an association come from one place. */
  #addressBytes: Uint8Array = new Uint8Array(0);
  #address: DatagramAddress | undefined;

  constructor(listener: DatagramListener) {
    this.#listener = listener;
  }

  /** When the oldest set has waited long enough; infinite: none waits. */
  get deadline(): number {
    for (const set of this.#sets.values()) return set.since + REASSEMBLY_MS;
    return Number.POSITIVE_INFINITY;
  }

  /** Drops what has waited too long. */
  expire(now: number): void {
    for (const [key, set] of this.#sets) {
      if (now - set.since < REASSEMBLY_MS) return;
      this.#drop(key);
    }
  }

  add(view: DatagramView, now: number): void {
    if (view.fragments === 1) {
      this.#deliver(view.association, view.address, view.data);
      return;
    }
    this.expire(now);
    const key = view.association * PACKET_IDS + view.packetId;
    const set = this.#sets.get(key) ?? this.#begin(key, view, now);
    if (set.parts.length !== view.fragments) {
      this.#drop(key);
      return;
    }
    if (set.parts[view.fragment] !== undefined) return;
    set.bytes += view.data.length;
    if (set.bytes > DATAGRAM_BYTES_MAX) {
      this.#drop(key);
      return;
    }
    set.parts[view.fragment] = new Uint8Array(view.data);
    if (view.fragment === 0) set.address = new Uint8Array(view.address);
    if (--set.missing > 0) return;
    this.#sets.delete(key);
    this.#deliver(set.association, set.address, joined(set));
  }

  #begin(key: number, { association, fragments }: DatagramView, now: number): Fragments {
    if (this.#sets.size >= REASSEMBLIES_MAX) {
      const [oldest] = this.#sets.keys();
      if (oldest !== undefined) this.#drop(oldest);
    }
    const parts = new Array<Uint8Array | undefined>(fragments).fill(undefined);
    const set = { association, parts, since: now, missing: fragments, bytes: 0, address: this.#addressBytes };
    this.#sets.set(key, set);
    return set;
  }

  #drop(key: number): void {
    this.#sets.delete(key);
    this.dropped++;
  }

  #deliver(association: number, bytes: Uint8Array, data: Uint8Array): void {
    if (!isSame(bytes, this.#addressBytes)) {
      this.#addressBytes = new Uint8Array(bytes);
      this.#address = readDatagramAddress(bytes);
    }
    const isNone = bytes[0] === 0;
    // A name that is not UTF-8 names nothing.
    if (!isNone && this.#address === undefined) this.dropped++;
    else this.#listener(association, isNone ? undefined : this.#address, data);
  }
}

function joined({ parts, bytes }: Fragments): Uint8Array {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    if (!part) continue;
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
