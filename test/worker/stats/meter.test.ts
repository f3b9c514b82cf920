import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Batch, BatchReply, News } from "../../../shared/flow/batch.ts";
import { Ledger } from "../../../shared/flow/ledger.ts";
import type { QuotaNews } from "../../../shared/flow/quota.ts";
import { BACKGROUND_LIMITS, FLOW_LIMITS } from "../../../shared/limits.ts";
import { QuotaWatch } from "../../../worker/access/quota-watch.ts";
import { serviceOf, setTerms, termsOf } from "../../../worker/access/service.ts";
import type { Env } from "../../../worker/env.ts";
import { isolateMeter, Meter } from "../../../worker/stats/meter.ts";
import { flowInit } from "../../shared/flow/batches.ts";
import { hostOf } from "../access/support.ts";

/** A stats object that notes batches, and fails while told to. */
class FakeStats {
  readonly batches: Batch[] = [];
  failing = false;
  readonly env = { STATS: { getByName: () => this } } as unknown as Env;

  quotas: QuotaNews | undefined;
  /** Ids that the isolate is told to break off. */
  cut: string[] | undefined;
  asked = 0;

  async ingest(batch: Batch): Promise<BatchReply> {
    this.batches.push(structuredClone(batch));
    if (this.failing) throw new Error("object unreachable");
    return { ack: batch.seq, ...this.#told() };
  }

  async news(): Promise<News> {
    this.asked++;
    return this.#told();
  }

  #told(): News {
    return { ...(this.quotas && { quotas: this.quotas }), ...(this.cut && { cut: this.cut }) };
  }
}

/** A request's context whose death is that its timers never fire. */
function contextOf() {
  const ctx = createExecutionContext();
  const waitUntil = vi.spyOn(ctx, "waitUntil");
  return { ctx, armed: () => waitUntil.mock.calls.length };
}

let stats: FakeStats;
let meter: Meter;

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(scheduler, "wait").mockImplementation((ms) => new Promise((resolve) => setTimeout(resolve, ms)));
  stats = new FakeStats();
  meter = new Meter(new Ledger({ source: "iso", origin: "edge", name: "edge" }));
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function serve(ctx: ExecutionContext, bytes: number): void {
  const flow = meter.open(flowInit({ startedAt: Date.now() }));
  meter.touch(stats.env, ctx);
  flow.down += bytes;
  meter.close(flow, "done");
}

function downSum(): number {
  const unique = new Map(stats.batches.map((batch) => [batch.seq, batch]));
  return [...unique.values()].flatMap((batch) => batch.services).reduce((sum, delta) => sum + delta.down, 0);
}

describe("Meter.touch", () => {
  it("reports a second's requests in one batch, then lets the context end", async () => {
    const { ctx, armed } = contextOf();
    for (let i = 0; i < 100; i++) serve(ctx, 10);
    expect(armed()).toBe(1);
    await vi.advanceTimersByTimeAsync(FLOW_LIMITS.FLUSH_INTERVAL_MS);
    expect(stats.batches).toHaveLength(1);
    expect(stats.batches[0]?.services).toMatchObject([{ requests: 100, down: 1_000, active: 0 }]);
    await waitOnExecutionContext(ctx);
  });

  it("reports also what was counted while a report was under way", async () => {
    const { ctx } = contextOf();
    serve(ctx, 1);
    const ingest = stats.ingest.bind(stats);
    vi.spyOn(stats, "ingest").mockImplementationOnce(async (batch) => {
      serve(ctx, 2);
      return ingest(batch);
    });
    await vi.advanceTimersByTimeAsync(2 * FLOW_LIMITS.FLUSH_INTERVAL_MS);
    expect(downSum()).toBe(3);
    await waitOnExecutionContext(ctx);
  });

  it("moves to another request's context when the armed one has died", async () => {
    const dead = contextOf();
    serve(dead.ctx, 1);
    vi.clearAllTimers();
    await vi.advanceTimersByTimeAsync(FLOW_LIMITS.FLUSH_INTERVAL_MS + BACKGROUND_LIMITS.OVERDUE_MS + 1);
    const { ctx, armed } = contextOf();
    serve(ctx, 2);
    expect(armed()).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(downSum()).toBe(3);
  });

  it("hands the loop to a newer context before the old one ages", async () => {
    const old = contextOf();
    const long = meter.open(flowInit({ kind: "ws" }));
    meter.touch(stats.env, old.ctx);
    await vi.advanceTimersByTimeAsync(BACKGROUND_LIMITS.HANDOVER_MS);
    const { ctx, armed } = contextOf();
    meter.touch(stats.env, ctx);
    expect(armed()).toBe(1);
    await vi.advanceTimersByTimeAsync(FLOW_LIMITS.FLUSH_INTERVAL_MS);
    await waitOnExecutionContext(old.ctx);
    meter.close(long, "done");
    await vi.advanceTimersByTimeAsync(FLOW_LIMITS.FLUSH_INTERVAL_MS);
    await waitOnExecutionContext(ctx);
  });

  it("gives a context up before the runtime would cut it off", async () => {
    const { ctx } = contextOf();
    meter.open(flowInit({ kind: "ws" }));
    meter.touch(stats.env, ctx);
    await vi.advanceTimersByTimeAsync(BACKGROUND_LIMITS.CONTEXT_MS + FLOW_LIMITS.FLUSH_INTERVAL_MS);
    await waitOnExecutionContext(ctx);
  });

  it("keeps a failed batch, backs off, and sends it again under its number", async () => {
    const { ctx } = contextOf();
    stats.failing = true;
    serve(ctx, 7);
    await vi.advanceTimersByTimeAsync(FLOW_LIMITS.FLUSH_INTERVAL_MS);
    await vi.advanceTimersByTimeAsync(FLOW_LIMITS.FLUSH_INTERVAL_MS);
    expect(stats.batches).toHaveLength(1);
    stats.failing = false;
    await vi.advanceTimersByTimeAsync(FLOW_LIMITS.FLUSH_INTERVAL_MS);
    expect(stats.batches.map((batch) => batch.seq)).toEqual([1, 1]);
    expect(stats.batches[1]).toEqual(stats.batches[0]);
    await waitOnExecutionContext(ctx);
  });
});

describe("Meter and quotas", () => {
  it("loses no more than 5 s to a report whose context has died with it", async () => {
    const { ctx } = contextOf();
    serve(ctx, 1);
    vi.spyOn(stats, "ingest").mockImplementationOnce(() => new Promise(() => undefined));
    for (let second = 0; second < 5 && stats.batches.length === 0; second++) {
      await vi.advanceTimersByTimeAsync(1_000);
      serve(contextOf().ctx, 1);
    }
    expect(stats.batches[0]?.seq).toBe(1);
  });

  it("learns who is over with a report, and has what is open there broken off", async () => {
    const host = hostOf({ quota: "1MB/day" });
    const service = serviceOf(host);
    setTerms(host, 1);
    const quotas = new QuotaWatch();
    const meter = new Meter(new Ledger({ source: "iso", origin: "edge", name: "edge" }, termsOf), quotas);
    const { ctx } = contextOf();
    const [long, other] = [meter.open(flowInit({ service })), meter.open(flowInit())];
    long.down = 2e6;
    meter.touch(stats.env, ctx);
    stats.quotas = {
      version: 2,
      over: [{ service, limit: 1e6, period: "day", epoch: 1, until: Date.now() + 60_000 }],
    };
    await vi.advanceTimersByTimeAsync(FLOW_LIMITS.FLUSH_INTERVAL_MS);
    expect(stats.batches[0]?.services[0]).toMatchObject({
      down: 2e6,
      terms: { epoch: 1, quota: { limit: 1e6, period: "day" } },
    });
    expect([long.cut, other.cut]).toEqual(["quota", undefined]);
    expect(quotas.overUntil(service, Date.now())).toBeGreaterThan(Date.now());
    for (const flow of [long, other]) meter.close(flow, "closed");
    await vi.advanceTimersByTimeAsync(FLOW_LIMITS.FLUSH_INTERVAL_MS);
    await waitOnExecutionContext(ctx);
  });
});

describe("isolateMeter", () => {
  it("is one per isolate", () => {
    expect(isolateMeter()).toBe(isolateMeter());
  });
});

describe("Meter and orders", () => {
  it("asks while flows are open though nothing moves, and has the one that it is told of broken off", async () => {
    const { ctx } = contextOf();
    const onCut = vi.fn();
    const [silent, other] = [meter.open(flowInit({ kind: "ws" })), meter.open(flowInit({ kind: "ws" }))];
    silent.onCut = onCut;
    meter.touch(stats.env, ctx);
    await vi.advanceTimersByTimeAsync(FLOW_LIMITS.FLUSH_INTERVAL_MS);
    expect([stats.batches.length, stats.asked]).toEqual([1, 0]);
    stats.cut = [silent.id, "iso-unknown"];
    await vi.advanceTimersByTimeAsync(2 * FLOW_LIMITS.FLUSH_INTERVAL_MS);
    expect([stats.batches.length, stats.asked]).toEqual([1, 2]);
    expect([silent.cut, other.cut]).toEqual(["order", undefined]);
    expect(onCut).toHaveBeenCalledExactlyOnceWith("order");
    for (const flow of [silent, other]) meter.close(flow, "closed");
    await vi.advanceTimersByTimeAsync(FLOW_LIMITS.FLUSH_INTERVAL_MS);
    await waitOnExecutionContext(ctx);
    expect(stats.asked).toBe(2);
  });
});
