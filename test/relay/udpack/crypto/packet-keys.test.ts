// Packet protection: each packet opens once, unchanged, with the right key, and keys are renewed without losing one.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PacketKeys } from "../../../../relay/udpack/crypto/packet-keys.ts";
import type { Primitives } from "../../../../relay/udpack/crypto/primitives.ts";
import type { EstablishedKeys } from "../../../../relay/udpack/handshake/established.ts";
import { UDPACK_KEY_LIMITS } from "../../../../shared/limits.ts";
import { established, LIBRARIES, opened, sealed, viewOf } from "../parties.ts";

const { OLD_KEY_MS, PHASE_MS } = UDPACK_KEY_LIMITS;
const PING = Uint8Array.of(1);

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString();
}

function phaseOf(datagram: Uint8Array): number | undefined {
  return viewOf(datagram)?.phase;
}

/** One packet each way, so that both know that the other one is there. */
function exchange(a: EstablishedKeys, b: EstablishedKeys, now: number): void {
  expect(opened(b, sealed(a, PING, now), now)).toEqual(PING);
  expect(opened(a, sealed(b, PING, now), now)).toEqual(PING);
}

describe.each(LIBRARIES)("PacketKeys by $name", (primitives: Primitives) => {
  it("open what the other side sealed, in both directions, and in any order", () => {
    const { client, server } = established(primitives);
    const packets = ["a", "b", "c"].map((word) => sealed(client, Buffer.from(word)));
    expect(packets.reverse().map((packet) => text(opened(server, packet)))).toEqual(["c", "b", "a"]);
    expect(text(opened(client, sealed(server, Buffer.from("back"))))).toBe("back");
  });

  it("open nothing twice", () => {
    const { client, server } = established(primitives);
    const packet = sealed(client, PING);
    expect(opened(server, packet)).toEqual(PING);
    expect(opened(server, packet)).toBeUndefined();
    expect(server.keys).toMatchObject({ replays: 1, forgeries: 0, newest: 0 });
  });

  it("open no packet of the own direction, and none of another session", () => {
    const { client, server } = established(primitives);
    expect(opened(client, sealed(client, PING))).toBeUndefined();
    const key = new Uint8Array(32).fill(9);
    const stranger = {
      ...client,
      keys: new PacketKeys({ primitives, sendKey: key, receiveKey: key, peerId: client.peerId, now: 0 }),
    };
    expect(opened(server, sealed(stranger, PING))).toBeUndefined();
    expect(server.keys).toMatchObject({ forgeries: 1, newest: -1 });
  });

  it("open no packet with a changed bit, and the right one after all of these", () => {
    const { client, server } = established(primitives);
    const packet = sealed(client, Buffer.from("payload"));
    for (let bit = 0; bit < packet.length * 8; bit++) {
      const forged = Uint8Array.from(packet);
      forged[bit >>> 3] = (forged[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      expect(opened(server, forged)).toBeUndefined();
    }
    expect(server.keys.newest).toBe(-1);
    expect(text(opened(server, packet))).toBe("payload");
  });

  it("never throw at bytes that are no packet", () => {
    const { server } = established(primitives);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 36, maxLength: 80 }), (bytes) => {
        bytes.set([0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, bytes.length - 19, 0, 0]);
        expect(opened(server, bytes)).toBeUndefined();
      }),
    );
  });

  it("seal on behind a number that was left out", () => {
    const { client, server } = established(primitives);
    expect(opened(server, sealed(client, PING))).toEqual(PING);
    client.keys.skipNumber();
    expect(client.keys.nextNumber()).toBe(2);
    expect(() => client.keys.sealPacket(new Uint8Array(100), 0, 5, 1, 0)).toThrow(RangeError);
    expect(opened(server, sealed(client, PING))).toEqual(PING);
    expect(server.keys.newest).toBe(2);
  });

  it("seal each number once, in order", () => {
    const { client } = established(primitives);
    const { keys } = client;
    const datagram = new Uint8Array(100);
    expect(keys.sealPacket(datagram, 10, 5, keys.nextNumber(), 0)).toBe(50);
    expect(keys.nextNumber()).toBe(1);
    for (const number of [0, 2, -1])
      expect(() => keys.sealPacket(datagram, 0, 5, number, 0)).toThrow(RangeError);
    expect(() => keys.sealPacket(datagram, 0, 0, 1, 0)).toThrow(RangeError);
    expect(() => keys.sealPacket(datagram, 0, 90, 1, 0)).toThrow(RangeError);
    expect(keys.nextNumber()).toBe(1);
  });

  it("open in place, and refuse a buffer that is too small", () => {
    const { client, server } = established(primitives);
    const packet = sealed(client, Buffer.from("payload"));
    const view = viewOf(packet);
    if (!view) throw new Error("Cannot read the packet");
    expect(server.keys.openPacket(view, new Uint8Array(6), 0)).toBe(-1);
    expect(server.keys.openPacket(view, packet.subarray(19), 0)).toBe(7);
    expect(text(packet.subarray(19, 26))).toBe("payload");
  });

  it("neither seal nor open once destroyed", () => {
    const { client, server } = established(primitives);
    const packet = sealed(client, PING);
    server.keys.destroy();
    expect(opened(server, packet)).toBeUndefined();
    const zeros = new Uint8Array(32);
    const guess = new PacketKeys({
      primitives,
      sendKey: zeros,
      receiveKey: zeros,
      peerId: server.ownId,
      now: 0,
    });
    expect(opened(server, sealed({ ...client, keys: guess }, PING))).toBeUndefined();
    expect(() => sealed(server, PING)).toThrow(RangeError);
    expect(server.keys.exhausted).toBe("number_space");
  });
});

describe.each(LIBRARIES)("the key update by $name", (primitives: Primitives) => {
  it("is begun after ten minutes, and answered with the next packet", () => {
    const { client, server } = established(primitives);
    exchange(client, server, 0);
    const early = sealed(client, PING, PHASE_MS - 1);
    const first = sealed(client, Buffer.from("first of the phase"), PHASE_MS);
    expect([phaseOf(early), phaseOf(first)]).toEqual([0, 1]);
    expect(text(opened(server, first, PHASE_MS))).toBe("first of the phase");
    const answer = sealed(server, PING, PHASE_MS);
    expect(phaseOf(answer)).toBe(1);
    expect(opened(client, answer, PHASE_MS)).toEqual(PING);
    expect([client.keys.phase, server.keys.phase]).toEqual([1, 1]);
  });

  it("loses no packet that was overtaken", () => {
    const { client, server } = established(primitives);
    exchange(client, server, 0);
    const old = [sealed(client, Buffer.from("old 1"), 0), sealed(client, Buffer.from("old 2"), 0)] as const;
    const next = [
      sealed(client, Buffer.from("new 1"), PHASE_MS),
      sealed(client, Buffer.from("new 2"), PHASE_MS),
    ] as const;
    const now = PHASE_MS + OLD_KEY_MS - 1;
    const order = [next[1], old[1], next[0], old[0]];
    expect(order.map((packet) => text(opened(server, packet, now - OLD_KEY_MS + 1)))).toEqual([
      "new 2",
      "old 2",
      "new 1",
      "old 1",
    ]);
  });

  it("forgets the old key after a while", () => {
    const { client, server } = established(primitives);
    exchange(client, server, 0);
    const old = [sealed(client, PING, 0), sealed(client, PING, 0)] as const;
    expect(opened(server, sealed(client, PING, PHASE_MS), PHASE_MS)).toEqual(PING);
    expect(opened(server, old[0], PHASE_MS + OLD_KEY_MS - 1)).toEqual(PING);
    expect(opened(server, old[1], PHASE_MS + OLD_KEY_MS)).toBeUndefined();
  });

  it("is not begun before anything was heard, nor again before it was answered", () => {
    const { client, server } = established(primitives);
    expect(phaseOf(sealed(client, PING, PHASE_MS))).toBe(0);
    exchange(client, server, 0);
    for (const times of [2, 3, 9]) expect(phaseOf(sealed(client, PING, times * PHASE_MS))).toBe(1);
  });

  it("is understood by a side that missed a whole phase of the other", () => {
    const { client, server } = established(primitives);
    exchange(client, server, 0);
    expect(opened(server, sealed(client, PING, PHASE_MS), PHASE_MS)).toEqual(PING);
    const lost = sealed(server, Buffer.from("overtaken"), PHASE_MS);
    const next = sealed(server, Buffer.from("next"), 2 * PHASE_MS);
    expect([phaseOf(lost), phaseOf(next)]).toEqual([1, 2]);
    expect(text(opened(client, next, 2 * PHASE_MS))).toBe("next");
    expect(text(opened(client, lost, 2 * PHASE_MS))).toBe("overtaken");
    exchange(client, server, 2 * PHASE_MS);
    expect([client.keys.phase, server.keys.phase]).toEqual([2, 2]);
  });

  it("works when both sides begin at once", () => {
    const { client, server } = established(primitives);
    exchange(client, server, 0);
    const crossing = [sealed(client, PING, PHASE_MS), sealed(server, PING, PHASE_MS)] as const;
    expect(opened(server, crossing[0], PHASE_MS)).toEqual(PING);
    expect(opened(client, crossing[1], PHASE_MS)).toEqual(PING);
    exchange(client, server, PHASE_MS);
    expect([client.keys.phase, server.keys.phase]).toEqual([1, 1]);
  });

  it("is not caused by forged packets, which change nothing", () => {
    const { client, server } = established(primitives);
    exchange(client, server, 0);
    const forged = sealed(client, PING, 0);
    forged[0] = 0x41;
    expect(opened(server, forged)).toBeUndefined();
    exchange(client, server, 1);
    expect(server.keys.phase).toBe(0);
  });

  it("goes on for many phases over a path that reorders and loses", () => {
    const { client, server } = established(primitives);
    exchange(client, server, 0);
    for (let phase = 1; phase <= 9; phase++) {
      const now = phase * PHASE_MS;
      const lost = sealed(client, PING, now);
      const packets = [1, 2, 3].map((n) => sealed(client, Uint8Array.of(phase, n), now));
      expect(lost.length).toBe(36);
      for (const [i, n] of [2, 0, 1].entries())
        expect(opened(server, packets[n] ?? lost, now)).toEqual(Uint8Array.of(phase, [3, 1, 2][i] ?? 0));
      expect(opened(client, sealed(server, PING, now), now)).toEqual(PING);
      expect([client.keys.phase, server.keys.phase]).toEqual([phase, phase]);
    }
    expect([client.keys.forgeries, server.keys.forgeries]).toEqual([0, 0]);
  });
});
