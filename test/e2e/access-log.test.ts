// The access log through the whole product: one record per request whatever becomes of it, to the console and in batches,
// nothing secret in any, and no effect on traffic when a receiver fails.

import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { askRaw, openRaw } from "../conformance/raw-http.ts";
import { ScriptedUpstream } from "../conformance/scripted-upstream.ts";
import { LogReceiver } from "../support/log-receiver.ts";
import { type Product, startProduct } from "../support/product.ts";
import { readStats } from "../support/stats.ts";

const SINK_TOKEN = "Bearer a-token-of-the-log-service";
const TOKEN = "a-token-of-a-user-called-alice";

let receiver: LogReceiver;
let upstream: ScriptedUpstream;
let product: Product;
const consoleLines: string[] = [];

beforeAll(async () => {
  receiver = await new LogReceiver().start();
  upstream = await ScriptedUpstream.start();
  product = await startProduct({
    onLog: (_, message) => void consoleLines.push(message),
    config: (demo) => ({
      edge: {
        access_log: [
          { kind: "console" },
          { kind: "http", url: receiver.url, headers: { Authorization: SINK_TOKEN } },
        ],
      },
      hosts: [
        { host: "log.test", upstreams: [demo], access_log: true, max_body: "10B" },
        { host: "odd.test", upstreams: [upstream.url], access_log: true, response_header_timeout: "1s" },
        { host: "closed.test", upstreams: [demo], access_log: true, enabled: false },
        {
          host: "users.test",
          upstreams: [demo],
          access_log: true,
          bearer: [{ name: "alice", token: TOKEN }],
        },
        { host: "free.test", upstreams: [demo], access_log: true, meter: false },
        { host: "quiet.test", upstreams: [demo] },
      ],
    }),
  });
}, 60_000);

afterAll(async () => {
  await product.stop();
  await upstream.stop();
  await receiver.stop();
});

function consoleRecords(path: string): Record<string, unknown>[] {
  return consoleLines
    .filter((line) => line.startsWith('{"event":"request"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((record) => record.path === path);
}

describe("a record", { timeout: 30_000 }, () => {
  it("says what was asked, what became of it, and nothing secret", async () => {
    const headers = {
      "user-agent": "Tester/1.0",
      referer: "https://user:secret-password@site.test/page?token=secret-referer#x",
      authorization: "Bearer secret-authorization",
      cookie: "session=secret-cookie",
      // Locally the runtime takes a client's word for what Cloudflare's network says.
      "mf-cf-blob": JSON.stringify({ colo: "AMS", country: "ZZ", httpProtocol: "HTTP/9" }),
    };
    const reply = await product.fetchHost("log.test", "/bytes/1000?token=secret-query", { headers });
    await reply.arrayBuffer();
    const [record] = await receiver.untilRecords("/bytes/1000");
    expect(reply.headers.get("x-request-id")).toMatch(/^[0-9a-f]{12}-[0-9a-f]+$/);
    expect(record).toEqual({
      event: "request",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      request_id: reply.headers.get("x-request-id"),
      kind: "http",
      host: "log.test",
      service: "log.test",
      method: "GET",
      path: "/bytes/1000",
      scheme: "http",
      protocol: null,
      status: 200,
      code: null,
      reason: "done",
      cache: null,
      bytes_up: 0,
      bytes_down: 1000,
      messages_up: null,
      messages_down: null,
      closed_by: null,
      close_code: null,
      duration_ms: expect.any(Number),
      client_ip: "127.0.0.1",
      country: null,
      user: null,
      upstream: product.demo,
      user_agent: "Tester/1.0",
      referer: "https://site.test/page",
    });
    expect(consoleRecords("/bytes/1000")).toEqual([record]);
    for (const text of [...receiver.posts.map((post) => post.text), ...consoleLines])
      expect(text).not.toContain("secret");
  });

  it("is made of refused requests, with the code", async () => {
    await product.fetchHost("log.test", "/refused/long", { method: "POST", body: "x".repeat(100) });
    await product.fetchHost("closed.test", "/refused/closed");
    await product.fetchHost("users.test", "/refused/user");
    const records = await receiver.untilRecords("/refused/", 3);
    const told = records.map(({ path, status, code, reason, upstream: to }) => [
      path,
      status,
      code,
      reason,
      to,
    ]);
    expect(told.toSorted()).toEqual([
      ["/refused/closed", 503, "host_disabled", "refused", null],
      ["/refused/long", 413, "body_too_large", "refused", null],
      ["/refused/user", 401, "sign_in_required", "refused", null],
    ]);
  });

  it("names the user who signed in, and not the token", async () => {
    const headers = { authorization: `Bearer ${TOKEN}` };
    const reply = await product.fetchHost("users.test", "/bytes/7", { headers });
    expect(reply.status).toBe(200);
    await reply.arrayBuffer();
    expect(await receiver.untilRecords("/bytes/7")).toMatchObject([{ user: "alice", status: 200 }]);
    for (const { text } of receiver.posts) expect(text).not.toContain(TOKEN);
  });

  it("tells failures of the upstream, before and after the reply has begun", async () => {
    upstream.answer("/failed/silent", () => undefined);
    upstream.answer("/failed/cut", ({ socket }) => {
      socket.end("HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\nx");
    });
    await askRaw(product.edge, "odd.test", "/failed/silent");
    await askRaw(product.edge, "odd.test", "/failed/cut");
    const records = await receiver.untilRecords("/failed/", 2);
    expect(records.find(({ path }) => path === "/failed/silent")).toMatchObject({
      status: 504,
      code: "upstream_timeout",
      reason: "refused",
      upstream: upstream.url,
    });
    expect(records.find(({ path }) => path === "/failed/cut")).toMatchObject({
      status: 200,
      reason: "failed",
    });
  });

  it("is made once of a client that leaves, before the reply and in the middle of it", async () => {
    upstream.answer("/left/before", () => undefined);
    upstream.answer("/left/within", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    for (const path of ["/left/before", "/left/within"]) {
      const client = openRaw(product.edge);
      client.write(`GET ${path} HTTP/1.1\r\nHost: odd.test\r\n\r\n`);
      await upstream.untilAsked(path);
      if (path === "/left/within") await once(client, "data");
      client.resetAndDestroy();
    }
    const records = await receiver.untilRecords("/left/", 2);
    const told = records.map(({ path, status, reason, code }) => [path, status, reason, code]);
    expect(told.toSorted()).toEqual([
      ["/left/before", 499, "aborted", null],
      ["/left/within", 200, "aborted", null],
    ]);
  });

  it("is made of a WebSocket at its end, with its messages", async () => {
    const socket = new WebSocket(`${product.edge.replace("http", "ws")}/echo`, {
      headers: { host: "free.test" },
    });
    await once(socket, "open");
    socket.send("12345");
    await once(socket, "message");
    expect(receiver.records("/echo")).toEqual([]);
    socket.close(1000);
    expect(await receiver.untilRecords("/echo")).toMatchObject([
      { kind: "ws", status: 101, messages_up: 1, bytes_up: 5, bytes_down: 5, reason: "done" },
    ]);
  });

  it("says how a WebSocket ended: by which code, and who ended it", async () => {
    const ends: Record<string, (socket: WebSocket) => void> = {
      "/echo?closed": (socket) => socket.close(4001, "enough"),
      "/echo?broken": (socket) => socket.terminate(),
      "/echo?upstream": (socket) => socket.send("close:4002:gone"),
    };
    const before = receiver.records("/echo").length;
    for (const [path, end] of Object.entries(ends)) {
      const socket = new WebSocket(product.edge.replace("http", "ws") + path, {
        headers: { host: "free.test" },
      });
      await once(socket, "open");
      end(socket);
      await once(socket, "close");
    }
    const records = (await receiver.untilRecords("/echo", before + 3)).slice(before);
    const told = records.map((record) => [record.reason, record.close_code, record.closed_by]);
    expect(told.toSorted()).toEqual([
      ["aborted", 1001, "client"],
      ["done", 4001, "client"],
      ["done", 4002, "upstream"],
    ]);
  });

  it("says null for bytes that are not counted", async () => {
    await (await product.fetchHost("free.test", "/bytes/9")).arrayBuffer();
    expect(await receiver.untilRecords("/bytes/9")).toMatchObject([{ status: 200, bytes_down: null }]);
  });

  it("is not made where nobody asked for it", async () => {
    await product.fetchHost("quiet.test", "/bytes/11");
    await product.fetchHost("log.test", "/bytes/12");
    await receiver.untilRecords("/bytes/12");
    expect(receiver.records("/bytes/11")).toEqual([]);
  });
});

describe("the sink http", { timeout: 60_000 }, () => {
  it("gets its headers in the clear, which the configuration keeps sealed", async () => {
    expect(receiver.posts[0]?.headers).toMatchObject({
      authorization: SINK_TOKEN,
      "content-type": "application/x-ndjson",
    });
    expect(JSON.stringify(await (await product.api("/api/config")).json())).not.toContain(
      "a-token-of-the-log",
    );
  });

  it("gets many records in few batches, each of them once", async () => {
    const before = receiver.posts.length;
    const replies = Array.from({ length: 1_200 }, (_, n) =>
      product.fetchHost("log.test", `/status/200?${n}`),
    );
    for (const reply of await Promise.all(replies)) await reply.arrayBuffer();
    expect(await receiver.untilRecords("/status/200", 1_200)).toHaveLength(1_200);
    const posts = receiver.posts.slice(before);
    expect(posts.length).toBeLessThan(20);
    expect(Math.max(...posts.map(({ records }) => records.length))).toBeLessThanOrEqual(500);
  });

  it("gets a batch again that it failed to take, while traffic goes on", async () => {
    receiver.status = 500;
    const before = receiver.posts.length;
    await (await product.fetchHost("log.test", "/bytes/21")).arrayBuffer();
    await vi.waitFor(() => expect(receiver.posts.length).toBeGreaterThan(before), 5_000);
    expect((await product.fetchHost("log.test", "/bytes/22")).status).toBe(200);
    await vi.waitFor(() => expect(receiver.posts.length).toBeGreaterThan(before + 1), 10_000);
    receiver.status = 200;
    await receiver.untilRecords("/bytes/22");
    const tries = receiver.posts.filter(({ text }) => text.includes("/bytes/21"));
    expect(tries.length).toBeGreaterThan(1);
    expect(new Set(tries.map(({ headers }) => headers["x-causeway-batch"])).size).toBe(1);
    expect(new Set(tries.map(({ text }) => text)).size).toBe(1);
    expect(
      consoleLines.some((line) => line.includes("access_log_failing") && line.includes("status_500")),
    ).toBe(true);
    expect(consoleLines.join("\n")).not.toContain("secret=query");
  });

  it("is told how many records were lost with a batch that it refused", async () => {
    receiver.status = 413;
    await (await product.fetchHost("log.test", "/bytes/31")).arrayBuffer();
    await receiver.untilRecords("/bytes/31");
    receiver.status = 200;
    await vi.waitFor(
      () =>
        expect(receiver.posts.at(-1)?.records.at(-1)).toMatchObject({ event: "records_dropped", records: 1 }),
      15_000,
    );
  });

  it("that does not answer delays nothing", async () => {
    receiver.status = 0;
    const before = receiver.posts.length;
    await (await product.fetchHost("log.test", "/bytes/41")).arrayBuffer();
    await vi.waitFor(() => expect(receiver.posts.length).toBeGreaterThan(before), 5_000);
    const startedAt = performance.now();
    await (await product.fetchHost("log.test", "/bytes/42")).arrayBuffer();
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect((await readStats(product)).services.some(({ service }) => service === "log.test")).toBe(true);
    receiver.status = 200;
  });
});
