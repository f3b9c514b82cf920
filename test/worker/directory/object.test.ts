// The directory object inside workerd, reached as the Worker reaches it.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { directory } from "../../../worker/directory/client.ts";
import { IsolateConfig } from "../../../worker/directory/isolate.ts";
import { channel, context, hostDocument, OTHER_ROOT_KEY, testEnv } from "./fixture.ts";

const SECRET_SOURCE = "https://origin.test/live.m3u8?password=hunter2";
const TOKEN = "wall-token-0123456789";

const calls = directory(testEnv());

function rawStub() {
  const namespace = testEnv().DIRECTORY;
  return namespace.get(namespace.idFromName("root"));
}

async function stored(raw: unknown): Promise<number> {
  const result = await calls.put(raw);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.version;
}

describe("Directory", () => {
  it("has nothing before the first push", async () => {
    expect(await calls.version()).toEqual({ version: 0, epoch: 0, live: 0 });
    expect(await calls.index()).toBeNull();
    await expect(calls.document()).rejects.toMatchObject({ code: "config_unavailable" });
    expect(await calls.versions()).toEqual([]);
  });

  it("answers the index in base units and channels as summaries", async () => {
    await stored(hostDocument("a.test", { channels: [channel("ch_1")] }));
    const reply = await calls.index();
    expect(reply?.index.hosts[0]).toMatchObject({
      host: "a.test",
      path: "/*",
      response_header_timeout: 10_000,
    });
    expect(reply?.index.channels).toEqual([{ id: "ch_1", name: "Kanal ch_1 ☃", group: "", tvg_id: "" }]);
  });

  it("keeps tokens as verifiers, seals other secrets, and never takes [relay]", async () => {
    await stored({
      edge: { tokens: [{ name: "wall", role: "viewer", token: TOKEN }] },
      channels: [{ id: "ch_1", sources: [SECRET_SOURCE], headers: { Cookie: "sid=hunter2" } }],
      relay: { users: [] },
    });
    const { document } = await calls.document();
    const text = JSON.stringify(document);
    expect(text).not.toContain("hunter2");
    expect(text).not.toContain(TOKEN);
    expect(document).not.toHaveProperty("relay");
    expect(document).toMatchObject({
      edge: { tokens: [{ token: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) }] },
      channels: [
        {
          sources: [expect.stringMatching(/^sealed:/)],
          headers: { Cookie: expect.stringMatching(/^sealed:/) },
        },
      ],
    });
  });

  it("answers the newest version that this release can read, and names one that it cannot", async () => {
    await stored(hostDocument("older.test", { channels: [channel("ch_1", "https://older.test/1.m3u8")] }));
    const readable = await calls.version();
    await stored(hostDocument("newer.test", { channels: [channel("ch_1", "https://newer.test/1.m3u8")] }));
    const newest = await calls.version();
    await runInDurableObject(rawStub(), (_, { storage }) => {
      storage.sql.exec(
        "UPDATE bodies SET body = replace(body, 'upstreams', 'origins') WHERE version = ?",
        newest.version,
      );
    });
    await evictDurableObject(rawStub());
    const reply = await calls.index();
    expect(reply).toMatchObject({
      version: readable.version,
      epoch: newest.epoch,
      unreadable: newest.version,
    });
    expect(reply?.index.hosts[0]?.host).toBe("older.test");
    const snapshot = await new IsolateConfig().current(testEnv(), context());
    expect([snapshot.version, snapshot.unreadable]).toEqual([readable.version, newest.version]);
    expect((await snapshot.channel("ch_1"))?.sources[0]?.url).toBe("https://older.test/1.m3u8");
    await stored(hostDocument("repaired.test"));
    expect(await calls.index()).not.toHaveProperty("unreadable");
  });

  it("reports every problem of a push at once and stores nothing", async () => {
    const before = await calls.version();
    const result = await calls.put({ hosts: [{ host: "x/y", max_body: "lots" }], channel: [] });
    expect(result).toMatchObject({ ok: false });
    const paths = result.ok ? [] : result.problems.map(({ path }) => path);
    expect(paths).toEqual(["channel", "hosts[0].host", "hosts[0].max_body", "hosts[0].upstreams"]);
    expect(await calls.version()).toEqual(before);
  });

  it("refuses the control plane's own names, which would never be asked", async () => {
    const own = directory(testEnv({ CONTROL_HOSTS: "localhost, edge.test" }));
    const result = await own.put({ ...hostDocument("Edge.Test."), edge: { channel_hosts: ["localhost"] } });
    const places = ["hosts[0].host", "edge.channel_hosts[0]"];
    expect(result).toMatchObject({ ok: false, problems: places.map((path) => ({ path })) });
    await stored(hostDocument("app.edge.test"));
  });

  it("refuses references to an environment it does not have, and foreign seals", async () => {
    const result = await calls.put({ channels: [channel("ch_1", "env:SOURCE")] });
    expect(result).toMatchObject({ problems: [{ path: "channels[0].sources[0]", value: '"env:SOURCE"' }] });
    const foreign = directory(testEnv({ ROOT_KEY: OTHER_ROOT_KEY }));
    await stored({ channels: [channel("ch_1")] });
    const { document } = await calls.document();
    expect(await foreign.put(document)).toMatchObject({
      ok: false,
      problems: [{ path: "channels[0].sources[0]", legal: "a secret sealed under this edge's root key" }],
    });
  });

  it("refuses masked secrets, so that a document read over the API cannot be put back by mistake", async () => {
    const result = await calls.put({ channels: [{ ...channel("ch_1", "***"), headers: { Cookie: "***" } }] });
    expect(result.ok ? [] : result.problems.map(({ path }) => path)).toEqual([
      "channels[0].headers.Cookie",
      "channels[0].sources[0]",
    ]);
  });

  it("refuses a push onto another version than the one named", async () => {
    const version = await stored(hostDocument("a.test"));
    await expect(calls.put(hostDocument("b.test"), { ifVersion: version - 1 })).rejects.toMatchObject({
      code: "config_conflict",
    });
    expect(await calls.put(hostDocument("b.test"), { ifVersion: version })).toMatchObject({ ok: true });
  });

  it("raises version and epoch with each push", async () => {
    await stored(hostDocument("a.test"));
    const first = await calls.version();
    await stored(hostDocument("a.test"));
    const second = await calls.version();
    expect(second.version).toBe(first.version + 1);
    expect(second.epoch).toBeGreaterThan(first.epoch);
  });

  it("rolls back by making a new version of an old document, channels and their order included", async () => {
    const old = await stored({ channels: [channel("ch_b"), channel("ch_a")] });
    await stored({ channels: [channel("ch_a", "https://moved.test/a.m3u8"), channel("ch_c")] });
    const { version } = await calls.rollback(old);
    expect(version).toBe(old + 2);
    const { document } = await calls.document();
    expect((document.channels as { id: string }[]).map(({ id }) => id)).toEqual(["ch_b", "ch_a"]);
    expect((await calls.versions())[0]).toMatchObject({ version, rollback_of: old });
    expect(await calls.record("ch_c", version)).toBeUndefined();
  });

  it("answers a channel as it stood in an older version", async () => {
    const old = await stored({ channels: [{ ...channel("ch_1"), name: "before" }] });
    const now = await stored({ channels: [{ ...channel("ch_1"), name: "after" }] });
    expect(await calls.record("ch_1", old)).toMatchObject({ name: "before" });
    expect(await calls.record("ch_1", now)).toMatchObject({ name: "after" });
  });

  it("keeps the last 20 versions", async () => {
    let version = 0;
    for (let n = 0; n < 22; n++) {
      version = await stored({ channels: [{ ...channel("ch_1"), name: `v${n}` }] });
    }
    const versions = await calls.versions();
    expect(versions.map((row) => row.version)).toEqual(Array.from({ length: 20 }, (_, n) => version - n));
    await expect(calls.rollback(version - 20)).rejects.toMatchObject({ code: "not_found" });
    await calls.rollback(version - 18);
    expect((await calls.document()).document).toMatchObject({ channels: [{ name: "v3" }] });
  });

  it("takes documents larger than any header, in any script", async () => {
    const channels = Array.from({ length: 2_000 }, (_, n) => ({
      ...channel(`ch_${n}`),
      group: "Новости 新闻 😀",
    }));
    const version = await stored({ channels });
    const { document } = await calls.document();
    expect(document.channels).toHaveLength(2_000);
    expect(await calls.record("ch_1999", version)).toMatchObject({
      name: "Kanal ch_1999 ☃",
      group: "Новости 新闻 😀",
    });
  });

  it("survives eviction", async () => {
    await stored(hostDocument("kept.test"));
    const before = await calls.version();
    await evictDurableObject(rawStub());
    expect(await calls.version()).toEqual(before);
    expect((await calls.index())?.index.hosts[0]?.host).toBe("kept.test");
  });

  it("lets nothing be called but its methods", async () => {
    await stored(hostDocument("a.test"));
    for (const path of ["/do/call/destroy", "/do/set/state", "/do/get-prop/state", "/do/call/persist", "/"]) {
      const response = await rawStub().fetch(`https://itty-durable${path}`, {
        headers: { "do-content": "[]" },
      });
      await response.body?.cancel();
      expect(response.status, path).toBe(404);
    }
    expect((await calls.version()).version).toBeGreaterThan(0);
  });
});

describe("redeem", () => {
  const soon = () => Date.now() + 60_000;

  it("accepts a pass once, whoever asks first", async () => {
    const expiresAt = soon();
    const answers = await Promise.all(Array.from({ length: 8 }, () => calls.redeem("ticket-1", expiresAt)));
    expect(answers.filter(Boolean)).toHaveLength(1);
    expect(await calls.redeem("ticket-2", expiresAt)).toBe(true);
  });

  it("remembers used passes over an eviction", async () => {
    expect(await calls.redeem("ticket-3", soon())).toBe(true);
    await evictDurableObject(rawStub());
    expect(await calls.redeem("ticket-3", soon())).toBe(false);
  });

  it("refuses passes that have expired, are too far ahead, or have no sensible id", async () => {
    expect(await calls.redeem("late", Date.now() - 1)).toBe(false);
    expect(await calls.redeem("far", Date.now() + 30 * 86_400_000)).toBe(false);
    expect(await calls.redeem("", soon())).toBe(false);
    expect(await calls.redeem("x".repeat(500), soon())).toBe(false);
  });
});
