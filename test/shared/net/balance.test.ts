import { describe, expect, it } from "vitest";
import { type BalanceInput, chooseUpstream } from "../../../shared/net/balance.ts";

function choose(input: Partial<BalanceInput>): number {
  return chooseUpstream({
    policy: "random",
    weights: [1, 1, 1],
    avoid: new Set(),
    random: 0,
    turn: 0,
    clientIp: "192.0.2.1",
    ...input,
  });
}

const ADDRESSES = Array.from({ length: 300 }, (_, i) => `192.0.2.${i}`);

describe("chooseUpstream", () => {
  it("random: spreads evenly", () => {
    expect([0, 0.34, 0.67, 0.999].map((random) => choose({ random }))).toEqual([0, 1, 2, 2]);
  });

  it("weighted: gives each its share", () => {
    const picks = [0, 0.09, 0.11, 0.69, 0.71, 0.999].map((random) =>
      choose({ policy: "weighted", weights: [1, 6, 3], random }),
    );
    expect(picks).toEqual([0, 0, 1, 1, 2, 2]);
  });

  it("round_robin: takes turns, and the next one stands in", () => {
    expect([0, 1, 2, 3].map((turn) => choose({ policy: "round_robin", turn }))).toEqual([0, 1, 2, 0]);
    expect(choose({ policy: "round_robin", turn: 1, avoid: new Set([1]) })).toBe(2);
    expect(choose({ policy: "round_robin", turn: 2, avoid: new Set([2]) })).toBe(0);
  });

  it("first: stays with the first that is not avoided", () => {
    expect(choose({ policy: "first", random: 0.9 })).toBe(0);
    expect(choose({ policy: "first", avoid: new Set([0, 1]) })).toBe(2);
  });

  it("ip_hash: keeps a client where it is and uses every upstream", () => {
    const picks = ADDRESSES.map((clientIp) => choose({ policy: "ip_hash", clientIp }));
    expect(picks).toEqual(ADDRESSES.map((clientIp) => choose({ policy: "ip_hash", clientIp, random: 0.5 })));
    for (const index of [0, 1, 2]) expect(picks.filter((pick) => pick === index).length).toBeGreaterThan(60);
  });

  it("ip_hash: moves only the clients of an avoided upstream", () => {
    for (const clientIp of ADDRESSES) {
      const before = choose({ policy: "ip_hash", clientIp });
      const after = choose({ policy: "ip_hash", clientIp, avoid: new Set([1]) });
      if (before === 1) expect(after).not.toBe(1);
      else expect(after).toBe(before);
    }
  });

  it("takes an avoided upstream when there is no other", () => {
    const avoid = new Set([0, 1, 2]);
    for (const policy of ["random", "weighted", "round_robin", "first", "ip_hash"] as const)
      expect([0, 1, 2]).toContain(choose({ policy, avoid }));
  });
});
