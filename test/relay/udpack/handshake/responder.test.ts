// Whom a server answers, and what strangers can make it do: nothing.

import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { choosePrimitives } from "../../../../relay/udpack/crypto/choose.ts";
import { keyText } from "../../../../relay/udpack/crypto/keys.ts";
import { mac1Key, writeMac1 } from "../../../../relay/udpack/crypto/macs.ts";
import { Timestamps } from "../../../../relay/udpack/handshake/timestamps.ts";
import { INITIATION } from "../../../../relay/udpack/wire/packet.ts";
import { UDPACK_HANDSHAKE_LIMITS } from "../../../../shared/limits.ts";
import {
  connect,
  countingRandom,
  initiationOf,
  keyOf,
  opened,
  parties,
  SOURCE,
  sealed,
  viewOf,
} from "../parties.ts";

const PING = Uint8Array.of(1);
const primitives = choosePrimitives();

afterEach(() => {
  vi.restoreAllMocks();
});

describe("Responder", () => {
  it("computes no X25519 for an initiation without the right mac 1", () => {
    const all = parties(primitives);
    const right = initiationOf(all);
    const agree = vi.spyOn(primitives, "agree");
    fc.assert(
      fc.property(fc.nat(INITIATION.mac2 * 8 - 1), (bit) => {
        const forged = Uint8Array.from(right);
        forged[bit >>> 3] = (forged[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
        expect(all.responder.receive(forged, SOURCE, 0)).toBeUndefined();
      }),
      { numRuns: 500 },
    );
    expect(agree).not.toHaveBeenCalled();
    expect(all.responder.receive(right, SOURCE, 0)).toBeDefined();
  });

  it("takes an initiation once, and none that is older than the newest of its key", () => {
    const all = parties(primitives);
    const [older, newer] = [initiationOf(all, 0), initiationOf(all, 250)] as const;
    expect(all.responder.receive(newer, SOURCE, 0)).toBeDefined();
    expect(all.responder.receive(newer, SOURCE, 1)).toBeUndefined();
    expect(all.responder.receive(older, SOURCE, 2)).toBeUndefined();
    expect(all.responder.counts.responses).toBe(1);
  });

  it("is silent to keys that it does not know, after one X25519", () => {
    const known = keyText(keyOf(primitives, 1).public);
    const knows = (key: Uint8Array) => keyText(key) === known;
    const stranger = parties(primitives, { clientByte: 5, knows });
    const packet = initiationOf(stranger);
    const agree = vi.spyOn(primitives, "agree");
    expect(stranger.responder.receive(packet, SOURCE, 0)).toBeUndefined();
    expect(agree).toHaveBeenCalledTimes(1);
    expect(
      parties(primitives, { knows }).responder.receive(initiationOf(parties(primitives)), SOURCE, 0),
    ).toBeDefined();
  });

  it("is silent where there is no room for the client", () => {
    const all = parties(primitives, { hasRoom: () => false });
    expect(all.responder.receive(initiationOf(all), SOURCE, 0)).toBeUndefined();
    expect(all.responder.unconfirmed).toBe(0);
  });

  it("does not let one client speak for another: the payload proves the key", () => {
    const victim = keyOf(primitives, 1);
    const all = parties(primitives, { clientByte: 5 });
    const packet = initiationOf(all);
    // An attacker who knows both public keys can make mac 1, but nothing behind it.
    packet.set(initiationOf(parties(primitives)).subarray(12, 92), 12);
    writeMac1(packet, INITIATION.mac1, mac1Key(all.server.public));
    expect(all.responder.receive(packet, SOURCE, 0)).toBeUndefined();
    expect(all.responder.counts.examined).toBe(1);
    expect(victim.public).not.toEqual(all.client.public);
  });

  it("never throws", () => {
    const all = parties(primitives);
    const key = mac1Key(all.server.public);
    const right = initiationOf(all);
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 1_100 }),
        fc.nat(1_100),
        fc.boolean(),
        (bytes, at, isMarked) => {
          const packet = Uint8Array.from(right);
          packet.set(
            bytes.subarray(0, INITIATION.mac1 - 12),
            12 + (at % (INITIATION.mac1 - 11 - Math.min(bytes.length, 1_100))),
          );
          if (isMarked) writeMac1(packet, INITIATION.mac1, key);
          // What is overwritten by itself is the client's own.
          if (Buffer.compare(packet, right) !== 0) all.responder.receive(packet, SOURCE, at);
          all.responder.receive(bytes, SOURCE, at);
        },
      ),
      { numRuns: 200 },
    );
    expect(all.responder.counts.responses).toBe(0);
  });
});

describe("unconfirmed sessions", () => {
  it("are found by the connection id of a data packet until they are confirmed", () => {
    const all = parties(primitives);
    const { client, server } = connect(all);
    const packet = viewOf(sealed(client, PING));
    if (!packet) throw new Error("Cannot read the packet");
    expect(all.responder.pending(packet, 1)).toBe(server);
    all.responder.confirm(server);
    expect(all.responder.pending(packet, 1)).toBeUndefined();
    expect(all.responder.unconfirmed).toBe(0);
  });

  it("are eight per key: the oldest goes, and its keys with it", () => {
    const all = parties(primitives);
    const timestamps = new Timestamps();
    const sessions = Array.from({ length: 9 }, (_, i) =>
      connect(
        {
          ...parties(primitives, { timestamps }),
          responder: all.responder,
          clientRandom: countingRandom(i * 50),
        },
        i,
      ),
    );
    const found = sessions.map(({ client }) => {
      const packet = viewOf(sealed(client, PING));
      return packet !== undefined && all.responder.pending(packet, 10) !== undefined;
    });
    expect(found).toEqual([false, ...new Array(8).fill(true)]);
    const first = sessions[0];
    expect(first && opened(first.server, sealed(first.client, PING))).toBeUndefined();
  });

  it("are 64 in all", () => {
    const all = parties(primitives, {
      serverRandom: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
    });
    for (let byte = 10; byte < 90; byte++) {
      const other = parties(primitives, { clientByte: byte });
      connect({ ...other, responder: all.responder });
    }
    expect(all.responder.unconfirmed).toBe(UDPACK_HANDSHAKE_LIMITS.UNCONFIRMED_MAX);
  });

  it("of a client stay when a few others take all the room", () => {
    const all = parties(primitives, {
      serverRandom: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
    });
    const quiet = viewOf(sealed(connect(all).client, PING));
    for (let byte = 10; byte < 20; byte++) {
      const timestamps = new Timestamps();
      for (let i = 0; i < 8; i++)
        connect({ ...parties(primitives, { clientByte: byte, timestamps }), responder: all.responder }, i);
    }
    expect(all.responder.unconfirmed).toBe(UDPACK_HANDSHAKE_LIMITS.UNCONFIRMED_MAX);
    expect(quiet && all.responder.pending(quiet, 10)).toBeDefined();
  });

  it("are forgotten after 30 s", () => {
    const all = parties(primitives);
    const packet = viewOf(sealed(connect(all).client, PING));
    if (!packet) throw new Error("Cannot read the packet");
    expect(all.responder.pending(packet, 29_999)).toBeDefined();
    expect(all.responder.pending(packet, 30_000)).toBeUndefined();
  });
});
