// A server's side of the handshake (docs/UDPACK.md section 3.1): answers initiations of clients that it knows, and is silent
// to all others. A machine without clock, socket or randomness of its own. What it must not do is any work for strangers:
// the steps are in the order of their cost.

import { UDPACK_HANDSHAKE_LIMITS } from "../../../shared/limits.ts";
import { CookieJar } from "../crypto/cookies.ts";
import { keyText } from "../crypto/keys.ts";
import { isMac1Right, mac1Key, writeMac1 } from "../crypto/macs.ts";
import { NoiseResponder } from "../crypto/noise.ts";
import { PacketKeys } from "../crypto/packet-keys.ts";
import type { TransportParameters } from "../crypto/params.ts";
import { KEY_BYTES, type KeyPair, type Primitives, type RandomBytes } from "../crypto/primitives.ts";
import type { Resets } from "../crypto/reset.ts";
import {
  CONNECTION_ID_BYTES,
  HANDSHAKE_HEADER_BYTES,
  INITIATION,
  MAC_BYTES,
  PACKET_KINDS,
  PacketView,
  RESPONSE,
  readPacket,
  writeHandshakeHeader,
} from "../wire/packet.ts";
import { Admission } from "./admission.ts";
import type { EstablishedKeys } from "./established.ts";
import { decodeInitiationPayload, encodeResponsePayload } from "./payloads.ts";
import { prologueOf } from "./prologue.ts";
import { Unconfirmed } from "./unconfirmed.ts";

export interface ResponderOptions {
  readonly primitives: Primitives;
  /** The server's static key pair. */
  readonly own: KeyPair;
  readonly parameters: TransportParameters;
  readonly random: RandomBytes;
  readonly resets: Resets;
  /** Whether a client may connect at all: the allow-list. Neither the key nor the source is proven yet. */
  knows(clientPublic: Uint8Array, source: Source): boolean;
  /** Whether there is room for one more session of a client whose key is proven. */
  hasRoom(clientPublic: Uint8Array): boolean;
}

/** What is to be sent back, and the session that came of it, which does not count before `confirm`. */
export interface ResponderAnswer {
  readonly answer: Uint8Array;
  readonly session?: EstablishedKeys;
}

/** What was done with initiations, for statistics. */
export interface ResponderCounts {
  /** Initiations without a valid mac 1. */
  refused: number;
  cookies: number;
  /** Initiations for which X25519 was computed. */
  examined: number;
  responses: number;
}

/** Where an initiation came from. The text of both is what cookies are bound to. */
export interface Source {
  readonly address: string;
  readonly port: number;
}

export class Responder {
  readonly #options: ResponderOptions;
  readonly #mac1Key: Uint8Array;
  readonly #cookies: CookieJar;
  readonly #admission = new Admission();
  readonly #unconfirmed = new Unconfirmed();
  /** The newest timestamp of each key; the one that has not changed for longest goes first. */
  readonly #timestamps = new Map<string, number>();
  readonly #packet = new PacketView();
  readonly counts: ResponderCounts = { refused: 0, cookies: 0, examined: 0, responses: 0 };

  constructor(options: ResponderOptions) {
    const { own, primitives, random } = options;
    this.#options = options;
    this.#mac1Key = mac1Key(own.public);
    this.#cookies = new CookieJar({ primitives, serverPublic: own.public, random });
  }

  /** Sessions that wait for their first data packet. */
  get unconfirmed(): number {
    return this.#unconfirmed.size;
  }

  /** Takes one initiation; undefined: no answer, whatever the bytes are. */
  receive(datagram: Uint8Array, source: Source, now: number): ResponderAnswer | undefined {
    const isInitiation =
      readPacket(datagram, 0, this.#packet) &&
      this.#packet.kind === PACKET_KINDS.initiation &&
      this.#packet.end === datagram.length;
    if (!isInitiation || !isMac1Right(datagram, INITIATION.mac1, this.#mac1Key)) {
      this.counts.refused++;
      return undefined;
    }
    if (!this.#admission.admitsAny(now)) {
      const where = `${source.address} ${source.port}`;
      if (!this.#cookies.accepts(datagram, where, now)) {
        this.counts.cookies++;
        return { answer: this.#cookies.answer(datagram, where, now) };
      }
      if (!this.#admission.admitsProven(source.address, now)) return undefined;
    }
    this.counts.examined++;
    return this.#examine(datagram, source, now);
  }

  /** The unconfirmed session that a data packet with an unknown connection id may belong to. */
  pending(packet: PacketView, now: number): EstablishedKeys | undefined {
    return this.#unconfirmed.find(packet, now);
  }

  /** A data packet of the session has opened: it is its owner's now. */
  confirm(session: EstablishedKeys): void {
    this.#unconfirmed.remove(session);
  }

  #examine(datagram: Uint8Array, source: Source, now: number): ResponderAnswer | undefined {
    const { own, primitives } = this.#options;
    const noise = new NoiseResponder({ primitives, prologue: prologueOf(datagram), own });
    const message = datagram.subarray(INITIATION.noise, INITIATION.mac1);
    const client = noise.readStatic(message);
    if (!client || !this.#options.knows(client, source)) return undefined;
    const payload = noise.readPayload(message);
    const said = payload && decodeInitiationPayload(payload);
    if (!said || !this.#isNew(client, said.timestamp) || !this.#options.hasRoom(client)) return undefined;
    const id = Uint8Array.from(this.#options.random(CONNECTION_ID_BYTES));
    if (this.#unconfirmed.has(id)) return undefined;
    const answer = this.#response(datagram, id);
    const keys = noise.write(
      this.#options.random(KEY_BYTES),
      answer.payload,
      answer.packet.subarray(RESPONSE.noise),
    );
    if (!keys) return undefined;
    writeMac1(answer.packet, answer.packet.length - MAC_BYTES, mac1Key(client));
    const peerId = datagram.slice(4, HANDSHAKE_HEADER_BYTES);
    const session: EstablishedKeys = {
      keys: new PacketKeys({ primitives, sendKey: keys.second, receiveKey: keys.first, peerId, now }),
      ownId: id,
      peerId,
      peerStatic: client,
      peer: said.parameters,
      ...(said.replaces && { replaces: said.replaces }),
    };
    this.#unconfirmed.add(session, now);
    this.counts.responses++;
    return { answer: answer.packet, session };
  }

  /** A response without what Noise writes into it. */
  #response(initiation: Uint8Array, id: Uint8Array): { packet: Uint8Array; payload: Uint8Array } {
    const { parameters, resets } = this.#options;
    const payload = encodeResponsePayload({ id, resetToken: resets.token(id), parameters });
    const packet = new Uint8Array(RESPONSE.overheadBytes + payload.length);
    const clientId = initiation.subarray(4, HANDSHAKE_HEADER_BYTES);
    writeHandshakeHeader(packet, PACKET_KINDS.response, clientId, packet.length);
    return { packet, payload };
  }

  /** Notes the timestamp of an authentic initiation; false when it is a replay. */
  #isNew(client: Uint8Array, timestamp: number): boolean {
    const key = keyText(client);
    const newest = this.#timestamps.get(key);
    if (newest !== undefined && timestamp <= newest) return false;
    this.#timestamps.delete(key);
    this.#timestamps.set(key, timestamp);
    const [oldest] = this.#timestamps.keys();
    if (this.#timestamps.size > UDPACK_HANDSHAKE_LIMITS.TIMESTAMPS_MAX && oldest !== undefined)
      this.#timestamps.delete(oldest);
    return true;
  }
}
