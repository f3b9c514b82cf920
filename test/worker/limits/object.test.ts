import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { LEASE_LIMITS } from "../../../shared/limits.ts";
import { bindings } from "../access/support.ts";

const RATE = { count: 10, windowMs: 3_600_000 };

function lease(holder: string, seq: number, wanted: number) {
  return { holder, seq, limit: 10, used: 0, wanted };
}

describe("Limits.lease", () => {
  it("grants nothing twice over an eviction", async () => {
    const object = bindings.LIMITS.getByName("evicted.test");
    expect(await object.lease(lease("a", 1, 6))).toEqual({ places: 6, lasts_ms: LEASE_LIMITS.LEASE_MS });
    await evictDurableObject(object);
    expect((await object.lease(lease("b", 1, 10))).places).toBe(4);
    await object.lease(lease("a", 2, 0));
    await evictDurableObject(object);
    expect((await object.lease(lease("b", 2, 10))).places).toBe(10);
  });
});

describe("Limits.take", () => {
  it("grants the rate in parts, and what is left of it at last", async () => {
    const object = bindings.LIMITS.getByName("rate.test");
    expect(await object.take(RATE, 4)).toMatchObject({ granted: 4, remaining: 6 });
    await evictDurableObject(object);
    expect(await object.take(RATE, 10)).toMatchObject({ granted: 6, remaining: 0 });
    const refused = await object.take(RATE, 10);
    expect(refused).toMatchObject({ granted: 0, remaining: 0 });
    expect(refused.wait_ms).toBeGreaterThan(0);
  });

  it("begins anew with a rate that was configured anew", async () => {
    const object = bindings.LIMITS.getByName("changed.test");
    await object.take(RATE, 10);
    expect((await object.take({ ...RATE, count: 20 }, 20)).granted).toBe(20);
  });
});

describe("Limits.alarm", () => {
  it("keeps what is held, and no storage once nothing is", async () => {
    const object = bindings.LIMITS.getByName("swept.test");
    await object.lease(lease("a", 1, 6));
    expect(await runDurableObjectAlarm(object)).toBe(true);
    expect((await object.lease(lease("b", 1, 10))).places).toBe(4);
    await object.lease(lease("a", 2, 0));
    await object.lease(lease("b", 2, 0));
    expect(await runDurableObjectAlarm(object)).toBe(true);
    await runInDurableObject(object, async (_, { storage }) => {
      expect(storage.sql.exec("SELECT * FROM leases").toArray()).toEqual([]);
      expect(await storage.getAlarm()).toBeNull();
    });
    expect((await object.lease(lease("c", 1, 10))).places).toBe(10);
  });
});
