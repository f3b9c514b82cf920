import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TS_LIMITS } from "../../../shared/limits.ts";
import { parentOf, ShardGuide } from "../../../shared/ts/shards.ts";

const shards = Array.from({ length: TS_LIMITS.SHARDS_MAX }, (_, shard) => shard);

describe("parentOf", () => {
  it("makes a tree with one root and few children each", () => {
    const children = new Map<number, number>();
    for (const shard of shards) {
      const parent = parentOf(shard);
      if (parent === undefined) {
        expect(shard).toBe(0);
        continue;
      }
      expect(parent).toBeLessThan(shard);
      children.set(parent, (children.get(parent) ?? 0) + 1);
    }
    expect(Math.max(...children.values())).toBe(TS_LIMITS.FAN_OUT);
  });
});

describe("ShardGuide", () => {
  const candidates = (guide: ShardGuide, now = 0, random = Math.random) => [
    ...guide.candidates("ch_a", random, () => now),
  ];

  it("tries each level in turn, no object twice, all of them legal", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (chance) => {
        const tried = candidates(new ShardGuide(), 0, () => chance);
        expect(tried.slice(0, 2)).toEqual([0, 1]);
        expect(new Set(tried).size).toBe(tried.length);
        expect(tried.every((shard) => shards.includes(shard))).toBe(true);
        expect(tried.length).toBeLessThan(20);
      }),
    );
  });

  it("begins with a level that is not known to be full, and comes back down in time", () => {
    const guide = new ShardGuide();
    const search = guide.candidates("ch_a", Math.random, () => 0);
    for (let index = 0; index < 3; index++) search.next();
    expect(candidates(guide)[0]).toBeGreaterThanOrEqual(2);
    const later = new ShardGuide();
    const second = later.candidates("ch_a", Math.random, () => 0);
    for (let index = 0; index < 3; index++) second.next();
    expect(candidates(later, TS_LIMITS.FULL_REMEMBERED_MS)[0]).toBe(1);
  });

  it("fills objects from below, so that a small audience needs few", () => {
    const guide = new ShardGuide();
    const taken = new Map<number, number>();
    for (let viewer = 0; viewer < 1_000; viewer++) {
      for (const shard of guide.candidates("ch_a", Math.random, () => 0)) {
        const count = taken.get(shard) ?? 0;
        if (count >= TS_LIMITS.VIEWERS_PER_OBJECT) continue;
        taken.set(shard, count + 1);
        break;
      }
    }
    expect([...taken.values()].reduce((a, b) => a + b, 0)).toBe(1_000);
    expect(taken.size).toBeLessThanOrEqual(20);
    expect(taken.get(0)).toBe(TS_LIMITS.VIEWERS_PER_OBJECT);
  });

  it("remembers a bounded number of channels", () => {
    const guide = new ShardGuide();
    for (let index = 0; index <= TS_LIMITS.CHANNELS_REMEMBERED_MAX; index++) {
      const search = guide.candidates(`ch_${index}`, Math.random, () => 0);
      for (let step = 0; step < 2; step++) search.next();
    }
    expect([...guide.candidates("ch_0", Math.random, () => 0)][0]).toBe(0);
  });
});
