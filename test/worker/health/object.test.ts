// The health object over the real directory; the upstreams are answered here, in place of fetch.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { IsolateConfig } from "../../../worker/directory/isolate.ts";
import { context, testEnv } from "../directory/fixture.ts";

const ACTIVE = { path: "/up", interval: "5s", timeout: "200ms", fails: 2, passes: 1 };

/** What an upstream answers to a check; "hang" never does. */
type Behaviour = number | "refuse" | "hang" | string;

const upstreams = new Map<string, Behaviour>();
const asked: string[] = [];
let isolate: IsolateConfig;

beforeEach(() => {
  isolate = new IsolateConfig();
  upstreams.clear();
  asked.length = 0;
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const url = new URL(String(input));
    asked.push(url.href);
    const behaviour = upstreams.get(url.host) ?? 200;
    if (behaviour === "refuse") throw new TypeError("connection refused");
    if (behaviour === "hang")
      return new Promise((_, reject) =>
        init?.signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError"))),
      );
    return typeof behaviour === "number"
      ? new Response("fine", { status: behaviour })
      : new Response(behaviour);
  });
});

afterEach(() => {
  vi.restoreAllMocks();
});

function health() {
  return testEnv().HEALTH.getByName("root");
}

function host(name: string, upstreams: readonly string[], active: unknown): Record<string, unknown> {
  return { host: name, upstreams, ...(active === undefined ? {} : { health: { active } }) };
}

async function push(...hosts: readonly Record<string, unknown>[]): Promise<void> {
  const result = await isolate.directory(testEnv()).put({ hosts });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
}

/** One alarm, with every check due. */
async function round(): Promise<void> {
  await runInDurableObject(health(), (_, state) => state.storage.setAlarm(Date.now() + 60_000));
  vi.setSystemTime(Date.now() + 6_000);
  await runDurableObjectAlarm(health());
}

/** The state of each upstream by its host. */
async function states(): Promise<Record<string, string>> {
  const checks = await health().list();
  return Object.fromEntries(
    checks.map(({ upstream, up, failure }) => [
      new URL(upstream).host,
      `${up ? "up" : "down"} ${failure}`.trim(),
    ]),
  );
}

describe("Health", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it("has no alarm while no host asks for checks", async () => {
    await push(host("plain.test", ["http://a.test"], undefined));
    await runDurableObjectAlarm(health());
    expect(await runInDurableObject(health(), (_, state) => state.storage.getAlarm())).toBeNull();
    expect(await health().list()).toEqual([]);
    expect(asked).toEqual([]);
  });

  it("checks each upstream once from the push on, and arms the next round", async () => {
    await push(
      host("one.test", ["http://a.test/base/", "http://b.test"], ACTIVE),
      host("two.test", ["http://b.test"], ACTIVE),
    );
    await runDurableObjectAlarm(health());
    expect(asked.sort()).toEqual(["http://a.test/base/up", "http://b.test/up"]);
    expect(await states()).toEqual({ "a.test": "up", "b.test": "up" });
    const alarm = await runInDurableObject(health(), (_, state) => state.storage.getAlarm());
    expect(alarm).toBeGreaterThan(Date.now());
    expect(alarm).toBeLessThanOrEqual(Date.now() + 5_000);
  });

  it("takes an upstream out after failures in a row and back in after a pass, for every isolate", async () => {
    await push(host("turns.test", ["http://a.test", "http://b.test"], ACTIVE));
    upstreams.set("a.test", 503);
    await runDurableObjectAlarm(health());
    expect(await states()).toEqual({ "a.test": "up status", "b.test": "up" });
    await round();
    expect(await states()).toEqual({ "a.test": "down status", "b.test": "up" });
    const [check] = (await health().list()).filter(({ up }) => !up);
    const snapshot = await new IsolateConfig().current(testEnv(), context());
    expect(snapshot.live.isDown(check?.id ?? "")).toBe(true);
    upstreams.set("a.test", 201);
    await round();
    expect(await states()).toEqual({ "a.test": "up", "b.test": "up" });
    const later = await new IsolateConfig().current(testEnv(), context());
    expect(later.live.anyDown).toBe(false);
  });

  it("tells failures apart: refused, too late, another text", async () => {
    await push(
      host("kinds.test", ["http://a.test", "http://b.test", "http://c.test"], {
        ...ACTIVE,
        body: "I am well",
      }),
    );
    upstreams.set("a.test", "refuse");
    upstreams.set("b.test", "hang");
    upstreams.set("c.test", "I am not");
    await runDurableObjectAlarm(health());
    expect(await states()).toEqual({
      "a.test": "up upstream_unreachable",
      "b.test": "up upstream_timeout",
      "c.test": "up body",
    });
    upstreams.set("c.test", "yes, I am well, thank you");
    await round();
    expect((await states())["c.test"]).toBe("up");
  });

  it("keeps what it knows through an eviction", async () => {
    await push(host("evicted.test", ["http://a.test"], ACTIVE));
    upstreams.set("a.test", "refuse");
    await runDurableObjectAlarm(health());
    await evictDurableObject(health());
    await round();
    expect(await states()).toEqual({ "a.test": "down upstream_unreachable" });
  });

  it("takes up its rounds again after an alarm was lost, once somebody loads the configuration", async () => {
    await push(host("lost.test", ["http://a.test"], ACTIVE));
    await runDurableObjectAlarm(health());
    const alarm = () => runInDurableObject(health(), (_, state) => state.storage.getAlarm());
    await runInDurableObject(health(), (_, state) => state.storage.deleteAlarm());
    expect(await alarm()).toBeNull();
    await health().follow((await isolate.directory(testEnv()).version()).epoch);
    expect(await alarm()).not.toBeNull();
  });

  it("goes on with its rounds although what it knows cannot be stored", async () => {
    await push(host("unstored.test", ["http://a.test"], ACTIVE));
    await runInDurableObject(health(), (_, state) => state.storage.sql.exec("DROP TABLE progress"));
    await runDurableObjectAlarm(health());
    expect(await runInDurableObject(health(), (_, state) => state.storage.getAlarm())).not.toBeNull();
    // The next instance makes its tables anew.
    await evictDurableObject(health());
  });

  it("forgets checks that a push drops, and disarms itself with the last", async () => {
    await push(host("dropped.test", ["http://a.test"], { ...ACTIVE, fails: 1 }));
    upstreams.set("a.test", "refuse");
    await runDurableObjectAlarm(health());
    expect((await new IsolateConfig().current(testEnv(), context())).live.anyDown).toBe(true);
    await push(host("dropped.test", ["http://a.test"], undefined));
    await runDurableObjectAlarm(health());
    expect(await health().list()).toEqual([]);
    expect(await runInDurableObject(health(), (_, state) => state.storage.getAlarm())).toBeNull();
    expect((await new IsolateConfig().current(testEnv(), context())).live.anyDown).toBe(false);
  });
});
