// An isolate's view of the configuration, over the real object. Each IsolateConfig is what another isolate would have.

import { beforeEach, describe, expect, it, vi } from "vitest";
import { currentConfig, directory } from "../../../worker/directory/client.ts";
import { IsolateConfig } from "../../../worker/directory/isolate.ts";
import { channel, context, hostDocument, OTHER_ROOT_KEY, tappedEnv, testEnv } from "./fixture.ts";

let isolate: IsolateConfig;

beforeEach(() => {
  isolate = new IsolateConfig();
});

async function stored(client: IsolateConfig, raw: unknown): Promise<void> {
  const result = await client.directory(testEnv()).put(raw);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
}

describe("IsolateConfig.current", () => {
  it("is config_unavailable before the first push, and serves the first push soon after", async () => {
    await expect(isolate.current(testEnv(), context())).rejects.toMatchObject({
      code: "config_unavailable",
    });
    const other = new IsolateConfig();
    await stored(other, hostDocument("first.test"));
    await vi.waitFor(() => isolate.current(testEnv(), context()), { timeout: 2_000, interval: 50 });
  });

  it("routes by the pushed hosts, and is the same object while the version is current", async () => {
    await stored(isolate, hostDocument("a.test", { edge: { channel_hosts: ["tv.test"] } }));
    const snapshot = await isolate.current(testEnv(), context());
    expect(snapshot.routes.match("a.test", "/x")?.upstreams).toEqual(["http://127.0.0.1:1"]);
    expect(snapshot.channelHosts.has("tv.test")).toBe(true);
    expect(await isolate.current(testEnv(), context())).toBe(snapshot);
  });

  it("shows a version stored by this isolate to the very next request", async () => {
    for (const host of ["one.test", "two.test", "three.test"]) {
      await stored(isolate, hostDocument(host));
      const { routes } = await isolate.current(testEnv(), context());
      expect(routes.match(host, "/")?.host).toBe(host);
    }
  });

  it("shows a version stored elsewhere within 5 s", async () => {
    await stored(isolate, hostDocument("before.test"));
    await isolate.current(testEnv(), context());
    const other = new IsolateConfig();
    await stored(other, hostDocument("after.test"));
    await vi.waitFor(
      async () => {
        const { routes } = await isolate.current(testEnv(), context());
        expect(routes.match("after.test", "/")).toBeDefined();
      },
      { timeout: 5_000, interval: 100 },
    );
  });

  it("asks the object once for any number of concurrent requests", async () => {
    await stored(isolate, hostDocument("a.test"));
    const fresh = new IsolateConfig();
    const asked: string[] = [];
    const env = tappedEnv((call, url) => {
      asked.push(new URL(url).pathname);
      return call();
    });
    await Promise.all(Array.from({ length: 50 }, () => fresh.current(env, context())));
    expect(asked.filter((path) => path === "/do/call/version").length).toBeLessThanOrEqual(1);
    expect(asked.filter((path) => path === "/do/call/index").length).toBeLessThanOrEqual(1);
  });

  it("serves the last snapshot while the directory fails, without making anyone wait", async () => {
    await stored(isolate, hostDocument("kept.test"));
    const before = await isolate.current(testEnv(), context());
    await isolate.directory(testEnv()).rollback(before.version);
    const dead = tappedEnv(() => Promise.reject(new Error("the object is overloaded")));
    expect(await isolate.current(dead, context())).toBe(before);
    const startedAt = Date.now();
    for (let n = 0; n < 20; n++) expect(await isolate.current(dead, context())).toBe(before);
    expect(Date.now() - startedAt).toBeLessThan(200);
  });

  it("does not let a request wait long for a directory that hangs", async () => {
    await stored(isolate, hostDocument("kept.test"));
    const before = await isolate.current(testEnv(), context());
    await isolate.directory(testEnv()).rollback(before.version);
    const hanging = tappedEnv(() => new Promise(() => undefined));
    const startedAt = Date.now();
    expect(await isolate.current(hanging, context())).toBe(before);
    expect(Date.now() - startedAt).toBeLessThan(1_500);
  });

  it("is config_unavailable when the directory fails and nothing is known", async () => {
    const dead = tappedEnv(() => Promise.resolve(new Response("broken", { status: 500 })));
    await (await caches.open("causeway-config")).delete(versionKey());
    await expect(isolate.current(dead, context())).rejects.toMatchObject({
      code: "config_unavailable",
    });
  });
});

function versionKey(): string {
  return `https://${testEnv().DIRECTORY.idFromName("root").toString()}.causeway-config/version`;
}

describe("ConfigSnapshot.channel", () => {
  const source = "https://origin.test/live.m3u8?password=hunter2";

  it("gives a record with its secrets in the clear, in units of the schema", async () => {
    await stored(isolate, {
      channels: [{ ...channel("ch_1", source), headers: { Referer: "https://site.test/" } }],
    });
    const config = await isolate.current(testEnv(), context());
    expect(await config.channel("ch_1")).toMatchObject({
      sources: [{ url: source, via: "direct", headers: {} }],
      headers: { Referer: "https://site.test/" },
      hide_query: true,
    });
  });

  it("asks nobody for a channel that is not configured", async () => {
    await stored(isolate, { channels: [channel("ch_1")] });
    const fresh = new IsolateConfig();
    const asked: string[] = [];
    const config = await fresh.current(
      tappedEnv((call, url) => {
        asked.push(url);
        return call();
      }),
      context(),
    );
    asked.length = 0;
    expect(await config.channel("ch_other")).toBeUndefined();
    expect(await config.channel("__proto__")).toBeUndefined();
    expect(asked).toEqual([]);
  });

  it("serves the record known before while the directory fails after a push", async () => {
    await stored(isolate, { channels: [{ ...channel("ch_1"), name: "before" }] });
    expect(await (await isolate.current(testEnv(), context())).channel("ch_1")).toMatchObject({
      name: "before",
    });
    await stored(isolate, { channels: [{ ...channel("ch_1"), name: "after" }] });
    const halfDead = tappedEnv((call, url) =>
      url.includes("/record") ? Promise.reject(new Error("the object is overloaded")) : call(),
    );
    const config = await isolate.current(halfDead, context());
    expect(config.channels[0]?.name).toBe("after");
    expect(await config.channel("ch_1")).toMatchObject({ name: "before" });
  });
});

describe("currentConfig", () => {
  it("is the view of this isolate, which its own pushes change at once", async () => {
    await directory(testEnv()).put(hostDocument("module.test"));
    const { routes } = await currentConfig(testEnv(), context());
    expect(routes.match("module.test", "/")?.host).toBe("module.test");
  });
});

describe("ConfigSnapshot.live", () => {
  it("shows a purge made elsewhere within 5 s, in the same snapshot and with one more call", async () => {
    await stored(isolate, hostDocument("live.test"));
    const asked: string[] = [];
    const env = tappedEnv((call, url) => {
      asked.push(new URL(url).pathname.replace("/do/call/", ""));
      return call();
    });
    const watcher = new IsolateConfig();
    const snapshot = await watcher.current(env, context());
    asked.length = 0;
    await isolate.directory(testEnv()).purge({ host: "live.test" });
    await vi.waitFor(
      async () => {
        expect(await watcher.current(env, context())).toBe(snapshot);
        expect(snapshot.live.purgeEpoch("live.test", "/")).toBeGreaterThan(0);
      },
      { timeout: 5_000, interval: 100 },
    );
    expect(asked.filter((method) => method !== "version")).toEqual(["live"]);
  });

  it("shows a purge to the very next request of the isolate that made it", async () => {
    await stored(isolate, hostDocument("live.test"));
    await isolate.current(testEnv(), context());
    const seq = await isolate.directory(testEnv()).purge({ host: "own.test", exact: "/x" });
    expect((await isolate.current(testEnv(), context())).live.purgeEpoch("own.test", "/x")).toBe(seq);
  });

  it("is known to an isolate that starts later", async () => {
    await stored(isolate, hostDocument("live.test"));
    const seq = await isolate.directory(testEnv()).purge({ host: "later.test" });
    const { live } = await new IsolateConfig().current(testEnv(), context());
    expect(live.purgeEpoch("later.test", "/")).toBe(seq);
  });
});

describe("ConfigSnapshot.egress", () => {
  const relays = [
    {
      name: "main",
      token: "sha256:".padEnd(71, "0"),
      url: "https://relay.test",
      key: "an-ingress-key-of-tests",
    },
    { name: "deaf", token: "sha256:".padEnd(71, "1") },
  ];

  it("opens the keys of relays in the isolate; the document and the index hold them sealed", async () => {
    await stored(isolate, { relays });
    const { egress, relays: shown } = await isolate.current(testEnv(), context());
    expect(egress("main")).toMatchObject({ url: "https://relay.test", key: { extractable: false } });
    expect(shown[0]?.key).toMatch(/^sealed:/);
    for (const name of ["deaf", "unknown"])
      expect(() => egress(name)).toThrow(expect.objectContaining({ code: "relay_unreachable" }));
  });

  it("fails only those who want a key that another root key sealed", async () => {
    await stored(isolate, { relays });
    const stranger = testEnv({ ROOT_KEY: OTHER_ROOT_KEY });
    const { egress } = await new IsolateConfig().current(stranger, context());
    expect(() => egress("main")).toThrow(expect.objectContaining({ code: "secrets_missing" }));
  });
});
