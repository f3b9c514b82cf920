// What ends a key or a session by count. The real counts take years to reach, so that here they are small.

import { describe, expect, it, vi } from "vitest";
import { choosePrimitives } from "../../../../relay/udpack/crypto/choose.ts";
import { UDPACK_KEY_LIMITS } from "../../../../shared/limits.ts";
import { established, opened, sealed, viewOf } from "../parties.ts";

const PING = Uint8Array.of(1);
const primitives = choosePrimitives();

vi.mock(import("../../../../shared/limits.ts"), async (importOriginal) => {
  const limits = await importOriginal();
  const small = { PACKETS_PER_PHASE: 10, FORGERIES_MAX: 20, NUMBERS_END: 64, NUMBERS_RESERVED: 4 };
  return {
    ...limits,
    UDPACK_KEY_LIMITS: { ...limits.UDPACK_KEY_LIMITS, ...small } as typeof limits.UDPACK_KEY_LIMITS,
  };
});

describe("a session", () => {
  it("begins a new key phase after so many packets", () => {
    const { client, server } = established(primitives);
    expect(opened(client, sealed(server, PING))).toEqual(PING);
    const phases = Array.from({ length: 12 }, () => viewOf(sealed(client, PING))?.phase);
    expect(phases).toEqual([...new Array(10).fill(0), 1, 1]);
  });

  it("has to end when its numbers are nearly used up, with some left to say so", () => {
    const { client } = established(primitives);
    while (client.keys.exhausted === undefined) sealed(client, PING);
    expect(client.keys.exhausted).toBe("number_space");
    expect(client.keys.nextNumber()).toBe(60);
    for (let left = 4; left > 0; left--) sealed(client, PING);
    expect(() => sealed(client, PING)).toThrow(RangeError);
    expect(client.keys.nextNumber()).toBe(UDPACK_KEY_LIMITS.NUMBERS_END);
  });

  it("has to end after so many packets that did not open, of which replays are none", () => {
    const { client, server } = established(primitives);
    const packet = sealed(client, PING);
    const forged = sealed(client, PING);
    forged[30] = (forged[30] ?? 0) ^ 1;
    opened(server, packet);
    for (let i = 0; i < 30; i++) opened(server, packet);
    for (let i = 1; i < 20; i++) opened(server, forged);
    expect(server.keys.exhausted).toBeUndefined();
    opened(server, forged);
    expect(server.keys.exhausted).toBe("forgery");
  });
});
