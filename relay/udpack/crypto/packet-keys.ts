// The keys of one session (docs/UDPACK.md sections 2.1 and 4): numbers, seals and opens data packets in both directions,
// refuses replays, and renews the keys. No clock: `now` is an argument. Keys and numbers are never stored anywhere.
//
// Both directions turn to a new phase together: one side begins, the other answers with the next packet that it sends. A
// side begins only while both are in the same phase, so the peer is never more than two phases ahead: two if it has begun
// another one although none of its packets arrived since it answered this side's.

import { UDPACK_KEY_LIMITS } from "../../../shared/limits.ts";
import type { CloseCode } from "../wire/codes.ts";
import {
  DATA_HEADER_BYTES,
  DATA_OVERHEAD_BYTES,
  type PacketView,
  TAG_BYTES,
  writeDataHeader,
} from "../wire/packet.ts";
import { hmac } from "./blake2s.ts";
import type { PacketCipher, Primitives } from "./primitives.ts";
import { ReplayWindow } from "./replay-window.ts";

const { FORGERIES_MAX, NUMBERS_END, NUMBERS_RESERVED, OLD_KEY_MS, PACKETS_PER_PHASE, PHASE_MS } =
  UDPACK_KEY_LIMITS;

export interface PacketKeysOptions {
  readonly primitives: Primitives;
  readonly sendKey: Uint8Array;
  readonly receiveKey: Uint8Array;
  /** The connection id that goes into packets to the peer. */
  readonly peerId: Uint8Array;
  readonly now: number;
}

/** The key of one direction in one phase. */
class PhaseKey {
  readonly cipher: PacketCipher;
  readonly #primitives: Primitives;
  readonly #key: Uint8Array;

  constructor(primitives: Primitives, key: Uint8Array) {
    this.#primitives = primitives;
    this.#key = key;
    this.cipher = primitives.cipher(key);
  }

  next(): PhaseKey {
    return new PhaseKey(this.#primitives, hmac(this.#key, "udpack key update"));
  }

  destroy(): void {
    this.#key.fill(0);
    this.cipher.destroy();
  }
}

/** Packet protection of one session. */
export class PacketKeys {
  readonly #window = new ReplayWindow();

  #send: PhaseKey;
  #sendPhase = 0;
  #sendPhaseSince: number;
  #sendPhaseFirst = 0;
  #nextNumber = 0;
  readonly #header: { phase: number; readonly id: Uint8Array; number: number };

  #receive: PhaseKey;
  #receivePhase = 0;
  /** The least number that opened in the current phase: those of the phase before lie below it. */
  #receivePhaseLeast = Number.POSITIVE_INFINITY;
  /** Keys of the next phases, derived when a packet asks for them. */
  #upcoming: PhaseKey | undefined;
  #second: PhaseKey | undefined;
  #old: PhaseKey | undefined;
  #oldUntil = 0;

  #replays = 0;
  #forgeries = 0;
  #isDestroyed = false;

  constructor(options: PacketKeysOptions) {
    this.#send = new PhaseKey(options.primitives, options.sendKey);
    this.#receive = new PhaseKey(options.primitives, options.receiveKey);
    this.#sendPhaseSince = options.now;
    this.#header = { phase: 0, id: options.peerId, number: 0 };
  }

  /** The number of the next packet; `sealPacket` uses it up, or `skipNumber` leaves it out. */
  nextNumber(): number {
    return this.#nextNumber;
  }

  /** Leaves the next number out: a peer that acknowledges it makes its ACKs up (RFC 9000 section 21.4). */
  skipNumber(): void {
    if (this.#nextNumber < NUMBERS_END - NUMBERS_RESERVED) this.#nextNumber += 1;
  }

  /** The greatest number that was accepted; -1 before the first. */
  get newest(): number {
    return this.#window.newest;
  }

  /** Packets refused because their number had been accepted before or was too old. */
  get replays(): number {
    return this.#replays;
  }

  /** Packets that did not open. */
  get forgeries(): number {
    return this.#forgeries;
  }

  /** Key phases that sending has turned to. */
  get phase(): number {
    return this.#sendPhase;
  }

  /** Why the session must end now; a last CLOSE may still be sealed. */
  get exhausted(): Extract<CloseCode, "forgery" | "number_space"> | undefined {
    if (this.#forgeries >= FORGERIES_MAX) return "forgery";
    return this.#nextNumber >= NUMBERS_END - NUMBERS_RESERVED ? "number_space" : undefined;
  }

  /**
   * Seals in place: frames of `payloadLength` bytes are at `offset + DATA_HEADER_BYTES` of `datagram`, with room for the
   * tag behind them. Returns the offset behind the packet.
   * @throws RangeError for any number but `nextNumber()` (no nonce is used twice), without payload, or without room
   */
  sealPacket(
    datagram: Uint8Array,
    offset: number,
    payloadLength: number,
    number: number,
    now: number,
  ): number {
    const payload = offset + DATA_HEADER_BYTES;
    const end = offset + DATA_OVERHEAD_BYTES + payloadLength;
    if (number !== this.#nextNumber || number >= NUMBERS_END)
      throw new RangeError(`Cannot seal packet ${number}: expected ${this.#nextNumber}`);
    if (payloadLength < 1 || end > datagram.length)
      throw new RangeError(
        `Cannot seal ${payloadLength} bytes at ${offset}: the buffer has ${datagram.length}`,
      );
    if (this.#isTurnDue(number, now)) this.#turnSending(number, now);
    this.#nextNumber = number + 1;
    this.#header.number = number;
    writeDataHeader(datagram, offset, this.#header, payloadLength);
    this.#send.cipher.seal(
      datagram.subarray(offset, payload),
      number,
      datagram.subarray(payload, payload + payloadLength),
      datagram.subarray(payload, end),
    );
    return end;
  }

  /**
   * Opens a data packet into the beginning of `into`, which may be the place of its own payload. Returns the length of the
   * payload, or -1: a replay, not authentic, or larger than `into`. Then nothing but counts has changed, except that
   * `into` may hold anything.
   */
  openPacket(packet: PacketView, into: Uint8Array, now: number): number {
    const body = packet.start + DATA_HEADER_BYTES;
    const length = packet.end - body - TAG_BYTES;
    if (this.#isDestroyed || length < 1 || length > into.length) return -1;
    if (!this.#window.accepts(packet.number)) {
      this.#replays++;
      return -1;
    }
    const key = this.#keyFor(packet, now);
    const header = packet.datagram.subarray(packet.start, body);
    const sealed = packet.datagram.subarray(body, packet.end);
    if (!key?.cipher.open(header, packet.number, sealed, into.subarray(0, length))) {
      this.#forgeries++;
      return -1;
    }
    this.#window.record(packet.number);
    if (key === this.#second) this.#turnReceiving(packet.number, now);
    if (key === this.#upcoming) this.#turnReceiving(packet.number, now);
    else if (key === this.#receive && packet.number < this.#receivePhaseLeast)
      this.#receivePhaseLeast = packet.number;
    return length;
  }

  /** Forgets all keys; nothing can be sealed or opened afterwards. */
  destroy(): void {
    // A key of zeros is one that anybody knows: it must neither seal nor open.
    this.#isDestroyed = true;
    this.#nextNumber = NUMBERS_END;
    for (const key of [this.#send, this.#receive, this.#upcoming, this.#second, this.#old]) key?.destroy();
  }

  #isTurnDue(number: number, now: number): boolean {
    if (this.#receivePhase > this.#sendPhase) return true;
    if (number - this.#sendPhaseFirst < PACKETS_PER_PHASE && now - this.#sendPhaseSince < PHASE_MS)
      return false;
    return this.#receivePhase === this.#sendPhase && this.#window.newest >= 0;
  }

  #turnSending(number: number, now: number): void {
    const used = this.#send;
    this.#send = used.next();
    used.destroy();
    this.#sendPhase++;
    this.#sendPhaseFirst = number;
    this.#sendPhaseSince = now;
    this.#header.phase = this.#sendPhase;
  }

  /** The key that a packet must have been sealed with, judging by its phase and number; undefined: there is none. */
  #keyFor(packet: PacketView, now: number): PhaseKey | undefined {
    const ahead = (packet.phase - this.#receivePhase) & 3;
    if (ahead === 0) return this.#receive;
    if (ahead === 3) return this.#oldKey(packet.number, now);
    // Who is ahead has answered this side's turns, and may have begun one more.
    const isPossible =
      packet.number > this.#window.newest && this.#receivePhase + ahead <= this.#sendPhase + 1;
    if (!isPossible) return undefined;
    this.#upcoming ??= this.#receive.next();
    if (ahead === 1) return this.#upcoming;
    this.#second ??= this.#upcoming.next();
    return this.#second;
  }

  #oldKey(number: number, now: number): PhaseKey | undefined {
    if (this.#old && now >= this.#oldUntil) {
      this.#old.destroy();
      this.#old = undefined;
    }
    return number < this.#receivePhaseLeast ? this.#old : undefined;
  }

  #turnReceiving(number: number, now: number): void {
    this.#old?.destroy();
    this.#old = this.#receive;
    this.#oldUntil = now + OLD_KEY_MS;
    this.#receive = this.#upcoming ?? this.#receive;
    this.#upcoming = this.#second;
    this.#second = undefined;
    this.#receivePhase++;
    this.#receivePhaseLeast = number;
  }
}
