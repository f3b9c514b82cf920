import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { batchOf, serviceDelta } from "../../shared/flow/batches.ts";
import { statsObject } from "./support.ts";

describe("Stats.ingest", () => {
  it("keeps refusals by code over a fold and an eviction, and goes on with totals that have none", async () => {
    const stats = statsObject("refused");
    await stats.ingest(batchOf({ services: [serviceDelta({ requests: 1, errors: 1 })], last: true }));
    await runInDurableObject(stats, async (_, state) => {
      state.storage.sql.exec("DROP TABLE refusals");
      state.storage.sql.exec("DROP TABLE quotas");
    });
    await evictDurableObject(stats);
    const services = [serviceDelta({ requests: 3, errors: 3, refused: { rate_limited: 3 } })];
    await stats.ingest(batchOf({ source: "t", services }));
    await evictDurableObject(stats);
    await stats.ingest(batchOf({ source: "t", seq: 2, services, last: true }));
    await evictDurableObject(stats);
    const expected = [{ errors: 7, refused: { rate_limited: 6 } }];
    expect((await stats.snapshot()).services).toMatchObject(expected);
  });
});

describe("Stats.quotaNews", () => {
  const terms = { epoch: 1, quota: { limit: 1_000, period: "month" as const }, expires_at: 9 };
  const moved = (down: number) => [serviceDelta({ requests: 1, down, terms })];

  it("adds up what all isolates moved, and tells who is over with the next batch of any", async () => {
    const stats = statsObject("quota");
    const first = await stats.ingest(batchOf({ source: "a", services: moved(600) }), 0);
    expect(first.quotas?.over).toEqual([]);
    const seen = first.quotas?.version;
    expect(await stats.ingest(batchOf({ source: "a", services: moved(600) }), seen)).toEqual({ ack: 1 });
    const over = await stats.ingest(batchOf({ source: "b", services: moved(400) }), seen);
    expect(over.quotas?.over).toMatchObject([{ service: "app.test", limit: 1_000, period: "month" }]);
    expect(await stats.quotaNews(over.quotas?.version ?? 0)).toBeUndefined();
    expect((await stats.quotaNews(seen ?? 0))?.over).toHaveLength(1);
    expect(await stats.ingest(batchOf({ source: "relay" }))).toEqual({ ack: 1 });
  });

  it("loses no byte over an eviction, and shows quota and day in the snapshot", async () => {
    const stats = statsObject("quota-evicted");
    await stats.ingest(batchOf({ services: moved(600) }));
    await evictDurableObject(stats);
    await stats.ingest(batchOf({ services: moved(600) }));
    await stats.ingest(batchOf({ seq: 2, services: moved(300) }));
    await evictDurableObject(stats);
    expect((await stats.snapshot()).services).toMatchObject([
      { quota: { used: 900, limit: 1_000 }, expires_at: 9 },
    ]);
    await stats.ingest(batchOf({ seq: 3, services: moved(100) }));
    expect((await stats.quotaNews(0))?.over).toHaveLength(1);
  });
});
