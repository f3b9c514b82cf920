import { describe, expect, it } from "vitest";
import { CACHE_LIMITS } from "../../../shared/limits.ts";
import { ByteLru } from "../../../worker/cache/byte-lru.ts";

const COST = CACHE_LIMITS.ENTRY_OVERHEAD_BYTES + 2;

describe("ByteLru", () => {
  it("drops what was used longest ago once the bytes run out", () => {
    const lru = new ByteLru<string>(3 * (COST + 10));
    for (const key of ["a", "b", "c"]) lru.set(key, key, 10);
    lru.get("a");
    lru.set("d", "d", 10);
    expect(["a", "b", "c", "d"].map((key) => lru.get(key))).toEqual(["a", undefined, "c", "d"]);
    expect(lru.bytes).toBe(3 * (COST + 10));
  });

  it("counts a replaced value once", () => {
    const lru = new ByteLru<string>(10_000);
    lru.set("a", "1", 500);
    lru.set("a", "2", 20);
    expect([lru.get("a"), lru.bytes]).toEqual(["2", COST + 20]);
    lru.delete("a");
    expect(lru.bytes).toBe(0);
  });

  it("does not keep what is larger than all of it, nor throw others out for it", () => {
    const lru = new ByteLru<string>(2_000);
    lru.set("a", "a", 10);
    lru.set("b", "b", 5_000);
    expect([lru.get("a"), lru.get("b")]).toEqual(["a", undefined]);
  });

  it("is bounded in count by the cost of an entry", () => {
    const lru = new ByteLru<number>(100 * COST);
    for (let i = 100; i < 1_000; i++) lru.set("k".repeat(1 + (i % 2)) + i, i, 0);
    expect(lru.bytes).toBeLessThanOrEqual(100 * COST);
  });
});
