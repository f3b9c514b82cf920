// The exchange whose packets are in packets.ts: what happens with the keys, random bytes and times of parties.ts.

import { CookieJar } from "../../../../relay/udpack/crypto/cookies.ts";
import type { Primitives } from "../../../../relay/udpack/crypto/primitives.ts";
import type { EstablishedKeys } from "../../../../relay/udpack/handshake/established.ts";
import { UDPACK_KEY_LIMITS } from "../../../../shared/limits.ts";
import { countingRandom, hexOf, opened, parties, SOURCE, sealed, viewOf, WALL_MS } from "../parties.ts";
import type { GoldenName } from "./packets.ts";

const { PHASE_MS } = UDPACK_KEY_LIMITS;

/** STREAM 4, offset 0, "hello". */
export const STREAM_FRAME = Uint8Array.from([
  0x10,
  0,
  0,
  0,
  4,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  5,
  ...Buffer.from("hello"),
]);
export const PING_FRAME = Uint8Array.of(1);

/** All packets as hex. @throws when one is not understood by its receiver */
export function exchange(primitives: Primitives): Record<GoldenName, string> {
  const { clientRandom, initiator, resets, responder, server } = parties(primitives);
  const initiation = initiator.start(0, clientRandom, WALL_MS);
  const jar = new CookieJar({ primitives, serverPublic: server.public, random: countingRandom(0x40) });
  const cookie = jar.answer(initiation, `${SOURCE.address} ${SOURCE.port}`, 0);
  if (!initiator.receive(cookie, 0)) throw new Error("Cannot read the cookie");
  const proven = initiator.start(0, clientRandom, WALL_MS);
  const answer = responder.receive(proven, SOURCE, 0);
  const event = answer && initiator.receive(answer.answer, 0);
  if (!answer?.session || !event || !("session" in event)) throw new Error("Cannot shake hands");
  const toServer = [event.session, answer.session] as const;
  const toClient = [answer.session, event.session] as const;
  const first = carry(toServer, STREAM_FRAME, 0);
  const back = carry(toClient, PING_FRAME, 0);
  const updated = carry(toServer, PING_FRAME, PHASE_MS);
  const view = viewOf(first);
  const reset = view && resets.answer(view, 0);
  if (!reset) throw new Error("Cannot make a reset");
  const packets = { initiation, cookie, proven, response: answer.answer, first, back, updated, reset };
  return Object.fromEntries(Object.entries(packets).map(([name, packet]) => [name, hexOf(packet)])) as Record<
    GoldenName,
    string
  >;
}

function carry(
  [from, to]: readonly [EstablishedKeys, EstablishedKeys],
  frames: Uint8Array,
  now: number,
): Uint8Array {
  const datagram = sealed(from, frames, now);
  if (!opened(to, datagram, now)) throw new Error("Cannot open the packet");
  return datagram;
}
