import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { QuotaNews } from "../../../shared/flow/quota.ts";
import { QUOTA_LIMITS } from "../../../shared/limits.ts";
import { quotaRule } from "../../../worker/access/quota.ts";
import { QuotaWatch, quotaWatch } from "../../../worker/access/quota-watch.ts";
import { serviceOf, setTerms } from "../../../worker/access/service.ts";
import { callOf, hostOf, refusal } from "./support.ts";

/** A stats object that knows who is over; fails while told to. */
class FakeStats {
  news: QuotaNews | undefined;
  asked = 0;
  failing = false;
  hanging = false;
  readonly env = { STATS: { getByName: () => this } } as never;

  async quotaNews(): Promise<QuotaNews | undefined> {
    this.asked++;
    if (this.hanging) await new Promise(() => undefined);
    if (this.failing) throw new Error("object unreachable");
    return this.news;
  }
}

let stats: FakeStats;
let version = 1;

/** What this isolate knows outlives a test, so time goes on from one to the next. */
let clock = Date.now();

beforeEach(() => {
  vi.useFakeTimers();
  clock += 3_600_000;
  vi.setSystemTime(clock);
  stats = new FakeStats();
});

afterEach(() => {
  vi.useRealTimers();
});

/** A host with a quota, known as a plan would make it known. */
function quotaHost() {
  const host = hostOf({ quota: "1GB/day" });
  setTerms(host, 1);
  return { host, gate: quotaRule(host), service: serviceOf(host) };
}

function over(service: string, until = Date.now() + 60_000): QuotaNews {
  version++;
  return { version, over: [{ service, limit: 1e9, period: "day", epoch: 1, until }] };
}

const ask = (gate: ReturnType<typeof quotaRule>) =>
  refusal(gate, callOf({ env: stats.env, now: Date.now() }));

describe("quotaRule", () => {
  it("makes no gate for a host without a quota", () => {
    expect(quotaRule(hostOf({}))).toBeUndefined();
  });

  it("asks first where the isolate has been quiet, so that no first request slips through", async () => {
    const { gate, service } = quotaHost();
    stats.news = over(service);
    const refused = await ask(gate);
    expect(refused?.code).toBe("quota_exceeded");
    expect(Number(refused?.fields?.["Retry-After"])).toBeGreaterThan(0);
    expect(stats.asked).toBe(1);
  });

  it("asks nobody while it has lately heard", async () => {
    const { gate, service } = quotaHost();
    quotaWatch().learn(over(service), Date.now());
    expect((await ask(gate))?.code).toBe("quota_exceeded");
    quotaWatch().learn({ version: ++version, over: [] }, Date.now());
    expect(await ask(gate)).toBeUndefined();
    vi.advanceTimersByTime(QUOTA_LIMITS.FRESH_MS - 1);
    expect(await ask(gate)).toBeUndefined();
    expect(stats.asked).toBe(0);
  });

  it("asks once for a crowd, and all of it hears the answer", async () => {
    const { gate, service } = quotaHost();
    stats.news = over(service);
    const codes = (await Promise.all(Array.from({ length: 50 }, () => ask(gate)))).map(
      (error) => error?.code,
    );
    expect(new Set(codes)).toEqual(new Set(["quota_exceeded"]));
    expect(stats.asked).toBe(1);
  });

  it("serves by what it knows while the stats object is away, and does not ask each time", async () => {
    const { gate, service } = quotaHost();
    quotaWatch().learn(over(service, Date.now() + 3_600_000), Date.now());
    vi.advanceTimersByTime(60_000);
    stats.failing = true;
    expect((await ask(gate))?.code).toBe("quota_exceeded");
    const other = quotaHost();
    expect(await ask(other.gate)).toBeUndefined();
    expect(stats.asked).toBe(1);
  });

  it("makes nobody wait for a stats object that has just not answered", async () => {
    const { gate } = quotaHost();
    stats.hanging = true;
    const first = ask(gate);
    await vi.advanceTimersByTimeAsync(QUOTA_LIMITS.ASK_DEADLINE_MS);
    expect(await first).toBeUndefined();
    expect(await ask(gate)).toBeUndefined();
    expect(stats.asked).toBe(1);
  });

  it("lets a host go on with the next period, and under a quota that was raised", async () => {
    const { host, gate, service } = quotaHost();
    quotaWatch().learn(over(service, Date.now() + 1_000), Date.now());
    expect((await ask(gate))?.code).toBe("quota_exceeded");
    vi.advanceTimersByTime(1_000);
    expect(await ask(gate)).toBeUndefined();
    quotaWatch().learn(over(service), Date.now());
    setTerms({ ...host, quota: { bytes: 2e9, period: "day" } }, 2);
    expect(await ask(gate)).toBeUndefined();
  });
});

describe("QuotaWatch", () => {
  it("takes a later configuration's word for it that a service is over", () => {
    const watch = new QuotaWatch();
    const { service } = quotaHost();
    const until = Date.now() + 60_000;
    const other = { service, limit: 5e6, period: "hour" as const, until };
    watch.learn({ version: ++version, over: [{ ...other, epoch: 2 }] }, Date.now());
    expect(watch.overUntil(service, Date.now())).toBe(until);
    watch.learn({ version: ++version, over: [{ ...other, epoch: 1 }] }, Date.now());
    expect(watch.overUntil(service, Date.now())).toBeUndefined();
  });

  it("keeps its list when there is no news", () => {
    const watch = new QuotaWatch();
    const { service } = quotaHost();
    watch.learn(over(service), Date.now());
    const seen = watch.seen;
    watch.learn(undefined, Date.now());
    expect([watch.seen, watch.empty]).toEqual([seen, false]);
    expect(watch.overUntil(service, Date.now())).toBeGreaterThan(Date.now());
  });
});
