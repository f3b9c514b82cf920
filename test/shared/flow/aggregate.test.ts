import { describe, expect, it } from "vitest";
import { Aggregate, type AggregateState } from "../../../shared/flow/aggregate.ts";
import { zeroCounters } from "../../../shared/flow/counters.ts";
import { FLOW_LIMITS, STATS_LIMITS } from "../../../shared/limits.ts";
import { batchOf, flowRecord, serviceDelta } from "./batches.ts";

const EMPTY: AggregateState = { since: 0, totals: [], sources: [], lost_sources: 0, quotas: [] };
const SILENT = STATS_LIMITS.SOURCE_SILENT_MS;

function openBatch(fields: Parameters<typeof batchOf>[0] = {}) {
  return batchOf({
    services: [serviceDelta({ requests: 1, active: 1 })],
    active: [flowRecord()],
    ...fields,
  });
}

describe("Aggregate", () => {
  it("merges a repeated batch once", () => {
    const aggregate = new Aggregate(EMPTY, 0);
    const batch = batchOf({ services: [serviceDelta({ requests: 1, down: 10 })] });
    expect(aggregate.merge(batch, 0)).toBeDefined();
    expect(aggregate.merge(batch, 1)).toBeUndefined();
    expect(aggregate.snapshot(1, []).totals).toMatchObject({ requests: 1, down: 10 });
  });

  it("knows a batch again by the stored row of a source that it has forgotten", () => {
    const aggregate = new Aggregate(EMPTY, 0);
    const row = { source: "s", seq: 4, seen_at: 0, open: 0, lost: false, unfolded: [] };
    expect(aggregate.merge(batchOf({ seq: 4 }), 0, row)).toBeUndefined();
    expect(aggregate.merge(batchOf({ seq: 5 }), 0, row)).toBeDefined();
  });

  it("replaces a source's open flows with each batch and adds those of all sources", () => {
    const aggregate = new Aggregate(EMPTY, 0);
    aggregate.merge(openBatch(), 0);
    aggregate.merge(openBatch({ source: "t", active: [flowRecord({ id: "t-1" })] }), 0);
    expect(aggregate.snapshot(0, [])).toMatchObject({ active: 2, services: [{ active: 2 }] });
    aggregate.merge(batchOf({ seq: 2 }), 1);
    const snapshot = aggregate.snapshot(1, []);
    expect(snapshot.active).toBe(1);
    expect(snapshot.connections.map((flow) => flow.id)).toEqual(["t-1"]);
  });

  it("forgets a silent source and counts it as lost when it had flows open", () => {
    const aggregate = new Aggregate(EMPTY, 0);
    aggregate.merge(openBatch(), 0);
    aggregate.merge(batchOf({ source: "idle", services: [serviceDelta({ requests: 1 })] }), 0);
    expect(aggregate.sweep(SILENT - 1)).toEqual([]);
    expect(aggregate.sweep(SILENT).map(({ row }) => [row.source, row.lost])).toEqual([
      ["s", true],
      ["idle", false],
    ]);
    expect(aggregate.snapshot(SILENT, [])).toMatchObject({ active: 0, connections: [], lost_sources: 1 });
    expect(aggregate.snapshot(SILENT, []).totals.requests).toBe(2);
  });

  it("takes a lost source back when it reports again", () => {
    const aggregate = new Aggregate(EMPTY, 0);
    aggregate.merge(openBatch(), 0);
    const [change] = aggregate.sweep(SILENT);
    aggregate.merge(openBatch({ seq: 2 }), SILENT + 1, change?.row);
    expect(aggregate.snapshot(SILENT + 1, [])).toMatchObject({ active: 1, lost_sources: 0 });
  });

  it("forgets a source that has a successor, and no other's", () => {
    const aggregate = new Aggregate(EMPTY, 0);
    for (const source of ["main/1", "main/2", "main2/1", "isolate"])
      aggregate.merge(openBatch({ source }), 0);
    const changes = aggregate.succeed("main/", "main/2");
    expect(changes).toMatchObject([{ row: { source: "main/1", lost: true, open: 0 }, fold: true }]);
    expect(aggregate.snapshot(0, [])).toMatchObject({ active: 3, lost_sources: 1, totals: { requests: 4 } });
    expect(aggregate.succeed("main/", "main/2")).toEqual([]);
  });

  it("holds no silence against sources right after a start: nobody could report while the object was away", () => {
    const sources = [{ source: "s", seq: 1, seen_at: 0, open: 1, lost: false, unfolded: [] }];
    const started = 10 * SILENT;
    const aggregate = new Aggregate({ ...EMPTY, sources }, started);
    expect(aggregate.sweep(started + STATS_LIMITS.SOURCE_GRACE_MS - 1)).toEqual([]);
    expect(aggregate.sweep(started + STATS_LIMITS.SOURCE_GRACE_MS)).toHaveLength(1);
  });

  it("forgets a source at its last batch, without a loss", () => {
    const aggregate = new Aggregate(EMPTY, 0);
    aggregate.merge(openBatch(), 0);
    const change = aggregate.merge(openBatch({ seq: 2, last: true }), 1);
    expect(change).toMatchObject({ fold: true, row: { open: 0, lost: false } });
    expect(aggregate.knows("s")).toBe(false);
    expect(aggregate.snapshot(1, [])).toMatchObject({ active: 0, connections: [], lost_sources: 0 });
  });

  it("forgets the longest silent sources past the bound", () => {
    const aggregate = new Aggregate(EMPTY, 0);
    for (let i = 0; i <= STATS_LIMITS.SOURCES_MAX; i++) aggregate.merge(batchOf({ source: `s${i}` }), i);
    expect(aggregate.sweep(STATS_LIMITS.SOURCES_MAX).map(({ row }) => row.source)).toEqual(["s0"]);
  });

  it("folds a source that counted for many services, so that its row stays small", () => {
    const aggregate = new Aggregate(EMPTY, 0);
    const services = Array.from({ length: STATS_LIMITS.SERVICES_UNFOLDED_MAX + 1 }, (_, i) =>
      serviceDelta({ service: `s${i}`, requests: 1 }),
    );
    expect(aggregate.merge(batchOf({ services }), 0)).toMatchObject({ fold: true });
    const next = aggregate.merge(batchOf({ seq: 2, services: services.slice(0, 1) }), 1);
    expect(next).toMatchObject({ fold: false, row: { unfolded: [{ service: "s0", requests: 1 }] } });
  });

  it("lists the longest-lived connections up to the bound and counts all", () => {
    const aggregate = new Aggregate(EMPTY, 0);
    for (const source of ["s", "t"]) {
      const active = Array.from({ length: 400 }, (_, i) =>
        flowRecord({ id: `${source}-${i}`, started_at: i * 2 + Number(source === "t") }),
      );
      aggregate.merge(batchOf({ source, active, services: [serviceDelta({ active: 400 })] }), 0);
    }
    const { connections, active } = aggregate.snapshot(0, []);
    expect(active).toBe(800);
    expect(connections.map((flow) => flow.started_at)).toEqual(
      Array.from({ length: STATS_LIMITS.CONNECTIONS_LISTED_MAX }, (_, i) => i),
    );
  });

  it("keeps no more active flows in memory than the bound", () => {
    const aggregate = new Aggregate(EMPTY, 0);
    const active = Array.from({ length: FLOW_LIMITS.FLOWS_LISTED_MAX }, () => flowRecord());
    const sources = STATS_LIMITS.CONNECTIONS_KEPT_MAX / active.length;
    for (let i = 0; i < sources; i++) aggregate.merge(batchOf({ source: `s${i}`, active }), 0);
    aggregate.merge(batchOf({ source: "over", active: [flowRecord({ id: "over", started_at: -1 })] }), 0);
    expect(aggregate.snapshot(0, []).connections.some((flow) => flow.id === "over")).toBe(false);
    // Room that another source gives back is used by the next batch.
    aggregate.merge(batchOf({ source: "s0", seq: 2 }), 1);
    const again = batchOf({ source: "over", seq: 2, active: [flowRecord({ id: "over", started_at: -1 })] });
    aggregate.merge(again, 1);
    expect(aggregate.snapshot(1, []).connections[0]?.id).toBe("over");
  });

  it("tells rates from the last whole step, steady for a steady transfer", () => {
    const aggregate = new Aggregate(EMPTY, 0);
    const start = 1_000_000_300;
    for (let i = 1; i <= 10; i++) {
      const services = [serviceDelta({ up: 500, down: 1_000 })];
      aggregate.merge(batchOf({ seq: i, sealed_at: i * 1_000, services }), start + i * 1_000);
    }
    const { rates, services } = aggregate.snapshot(start + 10_000, []);
    expect(rates).toEqual({ up: 500, down: 1_000, requests: 0 });
    expect(services).toMatchObject([{ up_rate: 500, down_rate: 1_000 }]);
    expect(aggregate.snapshot(start + 60_000, []).rates.down).toBe(0);
  });

  it("adds refusals up by code, also those of rows and totals, and reads rows without any", () => {
    const totals = [{ service: "app.test", kind: "http" as const, ...zeroCounters(), errors: 1 }];
    const unfolded = [
      { service: "app.test", kind: "http" as const, ...zeroCounters(), errors: 1, refused: { a: 1 } },
    ];
    const sources = [{ source: "s", seq: 1, seen_at: 0, open: 0, lost: false, unfolded }];
    const aggregate = new Aggregate({ ...EMPTY, totals, sources }, 0);
    const services = [serviceDelta({ errors: 3, requests: 3, refused: { a: 1, b: 2 } })];
    const change = aggregate.merge(batchOf({ seq: 2, services }), 1);
    expect(change?.row.unfolded).toMatchObject([{ refused: { a: 2, b: 2 } }]);
    expect(aggregate.snapshot(1, []).services).toMatchObject([{ errors: 5, refused: { a: 2, b: 2 } }]);
  });

  it("charges the quotas that isolates name, each batch once, and never a relay's", () => {
    const aggregate = new Aggregate(EMPTY, 0);
    const terms = { epoch: 1, quota: { limit: 100, period: "day" as const }, expires_at: 5 };
    const services = [
      serviceDelta({ up: 10, down: 30, terms }),
      serviceDelta({ kind: "ws", down: 20, terms }),
    ];
    expect(aggregate.merge(batchOf({ services }), 1)?.quotas.at(-1)).toMatchObject({ used: 60 });
    aggregate.merge(batchOf({ services }), 1);
    aggregate.merge(batchOf({ source: "r", origin: "relay", services }), 1);
    expect(aggregate.quotaNews(undefined, 1)?.over).toEqual([]);
    const [entry] = aggregate.snapshot(1, []).services;
    expect(entry).toMatchObject({ quota: { used: 60, limit: 100 }, expires_at: 5 });
    aggregate.merge(batchOf({ source: "t", services }), 1);
    expect(aggregate.quotaNews(undefined, 1)?.over).toMatchObject([{ service: "app.test", limit: 100 }]);
  });

  it("keeps a relay within its places, also after a restart, so that it displaces neither hosts nor other relays", () => {
    const places = STATS_LIMITS.RELAY_SERVICES_MAX;
    const of = (relay: string, count: number) =>
      Array.from({ length: count }, (_, i) =>
        serviceDelta({ service: `${relay}/${i}`, kind: "socks", requests: 1, down: 2 }),
      );
    const aggregate = new Aggregate(EMPTY, 0);
    const flood = of("evil", places + 10);
    const change = aggregate.merge(batchOf({ origin: "relay", source: "evil/1", services: flood }), 0);
    expect(change?.row.unfolded.length ?? 0).toBe(places + 1);
    const after = new Aggregate({ ...EMPTY, totals: change?.row.unfolded ?? [] }, 0);
    after.merge(batchOf({ origin: "relay", source: "evil/2", services: of("evil", places + 20) }), 0);
    const host = serviceDelta({ service: "app.test", requests: 1 });
    after.merge(batchOf({ source: "edge", services: [host, ...of("good", 1)] }), 0);
    const { services, totals } = after.snapshot(0, []);
    const names = services.map(({ service }) => service);
    expect(names).toEqual(expect.arrayContaining(["app.test", "good/0", "other"]));
    expect(names).toHaveLength(places + 3);
    expect(totals.down).toBe(2 * (places + 10 + places + 20 + 1));
  });

  it("shows services with open flows before busier ones without", () => {
    const aggregate = new Aggregate(
      { ...EMPTY, totals: [{ service: "busy", kind: "http", ...zeroCounters(), down: 1e6 }] },
      0,
    );
    aggregate.merge(openBatch(), 0);
    expect(aggregate.snapshot(0, []).services.map((entry) => entry.service)).toEqual(["app.test", "busy"]);
  });
});
