// A push to a running edge: what it changes, how soon, and what it must leave alone.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { WebSocket } from "ws";
import { demoBytes } from "../../relay/demo/bodies.ts";
import { type Product, startProduct } from "../support/product.ts";
import { untilCounted } from "../support/stats.ts";

/** A push is in effect after this time. */
const IN_EFFECT = { timeout: 5_000, interval: 50 };
/** Five seconds of /sse: a configuration that old makes requests wait for the directory, unless it fails. */
const EVENTS = 26;

let product: Product;
let clients: WebSocket[] = [];

beforeAll(async () => {
  product = await startProduct({ config: (demo) => ({ hosts: hosts(demo, "first.test") }) });
});

beforeEach(async () => {
  await product.push({ hosts: hosts(product.demo, "first.test") });
  await untilStatus({ "first.test": 200 });
});

afterEach(() => {
  for (const client of clients) client.terminate();
  clients = [];
});

afterAll(() => product?.stop());

function hosts(demo: string, ...names: string[]): object[] {
  return names.map((host) => ({ host, upstreams: [demo] }));
}

async function statusOf(host: string): Promise<number> {
  const reply = await product.fetchHost(host, "/bytes/10");
  await reply.body?.cancel();
  return reply.status;
}

/** Waits until each host answers with its status. */
async function untilStatus(expected: Readonly<Record<string, number>>): Promise<void> {
  await vi.waitFor(async () => {
    const statuses = Object.keys(expected).map(async (host) => [host, await statusOf(host)]);
    expect(Object.fromEntries(await Promise.all(statuses))).toEqual(expected);
  }, IN_EFFECT);
}

/** A WebSocket through the edge whose echo is checked message by message. */
async function openEcho(host: string): Promise<{ echo(text: string): Promise<void>; client: WebSocket }> {
  const client = new WebSocket(`${product.edge.replace("http", "ws")}/echo`, { headers: { host } });
  clients.push(client);
  await once(client, "open");
  return {
    client,
    async echo(text) {
      const answer = once(client, "message");
      client.send(text);
      expect(String((await answer)[0])).toBe(text);
    },
  };
}

interface VersionAnswer {
  readonly version: number;
}

function put(document: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return product.api("/api/config", { method: "PUT", body: JSON.stringify(document), headers });
}

async function versions(): Promise<{ version: number; rollback_of: number | null }[]> {
  const reply = await product.api("/api/config/versions");
  return ((await reply.json()) as { versions: { version: number; rollback_of: number | null }[] }).versions;
}

describe("a push", () => {
  it("changes routing within 5 s and leaves what is open alone, even on a host that it removes", async () => {
    const bytes = 400_000;
    const { client, echo } = await openEcho("first.test");
    await echo("before");
    const download = await product.fetchHost("first.test", `/slow?bytes=${bytes}&ms=2500`);
    const reader = download.body?.getReader();
    const hash = createHash("sha256");
    hash.update((await reader?.read())?.value ?? "");

    await product.push({ hosts: hosts(product.demo, "second.test") });
    await untilStatus({ "second.test": 200, "first.test": 404 });
    await echo("after");
    let read = await reader?.read();
    expect(read?.done).toBe(false);
    for (; read !== undefined && !read.done; read = await reader?.read()) hash.update(read.value);
    expect(hash.digest("hex")).toBe(
      createHash("sha256")
        .update(Buffer.concat([...demoBytes(0, bytes)]))
        .digest("hex"),
    );
    await echo("at the end");
    const closed = once(client, "close");
    client.close(1000);
    expect((await closed)[0]).toBe(1000);

    const said = "beforeafterat the end".length;
    await untilCounted(product, "first.test", { up: said, down: said, aborted: 0, active: 0 }, "ws");
    await untilCounted(product, "first.test", { aborted: 0, errors: 0, active: 0 });
  });

  it("with problems is refused with every one of them and changes nothing", async () => {
    const before = await versions();
    const refused = await put({
      colour: "red",
      hosts: [...hosts(product.demo, "second.test"), { host: "a b", upstreams: [], max_body: "much" }],
      channels: [{ id: "news", sources: ["ftp://origin.test/x"] }],
    });
    expect(refused.status).toBe(422);
    const { error } = (await refused.json()) as { error: { code: string; problems: { path: string }[] } };
    expect(error.code).toBe("config_invalid");
    expect(error.problems.map(({ path }) => path)).toEqual([
      "channels[0].id",
      "channels[0].sources[0]",
      "colour",
      "hosts[1].host",
      "hosts[1].max_body",
      "hosts[1].upstreams",
    ]);
    expect(await versions()).toEqual(before);
    expect([await statusOf("first.test"), await statusOf("second.test")]).toEqual([200, 404]);
  });

  it("is taken back by a rollback, which is a new version", async () => {
    const [first] = await versions();
    await product.push({ hosts: hosts(product.demo, "second.test") });
    await untilStatus({ "second.test": 200, "first.test": 404 });
    const body = JSON.stringify({ version: first?.version });
    const reply = await product.api("/api/config/rollback", { method: "POST", body });
    expect(reply.status).toBe(200);
    await untilStatus({ "first.test": 200, "second.test": 404 });
    const [newest, pushed] = await versions();
    expect(newest).toMatchObject({ rollback_of: first?.version });
    expect(pushed).toMatchObject({ version: (first?.version ?? 0) + 1, rollback_of: null });
  });

  it("with If-Match of a version that is no longer current is a conflict; the current one is taken", async () => {
    const current = await product.api("/api/config");
    const { version } = (await current.json()) as VersionAnswer;
    const etag = current.headers.get("etag") ?? "";
    expect(etag).toBe(`"${version}"`);
    const taken = await put({ hosts: hosts(product.demo, "second.test") }, { "If-Match": etag });
    expect([taken.status, taken.headers.get("etag")]).toEqual([200, `"${version + 1}"`]);
    const late = await put({ hosts: hosts(product.demo, "third.test") }, { "If-Match": etag });
    expect([late.status, ((await late.json()) as { error: { code: string } }).error.code]).toEqual([
      409,
      "config_conflict",
    ]);
    await untilStatus({ "second.test": 200, "third.test": 404 });
  });
});

describe("a directory object that fails", () => {
  it("changes nothing for traffic, and takes pushes again once it is well", async () => {
    const { echo } = await openEcho("first.test");
    const heal = await breakDirectory(product.stateDir);
    onTestFinished(heal);
    const failing = await product.api("/api/config/versions");
    expect([failing.status, ((await failing.json()) as { error: { code: string } }).error.code]).toEqual([
      503,
      "object_unreachable",
    ]);
    const stream = await product.fetchHost("first.test", `/sse?count=${EVENTS}`);
    let events = "";
    let slowestMs = 0;
    for await (const chunk of (stream.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
      events += chunk;
      const at = performance.now();
      await echo(`after ${events.length} characters`);
      expect(await statusOf("first.test")).toBe(200);
      slowestMs = Math.max(slowestMs, performance.now() - at);
    }
    expect(events.match(/^event: tick$/gm)).toHaveLength(EVENTS);
    expect(slowestMs).toBeLessThan(2_000);
    await expect(product.push({ hosts: [] })).rejects.toThrow("object_unreachable");
    expect(await statusOf("first.test")).toBe(200);

    heal();
    await product.push({ hosts: hosts(product.demo, "healed.test") });
    await untilStatus({ "healed.test": 200, "first.test": 404 });
    await echo("still here");
  });
});

/** Takes a table away under the running object, so that every call to it throws; the result puts it back. */
async function breakDirectory(stateDir: string): Promise<() => void> {
  const folder = join(stateDir, "edge/do/causeway-Directory");
  const files = (await readdir(folder)).filter((name) => /^[0-9a-f]+\.sqlite$/.test(name));
  expect(files).toHaveLength(1);
  const database = new DatabaseSync(join(folder, files[0] ?? ""));
  database.exec("ALTER TABLE versions RENAME TO versions_away");
  return () => {
    if (!database.isOpen) return;
    database.exec("ALTER TABLE versions_away RENAME TO versions");
    database.close();
  };
}
