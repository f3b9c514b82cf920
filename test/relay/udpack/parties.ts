// Two parties of a handshake with keys, random bytes and times that are the same in every run.

import { choosePrimitives } from "../../../relay/udpack/crypto/choose.ts";
import { keyPairOf } from "../../../relay/udpack/crypto/keys.ts";
import { nodePrimitives } from "../../../relay/udpack/crypto/node-primitives.ts";
import { DEFAULT_PARAMETERS } from "../../../relay/udpack/crypto/params.ts";
import type { Primitives, RandomBytes } from "../../../relay/udpack/crypto/primitives.ts";
import { Resets } from "../../../relay/udpack/crypto/reset.ts";
import type { EstablishedKeys } from "../../../relay/udpack/handshake/established.ts";
import { Initiator } from "../../../relay/udpack/handshake/initiator.ts";
import { Responder } from "../../../relay/udpack/handshake/responder.ts";
import { Timestamps } from "../../../relay/udpack/handshake/timestamps.ts";
import {
  DATA_HEADER_BYTES,
  DATA_OVERHEAD_BYTES,
  PacketView,
  readPacket,
} from "../../../relay/udpack/wire/packet.ts";

/** Both libraries; where sodium-native has no binary there is only one. */
export const LIBRARIES: readonly Primitives[] = [...new Set([nodePrimitives, choosePrimitives()])];

export const SOURCE = { address: "192.0.2.1", port: 4_000 };
/** 2026-01-01T00:00:00Z. */
export const WALL_MS = 1_767_225_600_000;

export const CLIENT_PARAMETERS = { ...DEFAULT_PARAMETERS, maxData: 262_144, maxStreams: 0 };
export const SERVER_PARAMETERS = {
  ...DEFAULT_PARAMETERS,
  maxData: 524_288,
  maxStreams: 1_000,
  maxDatagram: 1_472,
};

/** Bytes that count on from `first`, never the same twice in a row. */
export function countingRandom(first: number): RandomBytes {
  let next = first;
  return (bytes) => Uint8Array.from({ length: bytes }, () => next++);
}

export function keyOf(primitives: Primitives, byte: number) {
  return keyPairOf(primitives, new Uint8Array(32).fill(byte));
}

/** A client, a server that knows it, and their randomness. */
export function parties(primitives: Primitives, options: Partial<Pairing> = {}) {
  const client = keyOf(primitives, options.clientByte ?? 1);
  const server = keyOf(primitives, 2);
  const clientRandom = countingRandom(0x10);
  const resets = new Resets(server.secret);
  const responder = new Responder({
    primitives,
    own: server,
    parameters: SERVER_PARAMETERS,
    random: options.serverRandom ?? countingRandom(0x80),
    resets,
    knows: options.knows ?? (() => true),
    hasRoom: options.hasRoom ?? (() => true),
  });
  const initiator = new Initiator({
    primitives,
    own: client,
    serverPublic: server.public,
    parameters: CLIENT_PARAMETERS,
    timestamps: options.timestamps ?? new Timestamps(),
    replaces: options.replaces,
  });
  return { client, server, resets, responder, initiator, clientRandom };
}

type Parties = ReturnType<typeof parties>;

interface Pairing {
  readonly clientByte: number;
  readonly serverRandom: RandomBytes;
  readonly timestamps: Timestamps;
  readonly replaces: Uint8Array;
  knows(key: Uint8Array): boolean;
  hasRoom(key: Uint8Array): boolean;
}

/** The next initiation of a client. */
export function initiationOf(all: Pick<Parties, "initiator" | "clientRandom">, now = 0): Uint8Array {
  return all.initiator.start(now, all.clientRandom, WALL_MS + now);
}

/** Both ends of a session that is not confirmed yet. @throws when there is none */
export function connect(all: Parties, now = 0): { client: EstablishedKeys; server: EstablishedKeys } {
  const answer = all.responder.receive(initiationOf(all, now), SOURCE, now);
  const event = answer && all.initiator.receive(answer.answer, now);
  if (!answer?.session || !event || !("session" in event)) throw new Error("Cannot shake hands");
  return { client: event.session, server: answer.session };
}

/** A whole handshake; the server's session is confirmed. */
export function established(primitives: Primitives): { client: EstablishedKeys; server: EstablishedKeys } {
  const all = parties(primitives);
  const sessions = connect(all);
  all.responder.confirm(sessions.server);
  return sessions;
}

/** A sealed datagram of one packet. */
export function sealed({ keys }: EstablishedKeys, payload: Uint8Array, now = 0): Uint8Array {
  const datagram = new Uint8Array(payload.length + DATA_OVERHEAD_BYTES);
  datagram.set(payload, DATA_HEADER_BYTES);
  keys.sealPacket(datagram, 0, payload.length, keys.nextNumber(), now);
  return datagram;
}

/** What the first packet of a datagram holds; undefined when it does not open. */
export function opened({ keys }: EstablishedKeys, datagram: Uint8Array, now = 0): Uint8Array | undefined {
  const packet = viewOf(datagram);
  const into = new Uint8Array(65_536);
  const length = packet ? keys.openPacket(packet, into, now) : -1;
  return length < 0 ? undefined : into.slice(0, length);
}

/** A view of the first packet of a datagram. */
export function viewOf(datagram: Uint8Array): PacketView | undefined {
  const view = new PacketView();
  return readPacket(datagram, 0, view) ? view : undefined;
}

export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "hex"));
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
