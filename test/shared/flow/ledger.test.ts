import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { BatchSchema } from "../../../shared/flow/batch.ts";
import { Ledger } from "../../../shared/flow/ledger.ts";
import { FLOW_LIMITS, LINK_LIMITS } from "../../../shared/limits.ts";
import { flowInit } from "./batches.ts";

function newLedger(): Ledger {
  return new Ledger({ source: "src", origin: "relay", name: "main" });
}

/** Seals and acknowledges: the batch went through. */
function report(ledger: Ledger, now: number, last = false) {
  const batch = ledger.seal(now, last);
  if (batch) ledger.acknowledge(batch.seq);
  return batch;
}

describe("Ledger", () => {
  it("has nothing to say before anything happened", () => {
    const ledger = newLedger();
    expect(ledger.unreported).toBe(false);
    expect(ledger.seal(1_000)).toBeUndefined();
  });

  it("offers the unacknowledged batch again, unchanged, however much happens meanwhile", () => {
    const ledger = newLedger();
    const flow = ledger.open(flowInit());
    flow.down = 10;
    const first = structuredClone(ledger.seal(1_000));
    flow.down = 25;
    ledger.close(flow, "done", 1_500);
    expect(ledger.seal(2_000)).toEqual(first);
    ledger.acknowledge(1);
    expect(ledger.seal(3_000)).toMatchObject({ seq: 2, services: [{ requests: 0, down: 15, active: 0 }] });
  });

  it("ignores an acknowledgement of a batch that is not under way", () => {
    const ledger = newLedger();
    ledger.open(flowInit());
    const batch = ledger.seal(1_000);
    ledger.acknowledge(7);
    expect(ledger.seal(2_000)).toBe(batch);
  });

  it("counts a flow's bytes once when it is closed twice, and none that come after", () => {
    const ledger = newLedger();
    const flow = ledger.open(flowInit());
    flow.up = 5;
    ledger.close(flow, "aborted", 10);
    flow.up = 50;
    ledger.close(flow, "failed", 20);
    expect(report(ledger, 1_000)?.services).toMatchObject([{ requests: 1, up: 5, aborted: 1, active: 0 }]);
    expect(ledger.unreported).toBe(false);
  });

  it.each([
    ["done", { aborted: 0, errors: 0 }],
    ["refused", { aborted: 0, errors: 1 }],
    ["aborted", { aborted: 1, errors: 0 }],
    ["failed", { aborted: 1, errors: 0 }],
    ["idle", { aborted: 0, errors: 0 }],
    ["closed", { aborted: 0, errors: 0 }],
  ] as const)("counts a flow that ended %s as %j", (reason, counted) => {
    const ledger = newLedger();
    ledger.close(ledger.open(flowInit()), reason, 10);
    expect(report(ledger, 1_000)?.services).toMatchObject([{ requests: 1, ...counted }]);
  });

  it("counts a refusal without a flow as a request and an error, of no bytes", () => {
    const ledger = newLedger();
    ledger.refuse("app.test", "socks");
    const refused = { service: "app.test", kind: "socks", requests: 1, errors: 1, active: 0 };
    expect(report(ledger, 1_000)).toMatchObject({ services: [refused], opened: [], closed: [] });
    expect(ledger.unreported).toBe(false);
  });

  it("counts messages each way once, even empty ones", () => {
    const ledger = newLedger();
    const flow = ledger.open(flowInit({ kind: "ws" }));
    flow.messagesUp = 2;
    expect(report(ledger, 1_000)?.services).toMatchObject([{ messages_up: 2, messages_down: 0 }]);
    flow.messagesUp = 3;
    flow.messagesDown = 1;
    expect(report(ledger, 2_000)?.services).toMatchObject([{ up: 0, messages_up: 1, messages_down: 1 }]);
    expect(ledger.seal(3_000)).toBeUndefined();
  });

  it("announces a tunnel at once and an HTTP request only when it is older than a second", () => {
    const ledger = newLedger();
    const now = FLOW_LIMITS.LIST_HTTP_AFTER_MS;
    const socks = ledger.open(flowInit({ kind: "socks", startedAt: now }));
    const slow = ledger.open(flowInit({ startedAt: 0 }));
    const quick = ledger.open(flowInit({ startedAt: now }));
    const batch = report(ledger, now);
    expect(batch?.opened.map((flow) => flow.id).sort()).toEqual([socks.id, slow.id].sort());
    expect(batch?.active.map((flow) => flow.id).sort()).toEqual([socks.id, slow.id].sort());
    ledger.close(quick, "done", now + 1);
    ledger.close(slow, "failed", now + 2);
    const { closed } = report(ledger, now + 3) ?? {};
    expect(closed).toMatchObject([{ id: slow.id, ended_at: now + 2, reason: "failed" }]);
  });

  it("reports open flows that move nothing only at each heartbeat", () => {
    const ledger = newLedger();
    const flow = ledger.open(flowInit({ kind: "ws" }));
    report(ledger, 1_000);
    expect(ledger.unreported).toBe(true);
    expect(ledger.seal(2_000)).toBeUndefined();
    expect(report(ledger, 1_000 + FLOW_LIMITS.HEARTBEAT_MS)?.active).toHaveLength(1);
    flow.up = 1;
    expect(report(ledger, 1_100 + FLOW_LIMITS.HEARTBEAT_MS)?.services).toMatchObject([{ up: 1 }]);
  });

  it("keeps its heartbeat when the clock is set back: a silent source would count as lost", () => {
    const ledger = newLedger();
    const hour = 3_600_000;
    ledger.open(flowInit({ kind: "ws", startedAt: hour }));
    ledger.acknowledge(ledger.seal(hour)?.seq ?? 0);
    expect(ledger.seal(hour - 1_000)).toBeUndefined();
    expect(ledger.seal(hour - FLOW_LIMITS.HEARTBEAT_MS)).toMatchObject({ active: [{ kind: "ws" }] });
  });

  it("reports open flows at once after a refresh", () => {
    const ledger = newLedger();
    ledger.open(flowInit({ kind: "ws" }));
    report(ledger, 1_000);
    ledger.refresh();
    expect(report(ledger, 1_001)?.active).toHaveLength(1);
  });

  it("says how long what it reports took, however long it was quiet before", () => {
    const ledger = newLedger();
    const hour = 3_600_000;
    ledger.close(ledger.open(flowInit({ startedAt: hour - 300 })), "done", hour - 200);
    expect(report(ledger, hour)?.covered_ms).toBe(300);
    const flow = ledger.open(flowInit({ kind: "ws", startedAt: 2 * hour }));
    expect(report(ledger, 2 * hour + 100)?.covered_ms).toBe(100);
    expect(ledger.seal(2 * hour + 1_100)).toBeUndefined();
    flow.up = 1;
    expect(report(ledger, 2 * hour + 2_100)?.covered_ms).toBe(1_000);
    ledger.close(flow, "done", 2 * hour + 2_200);
    expect(report(ledger, 2 * hour + 3_100)?.covered_ms).toBe(FLOW_LIMITS.FLUSH_INTERVAL_MS);
  });

  it("covers the whole outage in the batch after a late acknowledgement", () => {
    const ledger = newLedger();
    const flow = ledger.open(flowInit({ kind: "ws", startedAt: 1_000 }));
    ledger.seal(2_000);
    flow.down = 9;
    ledger.seal(30_000);
    ledger.acknowledge(1);
    expect(report(ledger, 62_000)?.covered_ms).toBe(60_000);
  });

  it("seals a last batch even when there is nothing else to say", () => {
    expect(report(newLedger(), 1_000, true)).toMatchObject({ seq: 1, last: true, services: [] });
  });

  it("counts connection events past the bound instead of keeping them", () => {
    const ledger = newLedger();
    for (let i = 0; i < FLOW_LIMITS.EVENTS_MAX + 7; i++) ledger.open(flowInit({ kind: "connect" }));
    const batch = report(ledger, 1_000);
    expect(batch?.opened).toHaveLength(FLOW_LIMITS.EVENTS_MAX);
    expect(batch?.events_dropped).toBe(7);
  });

  it("sums services past the bound up as other, and loses none of their bytes", () => {
    const ledger = newLedger();
    for (let i = 0; i < FLOW_LIMITS.SERVICES_MAX + 10; i++) {
      const flow = ledger.open(flowInit({ service: `s${i}` }));
      flow.down = 1;
    }
    const services = report(ledger, 1_000)?.services ?? [];
    expect(services).toHaveLength(FLOW_LIMITS.SERVICES_MAX + 1);
    expect(services.find((entry) => entry.service === "other")).toMatchObject({ requests: 10, down: 10 });
  });

  it("counts refusals by code, with and without a flow, once", () => {
    const ledger = newLedger();
    ledger.refuse("app.test", "http", "rate_limited");
    ledger.refuse("app.test", "http", "rate_limited");
    ledger.close(ledger.open(flowInit()), "refused", 1, "upstream_timeout");
    ledger.close(ledger.open(flowInit()), "aborted", 1, "upstream_timeout");
    const batch = report(ledger, 1_000);
    expect(batch?.services).toMatchObject([
      { requests: 4, errors: 3, refused: { rate_limited: 2, upstream_timeout: 1 } },
    ]);
    expect(v.safeParse(BatchSchema, batch).success).toBe(true);
    ledger.refuse("app.test", "http");
    expect(report(ledger, 2_000)?.services[0]).not.toHaveProperty("refused");
  });

  it("reports a service's terms with its counts, and never sums it up as other", () => {
    const terms = { epoch: 1, quota: { limit: 1e6, period: "day" as const } };
    const options = { source: "s", origin: "edge" as const, name: "edge" };
    const ledger = new Ledger(options, (service) => (service === "late" ? terms : undefined));
    for (let i = 0; i < FLOW_LIMITS.SERVICES_MAX; i++) ledger.open(flowInit({ service: `s${i}` }));
    ledger.open(flowInit({ service: "late" })).down = 9;
    const services = report(ledger, 1_000)?.services ?? [];
    expect(services.find(({ service }) => service === "late")).toMatchObject({ down: 9, terms });
    expect(services[0]).not.toHaveProperty("terms");
  });

  it("marks the flows that are to be broken off", () => {
    const ledger = newLedger();
    const [over, other] = [ledger.open(flowInit()), ledger.open(flowInit({ service: "other.test" }))];
    ledger.cut(({ service }) => service === "app.test");
    expect([over.cut, other.cut]).toEqual(["quota", undefined]);
  });

  it("yields a valid batch that fits a link message at all bounds and with hostile texts", () => {
    const ledger = newLedger();
    const hostile = "\u0001".repeat(FLOW_LIMITS.TEXT_CHARS_MAX * 2);
    for (let i = 0; i < FLOW_LIMITS.SERVICES_MAX + 10; i++) {
      const init = { kind: "socks" as const, client: hostile, target: hostile, user: hostile };
      ledger.open(flowInit({ ...init, service: `${i}${hostile}` }));
    }
    const batch = ledger.seal(1_000);
    expect(v.safeParse(BatchSchema, batch).success).toBe(true);
    const bytes = Buffer.byteLength(JSON.stringify({ type: "batch", batch }));
    expect(bytes).toBeLessThan(LINK_LIMITS.MESSAGE_BYTES_MAX);
  });
});
