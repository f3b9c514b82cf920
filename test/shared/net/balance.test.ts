import { describe, expect, it } from "vitest";
import { type BalanceInput, type BalancePolicy, chooseUpstream } from "../../../shared/net/balance.ts";

function choose(input: Partial<BalanceInput>): number {
  return chooseUpstream({
    policy: "random",
    candidates: [0, 1, 2],
    weights: [1, 1, 1],
    seeds: [11, 22, 33],
    random: 0,
    turn: 0,
    clientIp: "192.0.2.1",
    load: () => 0,
    affine: undefined,
    ...input,
  });
}

const ADDRESSES = Array.from({ length: 300 }, (_, i) => `192.0.2.${i}`);
const POLICIES: readonly BalancePolicy[] = [
  "random",
  "weighted",
  "round_robin",
  "first",
  "ip_hash",
  "cookie",
  "least_conn",
];

describe("chooseUpstream", () => {
  it.each(POLICIES)("%s: takes candidates only", (policy) => {
    for (const random of [0, 0.5, 0.999]) {
      for (const turn of [0, 1, 2, 3])
        expect([1, 2]).toContain(choose({ policy, candidates: [1, 2], random, turn, affine: 0 }));
      expect(choose({ policy, candidates: [2], random })).toBe(2);
    }
  });

  it("random: spreads evenly", () => {
    expect([0, 0.34, 0.67, 0.999].map((random) => choose({ random }))).toEqual([0, 1, 2, 2]);
  });

  it("weighted: gives each its share, of what is left where one is left out", () => {
    const input = { policy: "weighted", weights: [1, 6, 3] } as const;
    expect([0, 0.09, 0.11, 0.69, 0.71, 0.999].map((random) => choose({ ...input, random }))).toEqual([
      0, 0, 1, 1, 2, 2,
    ]);
    expect([0.24, 0.26].map((random) => choose({ ...input, candidates: [0, 2], random }))).toEqual([0, 2]);
  });

  it("round_robin: takes turns, and the next one stands in", () => {
    expect([0, 1, 2, 3].map((turn) => choose({ policy: "round_robin", turn }))).toEqual([0, 1, 2, 0]);
    expect(choose({ policy: "round_robin", turn: 1, candidates: [0, 2] })).toBe(2);
    expect(choose({ policy: "round_robin", turn: 2, candidates: [0, 1] })).toBe(0);
  });

  it("first: stays with the first candidate", () => {
    expect(choose({ policy: "first", random: 0.9 })).toBe(0);
    expect(choose({ policy: "first", candidates: [1, 2], random: 0.9 })).toBe(1);
  });

  it("ip_hash: keeps a client where it is and uses every upstream", () => {
    const picks = ADDRESSES.map((clientIp) => choose({ policy: "ip_hash", clientIp }));
    expect(picks).toEqual(ADDRESSES.map((clientIp) => choose({ policy: "ip_hash", clientIp, random: 0.5 })));
    for (const index of [0, 1, 2]) expect(picks.filter((pick) => pick === index).length).toBeGreaterThan(60);
  });

  it("ip_hash: moves only the clients of one that is left out", () => {
    for (const clientIp of ADDRESSES) {
      const before = choose({ policy: "ip_hash", clientIp });
      const after = choose({ policy: "ip_hash", clientIp, candidates: [0, 2] });
      if (before === 1) expect(after).not.toBe(1);
      else expect(after).toBe(before);
    }
  });

  it("ip_hash: follows the upstream, not its place in the list", () => {
    for (const clientIp of ADDRESSES) {
      const before = choose({ policy: "ip_hash", clientIp, seeds: [11, 22, 33] });
      const after = choose({ policy: "ip_hash", clientIp, seeds: [33, 11, 22] });
      expect([33, 11, 22][after]).toBe([11, 22, 33][before]);
    }
  });

  it("least_conn: takes the least loaded, and any among equals", () => {
    const load = (index: number): number => [5, 2, 2][index] ?? 0;
    expect([0, 0.49, 0.51, 0.99].map((random) => choose({ policy: "least_conn", load, random }))).toEqual([
      1, 1, 2, 2,
    ]);
    expect(choose({ policy: "least_conn", load, candidates: [0, 2], random: 0.99 })).toBe(2);
  });

  it("cookie: stays with the one that the cookie names, else takes any", () => {
    expect(choose({ policy: "cookie", affine: 1, random: 0.99 })).toBe(1);
    expect(choose({ policy: "cookie", affine: 1, candidates: [0, 2], random: 0.99 })).toBe(2);
    expect(choose({ policy: "cookie", affine: undefined, random: 0.5 })).toBe(1);
  });
});
