import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { STATS_LIMITS } from "../../../shared/limits.ts";
import { batchOf } from "../../shared/flow/batches.ts";
import { alarmOf, BUSY, statsObject } from "./support.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

describe("Stats, of a source that says nothing more,", () => {
  it("forgets it, remembers the loss over an eviction, and takes it back", async () => {
    const stats = statsObject("silent");
    const now = Date.now();
    await stats.ingest(batchOf(BUSY));
    await runInDurableObject(stats, async (instance) => {
      vi.spyOn(Date, "now").mockReturnValue(now + STATS_LIMITS.SOURCE_SILENT_MS + 5_000);
      expect(await instance.snapshot()).toMatchObject({ lost_sources: 1, active: 0, connections: [] });
      vi.restoreAllMocks();
    });
    await evictDurableObject(stats);
    expect(await stats.snapshot()).toMatchObject({ lost_sources: 1, totals: { down: 100 } });
    await stats.ingest(batchOf(BUSY));
    expect(await stats.snapshot()).toMatchObject({ lost_sources: 1, totals: { down: 100 } });
    await stats.ingest(batchOf({ ...BUSY, seq: 2 }));
    expect(await stats.snapshot()).toMatchObject({ lost_sources: 0, active: 1, totals: { down: 200 } });
  });

  it("gives it up, although nobody asks for long enough", async () => {
    const stats = statsObject("quiet");
    await stats.ingest(batchOf(BUSY));
    const later = Date.now() + STATS_LIMITS.SOURCE_SILENT_MS;
    const now = vi.spyOn(Date, "now").mockImplementation(() => later);
    await evictDurableObject(stats);
    expect((await stats.snapshot()).lost_sources).toBe(0);
    expect(await alarmOf(stats)).toBe(later + STATS_LIMITS.SOURCE_GRACE_MS);
    // An idle object is soon gone from memory, and its grace must not begin anew.
    now.mockImplementation(() => later + STATS_LIMITS.SOURCE_GRACE_MS);
    await evictDurableObject(stats);
    expect(await runDurableObjectAlarm(stats)).toBe(true);
    expect((await stats.snapshot()).lost_sources).toBe(1);
    expect(await alarmOf(stats)).toBeNull();
  });
});
