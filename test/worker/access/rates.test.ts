import { describe, expect, it, vi } from "vitest";
import { rateRules } from "../../../worker/access/rates.ts";
import { callOf, hostOf, refusal } from "./support.ts";

const NOW = 1_800_000_000_000;

/** The fields that the client's reply will have. */
function toldOf({ replyFields }: ReturnType<typeof callOf>): ReadonlyMap<string, string> {
  return new Map(replyFields);
}

describe("rateRules", () => {
  it("makes no gate for a host without rates", () => {
    expect(rateRules(hostOf({}))).toBeUndefined();
  });

  it("tells what is left with each admitted request, and refuses with the time to wait", async () => {
    const gate = rateRules(hostOf({ rate: "2/10s" }));
    const told = async () => {
      const call = callOf({ now: NOW });
      expect(await refusal(gate, call)).toBeUndefined();
      return [toldOf(call).get("ratelimit-policy"), toldOf(call).get("ratelimit")];
    };
    expect(await told()).toEqual(['"client";q=2;w=10', '"client";r=1;t=20']);
    expect(await told()).toEqual(['"client";q=2;w=10', '"client";r=0;t=20']);
    const refused = await refusal(gate, callOf({ now: NOW }));
    expect(refused?.code).toBe("rate_limited");
    expect(refused?.fields).toEqual({
      "RateLimit-Policy": '"client";q=2;w=10',
      RateLimit: '"client";r=0;t=15',
      "Retry-After": "15",
    });
  });

  it("counts each IPv4 address, and each /64 of IPv6, by itself", async () => {
    const gate = rateRules(hostOf({ rate: "1/10s" }));
    const codes = [];
    for (const clientIp of ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"])
      codes.push((await refusal(gate, callOf({ clientIp, now: NOW })))?.code);
    expect(codes).toEqual([undefined, undefined, undefined, "rate_limited", undefined]);
  });

  it("counts all clients of the host, and tells both policies", async () => {
    const gate = rateRules(hostOf({ rate: "5/1s", host_rate: "2/1s" }));
    const call = callOf({ clientIp: "192.0.2.1", now: NOW });
    await refusal(gate, call);
    expect(toldOf(call).get("ratelimit-policy")).toBe('"client";q=5;w=1, "host";q=2;w=1');
    expect(toldOf(call).get("ratelimit")).toBe('"client";r=4;t=2, "host";r=1;t=2');
    expect(await refusal(gate, callOf({ clientIp: "192.0.2.2", now: NOW }))).toBeUndefined();
    const refused = await refusal(gate, callOf({ clientIp: "192.0.2.3", now: NOW }));
    expect(refused?.fields?.RateLimit).toBe('"client";r=4;t=2, "host";r=0;t=2');
  });

  it("goes on counting over a push, unless the rate itself has changed", async () => {
    const host = hostOf({ rate: "1/1h" });
    await refusal(rateRules(host), callOf({ now: NOW }));
    expect((await refusal(rateRules({ ...host }), callOf({ now: NOW })))?.code).toBe("rate_limited");
    const changed = { ...host, rate: { count: 2, windowMs: 3_600_000 } };
    expect(await refusal(rateRules(changed), callOf({ now: NOW }))).toBeUndefined();
  });
});

describe("rateRules with scope global", () => {
  it("shares one rate among isolates by leases", async () => {
    const host = hostOf({ host_rate: "40/1h", scope: "global" });
    const gate = rateRules(host);
    let admitted = 0;
    let code: string | undefined;
    while (code === undefined && admitted < 100) {
      const call = callOf();
      code = (await refusal(gate, call))?.code;
      await call.settled();
      if (code === undefined) admitted++;
    }
    expect([admitted, code]).toEqual([40, "rate_limited"]);
  });

  it("asks the object once for many requests", async () => {
    const asked: number[] = [];
    const LIMITS = {
      getByName: () => ({
        async take(_: unknown, wanted: number) {
          asked.push(wanted);
          return { granted: wanted, remaining: 100, wait_ms: 1 };
        },
      }),
    } as never;
    const gate = rateRules(hostOf({ host_rate: "1000/10s", scope: "global" }));
    for (let i = 0; i < 200; i++) expect(await refusal(gate, callOf({ env: { LIMITS } }))).toBeUndefined();
    expect(asked.length).toBeLessThan(12);
    expect(Math.max(...asked)).toBeLessThanOrEqual(100);
  });

  it("goes on at the host's rate when the object does not answer", async () => {
    const LIMITS = {
      getByName: () => ({
        take: async () => {
          throw new Error("unreachable");
        },
      }),
    } as never;
    const gate = rateRules(hostOf({ host_rate: "10/10s", scope: "global" }));
    const first = await refusal(gate, callOf({ env: { LIMITS } }));
    expect(first).toBeUndefined();
    const codes = [];
    for (let i = 0; i < 20; i++) codes.push((await refusal(gate, callOf({ env: { LIMITS } })))?.code);
    expect(new Set(codes)).toEqual(new Set(["rate_limited"]));
  });

  it("is not held up by a clock that goes back", async () => {
    let granted = 0;
    const LIMITS = {
      getByName: () => ({ take: async () => ({ granted, remaining: 0, wait_ms: 10_000 }) }),
    } as never;
    const gate = rateRules(hostOf({ host_rate: "10/10s", scope: "global" }));
    const later = Date.now() + 3_600_000;
    vi.setSystemTime(later);
    expect((await refusal(gate, callOf({ env: { LIMITS } })))?.code).toBe("rate_limited");
    vi.useRealTimers();
    granted = 1;
    expect(await refusal(gate, callOf({ env: { LIMITS } }))).toBeUndefined();
  });

  it("goes on in a while when the object takes a request and never answers", async () => {
    const LIMITS = { getByName: () => ({ take: () => new Promise(() => undefined) }) } as never;
    const gate = rateRules(hostOf({ host_rate: "10/10s", scope: "global" }));
    expect(await refusal(gate, callOf({ env: { LIMITS } }))).toBeUndefined();
  });

  it("admits a crowd that comes at once up to the rate, and refuses the rest", async () => {
    const gate = rateRules(hostOf({ host_rate: "30/1h", scope: "global" }));
    const calls = Array.from({ length: 60 }, () => callOf());
    const refused = await Promise.all(calls.map((call) => refusal(gate, call)));
    const admitted = refused.filter((error) => error === undefined).length;
    expect(admitted).toBe(30);
  });

  it("refuses nobody of a crowd while the rate has more", async () => {
    const asked: number[] = [];
    const LIMITS = {
      getByName: () => ({
        async take(_: unknown, wanted: number) {
          asked.push(wanted);
          return { granted: wanted, remaining: 10_000, wait_ms: 1 };
        },
      }),
    } as never;
    const gate = rateRules(hostOf({ host_rate: "10000/1h", scope: "global" }));
    const crowd = Array.from({ length: 300 }, () => refusal(gate, callOf({ env: { LIMITS } })));
    expect((await Promise.all(crowd)).filter((error) => error !== undefined)).toEqual([]);
    expect(asked.reduce((sum, count) => sum + count)).toBeLessThan(310);
    expect(asked.length).toBeLessThan(5);
    expect(await refusal(gate, callOf({ env: { LIMITS } }))).toBeUndefined();
    expect(asked.at(-1)).toBeLessThan(310);
  });
});
