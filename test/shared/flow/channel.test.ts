import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { Aggregate } from "../../../shared/flow/aggregate.ts";
import { Audience, AudiencePlaces } from "../../../shared/flow/audience.ts";
import { type Batch, BatchSchema } from "../../../shared/flow/batch.ts";
import { ChannelTally, TIERS } from "../../../shared/flow/channel.ts";
import type { FlowInit } from "../../../shared/flow/flow.ts";
import { Ledger } from "../../../shared/flow/ledger.ts";
import { STATS_LIMITS } from "../../../shared/limits.ts";

const NOW = 1_000_000;

const SEGMENT: FlowInit = {
  kind: "hls",
  service: "ch_a",
  client: "192.0.2.1",
  target: "http://o.test/…/1.ts",
  user: "",
  startedAt: NOW,
};

function ledgerOf(source: string): Ledger {
  return new Ledger({ source, origin: "edge", name: "edge" });
}

function aggregateOf(): Aggregate {
  return new Aggregate({ since: 0, totals: [], sources: [], lost_sources: 0, quotas: [] }, NOW);
}

/** As it arrives: through the schema and JSON. */
function sealed(ledger: Ledger, now: number): Batch {
  const batch = ledger.seal(now);
  if (!batch) throw new Error("Nothing to seal");
  ledger.acknowledge(batch.seq);
  return v.parse(BatchSchema, JSON.parse(JSON.stringify(batch)));
}

function channelIn(aggregate: Aggregate, now: number) {
  return aggregate.snapshot(now, []).services.find(({ service }) => service === "ch_a")?.channel;
}

function watch(ledger: Ledger, viewer: number): void {
  const flow = ledger.open(SEGMENT);
  flow.viewer = viewer;
  ledger.close(flow, "done", NOW);
}

describe("a channel's accounts", () => {
  it("reach the snapshot as they were counted, summed up over isolates", () => {
    const aggregate = aggregateOf();
    for (const name of ["one", "two"]) {
      const ledger = ledgerOf(name);
      for (const tier of TIERS) ledger.channel("ch_a").reply(tier);
      ledger.channel("ch_a").segment(100);
      ledger.channel("ch_a").answer(50);
      ledger.channel("ch_a").failure("origin_status");
      ledger.channel("ch_a").originBytes(1_000);
      ledger.channel("ch_a").source({ index: 1, of: 2, host: "o.test" });
      aggregate.merge(sealed(ledger, NOW), NOW);
    }
    expect(channelIn(aggregate, NOW)).toEqual({
      tiers: { memory: 2, edge: 2, r2: 2, collapsed: 2, stale: 2, origin: 2, bypass: 2 },
      origin_requests: 4,
      origin_bytes: 2_000,
      origin_errors: { origin_status: 2 },
      segment_ms: { counts: [0, 0, 0, 0, 0, 0, 0, 2], sum: 200 },
      recent_ms: { counts: [0, 0, 0, 0, 0, 0, 0, 2], sum: 200 },
      origin_ms: { counts: [0, 0, 0, 0, 0, 0, 2], sum: 100 },
      viewers: 0,
      source: { index: 1, of: 2, host: "o.test" },
    });
  });

  it("outlive the object: what is stored of a source and of the totals gives the same sums", () => {
    const ledger = ledgerOf("one");
    ledger.channel("ch_a").originBytes(10);
    const first = aggregateOf();
    const change = first.merge(sealed(ledger, NOW), NOW);
    if (!change) throw new Error("Not merged");
    const kept = structuredClone(change.row);
    ledger.channel("ch_a").originBytes(7);
    first.merge(sealed(ledger, NOW + 1_000), NOW + 1_000);
    expect(change.row).toEqual(kept);
    const second = new Aggregate(
      { since: 0, totals: change.row.unfolded, sources: [kept], lost_sources: 0, quotas: [] },
      NOW,
    );
    expect(channelIn(second, NOW)?.origin_bytes).toBe(20);
  });

  it("cost a source that counts none of them nothing in its batches", () => {
    const ledger = ledgerOf("one");
    ledger.close(ledger.open({ ...SEGMENT, kind: "http", service: "h.test" }), "done", NOW);
    expect(sealed(ledger, NOW).services[0]).not.toHaveProperty("channel");
  });
});

describe("viewers", () => {
  it("count once, however many isolates serve them and however often they ask", () => {
    const aggregate = aggregateOf();
    const [one, two] = [ledgerOf("one"), ledgerOf("two")];
    for (const viewer of [1, 2, 2, 0xff_ff_ff_ff]) watch(one, viewer);
    for (const viewer of [2, 3]) watch(two, viewer);
    aggregate.merge(sealed(one, NOW), NOW);
    aggregate.merge(sealed(two, NOW), NOW);
    watch(one, 1);
    aggregate.merge(sealed(one, NOW + 1_000), NOW + 1_000);
    expect(channelIn(aggregate, NOW + 1_000)?.viewers).toBe(4);
  });

  it("are forgotten once nothing was sent to them for a while", () => {
    const aggregate = aggregateOf();
    const ledger = ledgerOf("one");
    watch(ledger, 1);
    watch(ledger, 2);
    aggregate.merge(sealed(ledger, NOW), NOW);
    watch(ledger, 2);
    const later = NOW + STATS_LIMITS.VIEWER_SHOWN_MS / 2;
    aggregate.merge(sealed(ledger, later), later);
    expect(channelIn(aggregate, NOW + STATS_LIMITS.VIEWER_SHOWN_MS)?.viewers).toBe(1);
    expect(channelIn(aggregate, later + STATS_LIMITS.VIEWER_SHOWN_MS)?.viewers).toBe(0);
  });

  it("go on counting while one long reply goes on", () => {
    const aggregate = aggregateOf();
    const ledger = ledgerOf("one");
    const flow = ledger.open(SEGMENT);
    flow.viewer = 9;
    for (let now = NOW; now < NOW + 2 * STATS_LIMITS.VIEWER_SHOWN_MS; now += 5_000) {
      flow.down += 10;
      aggregate.merge(sealed(ledger, now), now);
      expect(channelIn(aggregate, now)?.viewers).toBe(1);
    }
  });

  it("do not include who was refused", () => {
    const aggregate = aggregateOf();
    const ledger = ledgerOf("one");
    ledger.close(ledger.open(SEGMENT), "refused", NOW, "not_found");
    aggregate.merge(sealed(ledger, NOW), NOW);
    const [service] = aggregate.snapshot(NOW, []).services;
    expect(service?.refused).toEqual({ not_found: 1 });
    expect(service?.channel?.viewers ?? 0).toBe(0);
  });

  it("stay within their bounds in one batch and over all channels", () => {
    const tally = new ChannelTally(new AudiencePlaces(3));
    for (const viewer of [1, 1, 2, 3, 4]) tally.viewer(viewer);
    expect(tally.toDelta().viewers).toEqual([1, 2, 3]);
    const places = new AudiencePlaces(2);
    const [a, b] = [new Audience(places, 1_000), new Audience(places, 1_000)];
    a.see([1, 2], 0);
    b.see([3], 0);
    expect([a.count(0), b.count(0)]).toEqual([2, 0]);
    expect(a.count(1_000)).toBe(0);
    b.see([3], 1_000);
    expect(b.count(1_000)).toBe(1);
  });
});

describe("ChannelDeltaSchema", () => {
  it("refuses what would not add up", () => {
    const ledger = ledgerOf("one");
    ledger.channel("ch_a").originBytes(1);
    const [service] = sealed(ledger, NOW).services;
    const batch = { ...ledgerOf("two").seal(NOW, true), services: [service] };
    const changed = (channel: object) => ({
      ...batch,
      services: [{ ...service, channel: { ...service?.channel, ...channel } }],
    });
    expect(v.is(BatchSchema, changed({}))).toBe(true);
    for (const wrong of [
      { origin_bytes: -1 },
      { tiers: { memory: 1.5 } },
      { viewers: [2 ** 32] },
      { segment_ms: { counts: new Array(100).fill(1), sum: 1 } },
      { origin_errors: { "NOT A CODE": 1 } },
      { source: { index: 0, of: 1, host: "h".repeat(1_000) } },
    ])
      expect(v.is(BatchSchema, changed(wrong))).toBe(false);
  });
});
