import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { checkOf } from "../../../shared/config/health-checks.ts";
import type { Upstream } from "../../../worker/proxy/call.ts";
import { Pool } from "../../../worker/proxy/pool.ts";
import { hostConfig, poolCall } from "./pool-fixture.ts";

const THREE = ["http://a.test", "http://b.test/base/", "http://c.test"];
let services = 0;

/** A pool of a service of its own, unless it is named. */
function poolOf(raw: Record<string, unknown>, service = `service-${++services}`): Pool {
  return new Pool(hostConfig({ upstreams: THREE, policy: "first", ...raw }), service);
}

function fail(pool: Pool, upstream: Upstream, times = 3): void {
  for (let n = 0; n < times; n++) pool.report(upstream, "failed");
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: 1_800_000_000_000 });
});

afterEach(() => {
  vi.useRealTimers();
});

describe("Pool.choose", () => {
  it("has one upstream for everything where there is one and nothing has to be known of it", () => {
    const pool = poolOf({ upstreams: ["http://a.test/x/"] });
    expect(pool.only).toMatchObject({
      index: 0,
      base: "http://a.test/x",
      origin: "http://a.test",
      path: "/x",
    });
    if (pool.only) fail(pool, pool.only, 100);
    expect(pool.choose(poolCall())).toBe(pool.only);
  });

  it("leaves one out that has just failed this request, and returns to it where there is no other", () => {
    const pool = poolOf({});
    expect(pool.choose(poolCall(), new Set([0])).index).toBe(1);
    expect(pool.choose(poolCall(), new Set([0, 1])).index).toBe(2);
    expect(pool.choose(poolCall(), new Set([0, 1, 2])).index).toBe(0);
  });

  it("leaves one out that keeps failing, until a trial passes", () => {
    const pool = poolOf({ health: { passive: { max_failures: 3, cooldown: "10s" } } });
    const [a] = pool.upstreams;
    if (!a) throw new Error("There is no upstream");
    fail(pool, a);
    expect(pool.choose(poolCall()).index).toBe(1);
    vi.setSystemTime(Date.now() + 10_000);
    expect(pool.choose(poolCall()).index).toBe(0);
    expect(pool.hold(a)).toBe(true);
    expect(pool.choose(poolCall()).index).toBe(1);
    pool.report(a, 200);
    expect(pool.hold(a)).toBe(false);
    expect(pool.choose(poolCall()).index).toBe(0);
  });

  it("tries the one whose trial is due first when requests found all of them failing", () => {
    const pool = poolOf({});
    for (const upstream of [2, 0, 1].map((index) => pool.upstreams[index])) {
      if (upstream) fail(pool, upstream);
      vi.setSystemTime(Date.now() + 100);
    }
    expect(pool.choose(poolCall()).index).toBe(2);
    expect(pool.choose(poolCall(), new Set([2])).index).toBe(0);
  });

  it("keeps what it knows of the upstreams that a push keeps", () => {
    const before = poolOf({}, "kept");
    const [a] = before.upstreams;
    if (a) fail(before, a);
    const after = poolOf({ upstreams: ["http://new.test", ...THREE] }, "kept");
    expect(after.choose(poolCall(), new Set([0])).base).toBe("http://b.test/base");
    expect(poolOf({}, "another").choose(poolCall()).base).toBe("http://a.test");
    expect(poolOf({ via: "relay:main" }, "kept").choose(poolCall()).base).toBe("http://a.test");
  });
});

describe("Pool with active checks", () => {
  const active = { path: "/up" };

  function idOf(base: string): string {
    const config = hostConfig({ upstreams: THREE, health: { active } });
    if (!config.health.active) throw new Error("The host has no checks");
    return checkOf(config.via, base, config.health.active).id;
  }

  it("leaves out what is down, also for the last attempt", () => {
    const pool = poolOf({ health: { active } });
    const down = [idOf("http://a.test"), idOf("http://c.test")];
    expect(pool.choose(poolCall({ down })).index).toBe(1);
    expect(pool.choose(poolCall({ down }), new Set([1])).index).toBe(1);
  });

  it("refuses when all are down, with a single upstream, too", () => {
    const down = ["http://a.test", "http://b.test/base", "http://c.test"].map(idOf);
    expect(() => poolOf({ health: { active } }).choose(poolCall({ down }))).toThrow(
      expect.objectContaining({ code: "no_upstream" }),
    );
    const single = poolOf({ upstreams: ["http://a.test"], health: { active } });
    expect(single.choose(poolCall()).index).toBe(0);
    expect(() => single.choose(poolCall({ down }))).toThrow(expect.objectContaining({ code: "no_upstream" }));
  });

  it("does not ask the checks of other hosts", () => {
    const down = ["http://a.test", "http://b.test/base", "http://c.test"].map(idOf);
    expect(poolOf({ health: { active: { path: "/other" } } }).choose(poolCall({ down })).index).toBe(0);
    expect(poolOf({}).choose(poolCall({ down })).index).toBe(0);
  });
});

describe("Pool with least_conn", () => {
  it("sends requests where the fewest are open, and counts through a push", () => {
    const pool = poolOf({ policy: "least_conn" }, "busy");
    const chosen = Array.from({ length: 3 }, () => {
      const upstream = pool.choose(poolCall());
      pool.hold(upstream);
      return upstream;
    });
    expect(chosen.map(({ index }) => index).sort()).toEqual([0, 1, 2]);
    const after = poolOf({ policy: "least_conn" }, "busy");
    const [first] = chosen;
    if (first) pool.release(first);
    for (let n = 0; n < 5; n++) expect(after.choose(poolCall()).index).toBe(first?.index);
  });
});

describe("Pool with the policy cookie", () => {
  const env = { ROOT_KEY: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8" } as never;

  async function sticky(upstreams: readonly string[]): Promise<Pool> {
    const pool = poolOf({ policy: "cookie", upstreams }, "sticky");
    await pool.affinity?.prepare(env);
    return pool;
  }

  function cookieOf(pool: Pool, index: number): string {
    return pool.affinity?.cookieFor(index, false).split(";")[0] ?? "";
  }

  it("follows the cookie, wherever the upstream stands in the list", async () => {
    const before = await sticky(THREE);
    const cookie = `theme=dark; ${cookieOf(before, 1)}; lang=en`;
    for (let n = 0; n < 20; n++) expect(before.choose(poolCall({ cookie })).base).toBe("http://b.test/base");
    const after = await sticky(["http://new.test", "http://b.test/base", ...THREE.slice(2)]);
    for (let n = 0; n < 20; n++) expect(after.choose(poolCall({ cookie })).base).toBe("http://b.test/base");
  });

  it("takes any other when the named one is left out or unknown", async () => {
    const pool = await sticky(THREE);
    const cookie = cookieOf(pool, 1);
    expect(pool.choose(poolCall({ cookie }), new Set([0, 1])).index).toBe(2);
    const [name] = cookie.split("=");
    for (const forged of [`${name}=`, `${name}=1`, `${name}`, "x", ";;;", `x${cookie}`])
      expect([0, 1, 2]).toContain(pool.choose(poolCall({ cookie: forged })).index);
    expect(
      pool.affinity?.indexOf(new Request("http://pool.test/", { headers: { cookie: `x${cookie}` } })),
    ).toBe(undefined);
  });

  it("shows neither address nor place, and is marked for browsers", async () => {
    const pool = await sticky(THREE);
    const cookies = [0, 1, 2].map((index) => pool.affinity?.cookieFor(index, true) ?? "");
    expect(new Set(cookies).size).toBe(3);
    for (const cookie of cookies) {
      expect(cookie).toMatch(/^causeway_[\w-]{8}=[\w-]{12}; Path=\/; HttpOnly; SameSite=Lax; Secure$/);
    }
    expect(pool.affinity?.cookieFor(0, false)).not.toContain("Secure");
    const other = poolOf({ policy: "cookie" }, "another service");
    await other.affinity?.prepare(env);
    expect(other.affinity?.cookieFor(0, true)).not.toBe(cookies[0]);
  });

  it("sets no cookie where there is one upstream", () => {
    expect(poolOf({ policy: "cookie", upstreams: ["http://a.test"] }).affinity).toBeUndefined();
  });
});
