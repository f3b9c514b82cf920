// Datagrams on their way out (docs/UDPACK.md section 8.2): they wait for the path in order, are cut to what a packet holds,
// and are dropped, oldest first, when they have waited too long or are too many. Pure.

import { UDPACK_STREAM_LIMITS } from "../../../shared/limits.ts";
import { type DatagramAddress, encodeDatagramAddress } from "../wire/datagram-address.ts";
import { type DatagramHeader, datagramHeaderBytes, NO_ROOM, writeDatagram } from "../wire/frame-writers.ts";
import { FRAGMENTS_MAX } from "../wire/frames.ts";

const { DATAGRAM_BYTES_MAX, DATAGRAMS_WAITING_BYTES_MAX, DATAGRAMS_WAITING_MAX, DATAGRAMS_WAITING_MS } =
  UDPACK_STREAM_LIMITS;

/** What fragments after the first say about the address: nothing. */
const NO_ADDRESS = Uint8Array.of(0);
const PACKET_IDS = 0x1_0000;
/** Beginning a datagram at the end of a packet is not worth less room than this. */
const ROOM_MIN = 256;

/** Data that a packet of nothing but a further fragment has. */
function fragmentBytes(packetBytes: number): number {
  return packetBytes - datagramHeaderBytes(NO_ADDRESS);
}

interface Waiting {
  readonly association: number;
  readonly address: Uint8Array;
  readonly data: Uint8Array;
  /** Since when it waits; negative: nobody has looked since it came. */
  since: number;
}

type MutableHeader = { -readonly [K in keyof DatagramHeader]: DatagramHeader[K] };

export class DatagramSender {
  /** Datagrams that were dropped here. */
  dropped = 0;
  #waiting: Waiting[] = [];
  /** Of these, those before this one have been sent or dropped. */
  #head = 0;
  #bytes = 0;
  /** Of the first one: bytes sent, and the number of fragments, 0 before it is cut. */
  #sent = 0;
  readonly #header: MutableHeader = {
    association: 0,
    packetId: 0,
    fragment: 0,
    fragments: 0,
    address: NO_ADDRESS,
  };

  /** Whether any wait; those that have waited too long go. */
  hasWork(now: number): boolean {
    for (let i = this.#waiting.length - 1; i >= this.#head; i--) {
      const waiting = this.#waiting[i];
      if (waiting === undefined || waiting.since >= 0) break;
      waiting.since = now;
    }
    for (;;) {
      const first = this.#waiting[this.#head];
      if (first === undefined) return false;
      if (now - first.since <= DATAGRAMS_WAITING_MS) return true;
      this.#drop();
    }
  }

  /** Keeps `data` by reference. False: it is too large, or its address cannot be written. */
  push(association: number, address: DatagramAddress | undefined, data: Uint8Array): boolean {
    const encoded = encodeDatagramAddress(address);
    if (encoded === undefined || data.length > DATAGRAM_BYTES_MAX) return false;
    this.#waiting.push({ association, address: encoded, data, since: -1 });
    this.#bytes += data.length;
    while (
      this.#bytes > DATAGRAMS_WAITING_BYTES_MAX ||
      this.#waiting.length - this.#head > DATAGRAMS_WAITING_MAX
    )
      this.#drop();
    return true;
  }

  /** Writes datagrams as far as there is room; the offset behind them. */
  write(into: Uint8Array, offset: number, now: number): number {
    let at = offset;
    while (this.hasWork(now)) {
      const first = this.#waiting[this.#head];
      if (first === undefined) break;
      const end = this.#writePart(into, at, first);
      if (end === NO_ROOM) {
        // A packet that has nothing else shows that it never will have room.
        if (at > 0) break;
        this.#drop();
      } else at = end;
    }
    return at;
  }

  #writePart(into: Uint8Array, at: number, { association, address, data }: Waiting): number {
    const header = this.#header;
    if (this.#sent === 0) {
      const room = into.length - at - datagramHeaderBytes(address);
      if (
        data.length > room &&
        at > 0 &&
        (room < ROOM_MIN || data.length <= into.length - datagramHeaderBytes(address))
      )
        return NO_ROOM;
      if (!this.#begin(into.length, room, data.length)) return NO_ROOM;
    }
    header.association = association;
    header.address = header.fragment === 0 ? address : NO_ADDRESS;
    const room = into.length - at - datagramHeaderBytes(header.address);
    const left = data.length - this.#sent;
    const after = header.fragments - header.fragment - 1;
    // What this fragment leaves must fit into those that are still to come, which get at least a byte each.
    if (room < left - after * fragmentBytes(into.length)) return NO_ROOM;
    const length = Math.min(left - after, room);
    const end = writeDatagram(into, at, header, data.subarray(this.#sent, this.#sent + length));
    if (end === NO_ROOM) return NO_ROOM;
    this.#sent += length;
    header.fragment++;
    if (after === 0) this.#next();
    return end;
  }

  /** Counts the fragments of the first datagram: the first has `room`, the others a packet each. */
  #begin(packetBytes: number, room: number, length: number): boolean {
    const fragments = length <= room ? 1 : 1 + Math.ceil((length - room) / fragmentBytes(packetBytes));
    if (room < 0 || fragments > FRAGMENTS_MAX) return false;
    this.#header.packetId = (this.#header.packetId + 1) % PACKET_IDS;
    this.#header.fragment = 0;
    this.#header.fragments = fragments;
    return true;
  }

  #drop(): void {
    this.dropped++;
    this.#next();
  }

  #next(): void {
    this.#bytes -= this.#waiting[this.#head]?.data.length ?? 0;
    this.#head++;
    this.#sent = 0;
    if (this.#head * 2 < this.#waiting.length) return;
    this.#waiting.splice(0, this.#head);
    this.#head = 0;
  }
}
