// Cookies and resets: what a server does when too many ask, or when it has forgotten a session.

import { afterEach, describe, expect, it, vi } from "vitest";
import { choosePrimitives } from "../../../../relay/udpack/crypto/choose.ts";
import { INITIATION, PACKET_KINDS, RESET } from "../../../../relay/udpack/wire/packet.ts";
import { UDPACK_HANDSHAKE_LIMITS } from "../../../../shared/limits.ts";
import { connect, initiationOf, parties, SOURCE, sealed, viewOf } from "../parties.ts";

const PING = Uint8Array.of(1);
const primitives = choosePrimitives();

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a server under load", () => {
  /** 200 initiations in one second; then the next needs a cookie. */
  function underLoad(options: Parameters<typeof parties>[1] = {}) {
    const all = parties(primitives, { ...options, knows: () => false });
    const filler = initiationOf(all);
    for (let i = 0; i < UDPACK_HANDSHAKE_LIMITS.UNPROVEN_PER_SECOND; i++)
      all.responder.receive(filler, SOURCE, 0);
    return all;
  }

  it("answers with a cookie, smaller than the question, instead of computing", () => {
    const all = underLoad();
    const packet = initiationOf(all);
    const agree = vi.spyOn(primitives, "agree");
    const answer = all.responder.receive(packet, SOURCE, 0);
    expect(agree).not.toHaveBeenCalled();
    expect(answer?.session).toBeUndefined();
    expect(viewOf(answer?.answer ?? PING)?.kind).toBe(PACKET_KINDS.cookie);
    expect(answer?.answer.length).toBe(68);
  });

  it("looks at an initiation with the cookie, from the same address and port only", () => {
    const all = underLoad();
    const answer = all.responder.receive(initiationOf(all), SOURCE, 0);
    expect(answer && all.initiator.receive(answer.answer, 10)).toEqual({ cookie: true });
    expect(all.initiator.deadline()).toBe(10);
    const proven = initiationOf(all, 10);
    const before = all.responder.counts.examined;
    all.responder.receive(proven, { ...SOURCE, port: 4_001 }, 10);
    all.responder.receive(proven, { ...SOURCE, address: "192.0.2.2" }, 10);
    expect(all.responder.counts.examined).toBe(before);
    all.responder.receive(proven, SOURCE, 10);
    expect(all.responder.counts.examined).toBe(before + 1);
  });

  it("takes a cookie for two to four minutes, and a client uses it for two", () => {
    const all = underLoad();
    const answer = all.responder.receive(initiationOf(all), SOURCE, 0);
    if (answer) all.initiator.receive(answer.answer, 0);
    const isProven = (packet: Uint8Array) => packet.subarray(INITIATION.mac2).some((byte) => byte !== 0);
    const late = initiationOf(all, 119_999);
    expect([late, initiationOf(all, 120_000)].map(isProven)).toEqual([true, false]);
    const examinedAt = (now: number) => {
      for (let i = 0; i < 500; i++) all.responder.receive(initiationOf(parties(primitives)), SOURCE, now);
      const before = all.responder.counts.examined;
      all.responder.receive(late, SOURCE, now);
      return all.responder.counts.examined - before;
    };
    expect([119_999, 200_000, 400_000].map(examinedAt)).toEqual([1, 1, 0]);
  });

  it("gives one network no more than its share", () => {
    const all = underLoad();
    const answer = all.responder.receive(initiationOf(all), SOURCE, 0);
    if (answer) all.initiator.receive(answer.answer, 0);
    const proven = initiationOf(all, 0);
    const before = all.responder.counts.examined;
    for (let i = 0; i < 100; i++) expect(all.responder.receive(proven, SOURCE, 0)).toBeUndefined();
    expect(all.responder.counts.examined - before).toBe(
      UDPACK_HANDSHAKE_LIMITS.PROVEN_PER_NETWORK_PER_SECOND,
    );
  });

  it("is without load again a second or two later", () => {
    const all = underLoad();
    all.responder.receive(initiationOf(all), SOURCE, 2_000);
    expect(all.responder.counts).toMatchObject({ cookies: 0, examined: 201 });
  });

  it("cannot make a client spin: who had a cookie and gets another waits its turn", () => {
    const all = underLoad();
    const first = all.responder.receive(initiationOf(all), SOURCE, 0);
    if (first) all.initiator.receive(first.answer, 0);
    const proven = initiationOf(all, 1);
    const deadline = all.initiator.deadline();
    const elsewhere = { ...SOURCE, port: 9 };
    const second = all.responder.receive(proven, elsewhere, 1);
    expect(second && all.initiator.receive(second.answer, 2)).toEqual({ cookie: true });
    expect(all.initiator.deadline()).toBe(deadline);
    expect(second && all.initiator.receive(second.answer, 3)).toBeUndefined();
  });
});

describe("a client", () => {
  it("takes no cookie with a changed bit, nor one for another initiation", () => {
    const all = parties(primitives, { knows: () => false });
    const packets = Array.from({ length: 201 }, () => initiationOf(all));
    const answer = packets.map((packet) => all.responder.receive(packet, SOURCE, 0)).at(-1)?.answer ?? PING;
    for (let bit = 0; bit < answer.length * 8; bit++) {
      const forged = Uint8Array.from(answer);
      forged[bit >>> 3] = (forged[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      expect(all.initiator.receive(forged, 1)).toBeUndefined();
    }
    const moved = Uint8Array.from(answer);
    moved.set((packets.at(-2) ?? PING).subarray(4, 12), 4);
    expect(all.initiator.receive(moved, 1)).toBeUndefined();
    expect(all.initiator.receive(answer, 1)).toEqual({ cookie: true });
  });
});

describe("resets", () => {
  it("answer data packets only, a hundred times a second", () => {
    const all = parties(primitives);
    const data = viewOf(sealed(connect(all).client, PING));
    const first = viewOf(initiationOf(all));
    if (!data || !first) throw new Error("Cannot read the packets");
    expect(all.resets.answer(first, 0)).toBeUndefined();
    const answers = Array.from({ length: 150 }, () => all.resets.answer(data, 0)).filter((reset) => reset);
    expect(answers.length).toBe(UDPACK_HANDSHAKE_LIMITS.RESETS_PER_SECOND);
    expect(answers[0]?.length).toBe(RESET.bytes);
    const reset = viewOf(answers[0] ?? PING);
    expect(reset && all.resets.answer(reset, 5_000)).toBeUndefined();
    expect(all.resets.answer(data, 5_000)).toBeDefined();
  });
});
