// The handshake between both machines: who gets a session, what it holds, and what a client believes.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isResetOf } from "../../../../relay/udpack/crypto/reset.ts";
import type { Initiator } from "../../../../relay/udpack/handshake/initiator.ts";
import { Timestamps } from "../../../../relay/udpack/handshake/timestamps.ts";
import {
  CLIENT_PARAMETERS,
  LIBRARIES,
  opened,
  parties,
  SERVER_PARAMETERS,
  SOURCE,
  sealed,
  viewOf,
  WALL_MS,
} from "../parties.ts";

const PING = Uint8Array.of(1);

describe.each(LIBRARIES)("the handshake by $name", (primitives) => {
  function handshake(options: Parameters<typeof parties>[1] = {}) {
    const all = parties(primitives, options);
    const initiation = all.initiator.start(0, all.clientRandom, WALL_MS);
    const answer = all.responder.receive(initiation, SOURCE, 0);
    return { ...all, initiation, answer };
  }

  function sessionOf(initiator: Initiator, datagram: Uint8Array | undefined, now = 0) {
    const event = datagram && initiator.receive(datagram, now);
    return event && "session" in event ? event.session : undefined;
  }

  it("gives both sides keys, ids and what the other one said", () => {
    const replaces = new Uint8Array(8).fill(7);
    const { answer, client, initiation, initiator, server } = handshake({ replaces });
    const atServer = answer?.session;
    const atClient = sessionOf(initiator, answer?.answer);
    if (!atServer || !atClient) throw new Error("Cannot shake hands");
    expect(initiation.length).toBe(1_200);
    expect(answer.answer.length).toBeLessThan(200);
    expect(atClient).toMatchObject({
      peer: SERVER_PARAMETERS,
      peerStatic: server.public,
      peerId: atServer.ownId,
    });
    expect(atServer).toMatchObject({
      peer: CLIENT_PARAMETERS,
      peerStatic: client.public,
      peerId: atClient.ownId,
      replaces,
    });
    expect(opened(atServer, sealed(atClient, PING))).toEqual(PING);
    expect(opened(atClient, sealed(atServer, PING))).toEqual(PING);
    expect(initiator.deadline()).toBe(Number.POSITIVE_INFINITY);
  });

  it("hands the client a token by which it knows a reset of the session", () => {
    const { answer, initiator, resets } = handshake();
    const session = sessionOf(initiator, answer?.answer);
    const packet = session && viewOf(sealed(session, PING));
    const reset = packet && resets.answer(packet, 0);
    const view = reset && viewOf(reset);
    if (!session?.resetToken || !view) throw new Error("Cannot shake hands");
    expect(isResetOf(view, session.peerId, session.resetToken)).toBe(true);
    expect(isResetOf(view, session.ownId, session.resetToken)).toBe(false);
    for (let i = 9; i < 25; i++) {
      const forged = Uint8Array.from(reset);
      forged[i] = (forged[i] ?? 0) ^ 1;
      const forgedView = viewOf(forged);
      expect(forgedView && isResetOf(forgedView, session.peerId, session.resetToken)).toBe(false);
    }
  });

  it("repeats the initiation, never the same one, after 250 ms, 500 ms, 1 s and then every 2 s", () => {
    const { clientRandom, initiator } = parties(primitives);
    const seen = new Set<string>();
    const waits: number[] = [];
    for (let now = 0; waits.length < 6; now = initiator.deadline()) {
      seen.add(Buffer.from(initiator.start(now, clientRandom, WALL_MS)).toString("latin1"));
      waits.push(initiator.deadline() - now);
    }
    expect(waits).toEqual([250, 500, 1_000, 2_000, 2_000, 2_000]);
    expect(seen.size).toBe(6);
  });

  it("takes the answer to any initiation of the last 10 s, and none after that", () => {
    const { clientRandom, initiator, responder } = parties(primitives);
    const first = responder.receive(initiator.start(0, clientRandom, WALL_MS), SOURCE, 0);
    const second = responder.receive(initiator.start(250, clientRandom, WALL_MS), SOURCE, 250);
    expect(sessionOf(initiator, first?.answer, 10_000)).toBeUndefined();
    expect(sessionOf(initiator, second?.answer, 10_000)).toBeDefined();
  });

  it("takes one answer", () => {
    const { clientRandom, initiator, responder } = parties(primitives);
    const answers = [0, 250].map((now) =>
      responder.receive(initiator.start(now, clientRandom, WALL_MS), SOURCE, now),
    );
    expect(answers.map((answer) => sessionOf(initiator, answer?.answer, 300) !== undefined)).toEqual([
      true,
      false,
    ]);
  });

  it("takes no answer with a changed bit, and the right one after these", () => {
    const { answer, initiator } = handshake();
    const right = answer?.answer ?? PING;
    fc.assert(
      fc.property(fc.nat(right.length * 8 - 1), (bit) => {
        const forged = Uint8Array.from(right);
        forged[bit >>> 3] = (forged[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
        expect(initiator.receive(forged, 1)).toBeUndefined();
      }),
      { numRuns: 200 },
    );
    expect(sessionOf(initiator, right, 2)).toBeDefined();
  });

  it("takes no answer that was made for another client's initiation", () => {
    const first = handshake();
    const second = parties(primitives, { clientByte: 3 });
    const other = second.responder.receive(
      second.initiator.start(0, second.clientRandom, WALL_MS),
      SOURCE,
      0,
    );
    expect(sessionOf(first.initiator, other?.answer)).toBeUndefined();
  });

  it("never throws at a client", () => {
    const { initiation, initiator } = handshake();
    fc.assert(
      fc.property(
        fc.constantFrom(0x20, 0x30, 0x40, 0x50),
        fc.uint8Array({ maxLength: 200 }),
        (flags, bytes) => {
          bytes.set([flags, 1, 0, flags === 0x20 ? bytes.length : 0].slice(0, bytes.length));
          if (bytes.length >= 12) bytes.set(initiation.subarray(4, 12), 4);
          expect(initiator.receive(bytes, 0)).toBeUndefined();
        },
      ),
    );
  });
});

describe("Timestamps", () => {
  it("grow when the clock stands still or goes back", () => {
    const timestamps = new Timestamps();
    expect([5, 5, 4, 6].map((ms) => timestamps.next(ms))).toEqual([5_000, 5_001, 5_002, 6_000]);
  });
});
