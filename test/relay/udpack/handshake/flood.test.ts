// Hundreds of thousands of hostile packets to the pure machines: nothing of them changes anything, and what they cost is
// counted, not timed. (endpoint/hostile.test.ts sends the others through sockets.)

import { afterEach, describe, expect, it, vi } from "vitest";
import { choosePrimitives } from "../../../../relay/udpack/crypto/choose.ts";
import { mac1Key, writeMac1 } from "../../../../relay/udpack/crypto/macs.ts";
import { isResetOf } from "../../../../relay/udpack/crypto/reset.ts";
import { INITIATION, PACKET_KINDS, PacketView, readPacket } from "../../../../relay/udpack/wire/packet.ts";
import { UDPACK_HANDSHAKE_LIMITS } from "../../../../shared/limits.ts";
import { connect, established, initiationOf, opened, parties, SOURCE, sealed, viewOf } from "../parties.ts";

const PING = Uint8Array.of(1);
const primitives = choosePrimitives();
/** Time of a flood: so many packets a millisecond. */
const PER_MS = 100;

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a server that is flooded", () => {
  it("computes no X25519 for 300,000 initiations of strangers, and knows a client afterwards", () => {
    const all = parties(primitives);
    const right = initiationOf(all);
    const forged = Uint8Array.from(right);
    const agree = vi.spyOn(primitives, "agree");
    for (let i = 0; i < 300_000; i++) {
      forged[12 + (i % 1_000)] = i;
      forged[INITIATION.mac1] = (right[INITIATION.mac1] ?? 0) ^ (1 + (i % 255));
      if (all.responder.receive(forged, SOURCE, i / PER_MS) !== undefined)
        throw new Error(`Answered forgery ${i}`);
    }
    expect(agree).not.toHaveBeenCalled();
    expect(all.responder.counts).toEqual({ refused: 300_000, cookies: 0, examined: 0, responses: 0 });
    expect(all.responder.unconfirmed).toBe(0);
    expect(all.responder.receive(right, SOURCE, 3_001)?.session).toBeDefined();
  });

  it("examines 200 a second of 60,000 by those who know its public key; a client gets in by its cookie", () => {
    const all = parties(primitives);
    const replayed = initiationOf(parties(primitives));
    all.responder.receive(replayed, SOURCE, 0);
    const key = mac1Key(all.server.public);
    const forged = Array.from({ length: 100 }, (_, n) => {
      const packet = Uint8Array.from(replayed);
      packet.fill(n + 1, 12, 60);
      writeMac1(packet, INITIATION.mac1, key);
      return packet;
    });
    const agree = vi.spyOn(primitives, "agree");
    let largest = 0;
    for (let i = 0; i < 60_000; i++) {
      const source = { address: `192.0.2.${i % 256}`, port: 1 + (i % 60_000) };
      const packet = i % 3 === 0 ? replayed : (forged[i % 100] ?? replayed);
      const answer = all.responder.receive(packet, source, i / PER_MS);
      if (answer?.session) throw new Error(`A session by forgery ${i}`);
      largest = Math.max(largest, answer?.answer.length ?? 0);
    }
    expect(largest).toBe(68);
    // The second that has begun counts in part; a replay costs two agreements, noise one.
    const examined = all.responder.counts.examined;
    expect(examined).toBeLessThanOrEqual(3 * UDPACK_HANDSHAKE_LIMITS.UNPROVEN_PER_SECOND);
    expect(agree.mock.calls.length).toBeLessThanOrEqual(2 * examined);
    const now = 1_000;
    const cookie = all.responder.receive(initiationOf(all, now), SOURCE, now);
    expect(cookie?.session).toBeUndefined();
    expect(cookie && all.initiator.receive(cookie.answer, now)).toEqual({ cookie: true });
    const session = all.responder.receive(initiationOf(all, now), SOURCE, now)?.session;
    expect(session).toBeDefined();
  });
});

describe("a session that is flooded", () => {
  it("opens none of 300,000 packets that were changed, replayed, cut or forged, and goes on", () => {
    const { client, server } = established(primitives);
    const seen = Array.from({ length: 300 }, (_, n) =>
      sealed(client, new Uint8Array(1 + ((n * 37) % 300)).fill(1)),
    );
    for (const packet of seen) expect(opened(server, packet)).toBeDefined();
    const fresh = Array.from({ length: 100 }, () => sealed(client, PING));
    const { newest, phase } = server.keys;
    const view = new PacketView();
    const into = new Uint8Array(2_000);
    for (let i = 0; i < 300_000; i++) {
      const packet = Uint8Array.from((i % 2 === 0 ? seen : fresh)[(i >>> 1) % 100] ?? PING);
      // Half of the replayed ones stay as they are; the fresh ones always lose a bit, which may be the phase's.
      if (i % 4 !== 0) {
        const bit = i % (packet.length * 8);
        packet[bit >>> 3] = (packet[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      }
      const cut = i % 5 === 0 ? packet.subarray(0, i % packet.length) : packet;
      if (!readPacket(cut, 0, view) || view.kind !== PACKET_KINDS.data) continue;
      if (server.keys.openPacket(view, into, 1) >= 0) throw new Error(`Opened packet ${i}`);
    }
    expect(server.keys.newest).toBe(newest);
    expect(server.keys.phase).toBe(phase);
    expect(server.keys.forgeries).toBeGreaterThan(50_000);
    expect(server.keys.replays).toBeGreaterThan(50_000);
    for (const packet of fresh) expect(opened(server, packet)).toEqual(PING);
  });

  it("is ended by none of 50,000 resets, and its client believes none of 50,000 responses and cookies", () => {
    const all = parties(primitives);
    const { client } = connect(all);
    const token = client.resetToken ?? PING;
    const reset = Uint8Array.of(PACKET_KINDS.reset << 4, ...client.peerId, ...token);
    const real = viewOf(Uint8Array.from(reset));
    expect(real && isResetOf(real, client.peerId, token)).toBe(true);
    for (let i = 0; i < 50_000; i++) {
      reset.set(token, 9);
      reset[9 + (i % 16)] = (token[i % 16] ?? 0) ^ (1 + ((i >>> 4) % 255));
      const view = viewOf(reset);
      if (!view || isResetOf(view, client.peerId, token)) throw new Error(`Believed reset ${i}`);
    }
    const asking = parties(primitives);
    const initiation = initiationOf(asking);
    const answer = asking.responder.receive(initiation, SOURCE, 0)?.answer ?? PING;
    const agree = vi.spyOn(primitives, "agree");
    for (let i = 0; i < 50_000; i++) {
      const forged = Uint8Array.from(answer);
      const bit = 96 + (i % ((answer.length - 12) * 8));
      forged[bit >>> 3] = (forged[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      if (asking.initiator.receive(forged, 1) !== undefined) throw new Error(`Believed response ${i}`);
    }
    expect(agree).not.toHaveBeenCalled();
    expect(asking.initiator.receive(answer, 1)).toHaveProperty("session");
  });
});
