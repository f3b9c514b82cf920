// A client's side of the handshake (docs/UDPACK.md section 3): makes initiations until one is answered. A machine without
// clock, socket or randomness of its own: its owner sends what `start` returns, and calls it again at `deadline`.

import { UDPACK_HANDSHAKE_LIMITS } from "../../../shared/limits.ts";
import { cookieKey, openCookie } from "../crypto/cookies.ts";
import { isMac1Right, mac1Key, writeMac1, writeMac2 } from "../crypto/macs.ts";
import { NoiseInitiator } from "../crypto/noise.ts";
import { PacketKeys } from "../crypto/packet-keys.ts";
import type { TransportParameters } from "../crypto/params.ts";
import { KEY_BYTES, type KeyPair, type Primitives, type RandomBytes } from "../crypto/primitives.ts";
import {
  CONNECTION_ID_BYTES,
  INITIATION,
  isSameId,
  MAC_BYTES,
  PACKET_KINDS,
  PacketView,
  RESPONSE,
  readPacket,
  writeHandshakeHeader,
} from "../wire/packet.ts";
import type { EstablishedKeys } from "./established.ts";
import { decodeResponsePayload, encodeInitiationPayload } from "./payloads.ts";
import { prologueOf } from "./prologue.ts";
import type { Timestamps } from "./timestamps.ts";

const { ATTEMPTS_MAX, COOKIE_MS, RESPONSE_WAIT_MS, RETRY_FIRST_MS, RETRY_MAX_MS } = UDPACK_HANDSHAKE_LIMITS;

export interface InitiatorOptions {
  readonly primitives: Primitives;
  /** The client's static key pair. */
  readonly own: KeyPair;
  readonly serverPublic: Uint8Array;
  readonly parameters: TransportParameters;
  /** Shared by all initiators of one static key. */
  readonly timestamps: Timestamps;
  /** The own connection id of the session that the new one is to replace. */
  readonly replaces?: Uint8Array | undefined;
}

/** One initiation that may still be answered. */
interface Attempt {
  readonly id: Uint8Array;
  readonly noise: NoiseInitiator;
  readonly mac1: Uint8Array;
  readonly sentAt: number;
  /** It carried a cookie already. */
  readonly isProven: boolean;
  hadCookie: boolean;
}

/** What a datagram from the server brought. */
export type InitiatorEvent = { readonly session: EstablishedKeys } | { readonly cookie: true };

export class Initiator {
  readonly #options: InitiatorOptions;
  readonly #mac1KeyToServer: Uint8Array;
  readonly #mac1KeyToClient: Uint8Array;
  readonly #cookieKey: Uint8Array;
  /** Oldest first. */
  #attempts: Attempt[] = [];
  #cookie: Uint8Array | undefined;
  #cookieUntil = 0;
  #retryMs: number = RETRY_FIRST_MS;
  #deadline = 0;

  constructor(options: InitiatorOptions) {
    this.#options = options;
    this.#mac1KeyToServer = mac1Key(options.serverPublic);
    this.#mac1KeyToClient = mac1Key(options.own.public);
    this.#cookieKey = cookieKey(options.serverPublic);
  }

  /**
   * A new initiation, with fresh ephemeral key, connection id and timestamp. `now` is the monotonic clock of all calls,
   * `wallMs` the wall clock (milliseconds since 1970).
   * @throws RangeError when the server's key is of low order or a parameter is invalid
   */
  start(now: number, random: RandomBytes, wallMs: number): Uint8Array {
    this.#forgetOld(now);
    const { own, parameters, primitives, replaces, serverPublic, timestamps } = this.#options;
    const packet = new Uint8Array(INITIATION.bytes);
    const id = Uint8Array.from(random(CONNECTION_ID_BYTES));
    writeHandshakeHeader(packet, PACKET_KINDS.initiation, id, 0);
    const secret = random(KEY_BYTES);
    const noise = new NoiseInitiator(
      { primitives, prologue: prologueOf(packet), own },
      { ephemeral: { secret, public: primitives.publicKey(secret) }, responder: serverPublic },
      encodeInitiationPayload({ timestamp: timestamps.next(wallMs), parameters, replaces }),
    );
    packet.set(noise.message, INITIATION.noise);
    writeMac1(packet, INITIATION.mac1, this.#mac1KeyToServer);
    const cookie = now < this.#cookieUntil ? this.#cookie : undefined;
    if (cookie) writeMac2(packet, cookie);
    const mac1 = packet.slice(INITIATION.mac1, INITIATION.mac2);
    this.#attempts.push({ id, noise, mac1, sentAt: now, isProven: cookie !== undefined, hadCookie: false });
    if (this.#attempts.length > ATTEMPTS_MAX) this.#attempts.shift();
    this.#deadline = now + this.#retryMs;
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MAX_MS);
    return packet;
  }

  /** Takes one packet; undefined when it means nothing, whatever its bytes are. After a session nothing else comes. */
  receive(datagram: Uint8Array, now: number): InitiatorEvent | undefined {
    const packet = new PacketView();
    if (!readPacket(datagram, 0, packet) || packet.end !== datagram.length) return undefined;
    this.#forgetOld(now);
    const attempt = this.#attempts.find(({ id }) => isSameId(id, datagram, packet.idAt));
    if (!attempt) return undefined;
    if (packet.kind === PACKET_KINDS.response) return this.#response(datagram, attempt, now);
    if (packet.kind === PACKET_KINDS.cookie) return this.#cookieFor(datagram, attempt, now);
    return undefined;
  }

  /** When `start` is to be called again; Infinity once there is a session. */
  deadline(): number {
    return this.#deadline;
  }

  #response(datagram: Uint8Array, attempt: Attempt, now: number): InitiatorEvent | undefined {
    const { primitives, serverPublic } = this.#options;
    const macAt = datagram.length - MAC_BYTES;
    if (!isMac1Right(datagram, macAt, this.#mac1KeyToClient)) return undefined;
    const read = attempt.noise.read(datagram.subarray(RESPONSE.noise, macAt));
    const answer = read && decodeResponsePayload(read.payload);
    if (!answer) return undefined;
    const { id: peerId, parameters: peer, resetToken } = answer;
    const { first: sendKey, second: receiveKey } = read.keys;
    const keys = new PacketKeys({ primitives, sendKey, receiveKey, peerId, now });
    this.#attempts = [];
    this.#deadline = Number.POSITIVE_INFINITY;
    return { session: { keys, ownId: attempt.id, peerId, peerStatic: serverPublic, peer, resetToken } };
  }

  /** One cookie for each initiation: a second one could only come from an attacker. */
  #cookieFor(datagram: Uint8Array, attempt: Attempt, now: number): InitiatorEvent | undefined {
    if (attempt.hadCookie) return undefined;
    const of = { key: this.#cookieKey, mac1: attempt.mac1 };
    const cookie = openCookie(this.#options.primitives, datagram, of);
    if (!cookie) return undefined;
    attempt.hadCookie = true;
    this.#cookie = cookie;
    this.#cookieUntil = now + COOKIE_MS;
    // Who had a cookie and is sent another waits its turn, so that nobody can make this side spin.
    if (!attempt.isProven) this.#deadline = Math.min(this.#deadline, now);
    return { cookie: true };
  }

  #forgetOld(now: number): void {
    const oldest = this.#attempts[0];
    if (oldest && now - oldest.sentAt >= RESPONSE_WAIT_MS)
      this.#attempts = this.#attempts.filter(({ sentAt }) => now - sentAt < RESPONSE_WAIT_MS);
  }
}
