// Transfers over real sockets whose one side stands still or leaves: what moves slowly goes on, what does not move ends as
// broken, and the other side is let go.

import { once } from "node:events";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { demoBytes } from "../../relay/demo/bodies.ts";
import { askRaw, collect, head, openRaw, upload } from "../conformance/raw-http.ts";
import { ScriptedUpstream } from "../conformance/scripted-upstream.ts";
import { type Product, startProduct } from "../support/product.ts";
import { untilCounted } from "../support/stats.ts";

const MIB = 1024 * 1024;

let upstream: ScriptedUpstream;
let product: Product;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  const times = { body_idle_timeout: "1s", upload_idle_timeout: "1s", response_header_timeout: "20s" };
  const patient = { body_idle_timeout: "2s", upload_idle_timeout: "2s" };
  const upstreams = [upstream.url];
  product = await startProduct({
    config: {
      hosts: [
        { host: "silent.test", upstreams, ...times, max_body: "1GiB" },
        { host: "late.test", upstreams, ...times, max_body: "1GiB" },
        // What goes on after 0.4 s is far from its end, however busy this machine is.
        { host: "pause.test", upstreams, ...times, ...patient, max_body: "1GiB" },
        { host: "left.test", upstreams, response_header_timeout: "1m", max_body: "1GiB" },
        { host: "left-free.test", upstreams, response_header_timeout: "1m", max_body: "1GiB", meter: false },
      ],
    },
  });
}, 60_000);

afterAll(async () => {
  await product.stop();
  await upstream.stop();
});

describe("an upstream that stops in the middle of a body", () => {
  it("breaks the client's connection, however the body is passed on, and is let go", async () => {
    const bodies = {
      "/silent/stream": `${head("Transfer-Encoding: chunked")}5\r\nhello\r\n`,
      "/silent/long": `${head("Content-Length: 5000000")}${"x".repeat(100_000)}`,
      "/silent/piped": `${head("Content-Length: 20000")}${"x".repeat(10_000)}`,
    };
    for (const [path, bytes] of Object.entries(bodies)) upstream.answer(path, bytes);
    await Promise.all(
      Object.keys(bodies).map(async (path) => {
        const asked = upstream.untilAsked(path);
        const reply = askRaw(product.edge, "silent.test", path);
        const { socket } = await asked;
        await Promise.all([once(socket, "close"), reply]);
        expect([(await reply).status, (await reply).whole, (await reply).end], path).toEqual([
          200,
          false,
          expect.stringMatching(/fin|reset/),
        ]);
      }),
    );
    await untilCounted(product, "silent.test", { requests: 3, aborted: 3, errors: 0, active: 0 });
  });

  it("is a 504 where the reply has not begun", async () => {
    upstream.answer("/silent/short", `${head("Content-Length: 1000")}x`);
    const reply = await askRaw(product.edge, "pause.test", "/silent/short");
    expect([reply.status, reply.body.toString()]).toEqual([504, expect.stringContaining("upstream_timeout")]);
  });

  it("is not what waits for the rest of its upload", async () => {
    upstream.answer("/early-head", async ({ socket }) => {
      socket.write(head("Transfer-Encoding: chunked"));
      await sleep(3_400);
      socket.write("2\r\nok\r\n0\r\n\r\n");
    });
    const client = openRaw(product.edge);
    const replied = collect(client, { replies: 1 });
    client.write(upload("pause.test", "/early-head", "Content-Length: 32000"));
    for (let i = 0; i < 8; i++) {
      client.write("x".repeat(4_000));
      await sleep(400);
    }
    expect((await replied).replies[0]?.body.toString()).toBe("ok");
  });

  it("is not what a slow one does, or a client that pauses", async () => {
    upstream.answer("/drip", async ({ socket }) => {
      socket.write(head("Transfer-Encoding: chunked"));
      for (let i = 0; i < 8; i++) {
        await sleep(400);
        socket.write("1\r\nx\r\n");
      }
      socket.write("0\r\n\r\n");
    });
    const dripping = askRaw(product.edge, "pause.test", "/drip");
    const long = Buffer.alloc(32 * MIB, "y");
    upstream.answer("/pause", Buffer.concat([Buffer.from(head(`Content-Length: ${long.length}`)), long]));
    const paused = await product.fetchHost("pause.test", "/pause");
    await sleep(3_500);
    expect((await paused.arrayBuffer()).byteLength).toBe(long.length);
    expect([(await dripping).body.toString(), (await dripping).whole]).toEqual(["xxxxxxxx", true]);
  });
});

describe("an upload that stands still", () => {
  it("for the client's sake is a 408, and the upstream never sees it whole", async () => {
    for (const [framing, begun] of [
      ["Content-Length: 5000", "x"],
      ["Content-Length: 50000", "x"],
      ["Transfer-Encoding: chunked", "1\r\nx\r\n"],
    ] as const) {
      const path = `/late-${framing.length}`;
      upstream.answer(path, () => undefined);
      const client = openRaw(product.edge);
      client.write(upload("late.test", path, framing) + begun);
      const { replies } = await collect(client, { replies: 1 });
      expect([replies[0]?.status, replies[0]?.body.toString()], framing).toEqual([
        408,
        expect.stringContaining("upload_timeout"),
      ]);
      for (const { socket } of upstream.asked(path)) if (!socket.closed) await once(socket, "close");
    }
    await untilCounted(product, "late.test", { requests: 3, errors: 3, aborted: 0, active: 0 });
  });

  it("for the upstream's sake is a 504", async () => {
    upstream.answer("/deaf", ({ socket }) => void socket.pause());
    const reply = await product.fetchHost("pause.test", "/deaf", {
      method: "POST",
      body: Readable.from(demoBytes(0, 64 * MIB)),
    });
    expect([reply.status, (await reply.json()).error.code]).toEqual([504, "upstream_timeout"]);
  });

  it("after an early reply ends, and gives its place back", async () => {
    upstream.answer("/early", ({ socket }) => {
      socket.pause();
      socket.write(`${head("Content-Length: 3")}now`);
    });
    const client = openRaw(product.edge);
    client.write(`${upload("late.test", "/early", "Content-Length: 50000")}x`);
    const { replies } = await collect(client, { replies: 1 });
    expect(replies[0]?.body.toString()).toBe("now");
    await untilCounted(product, "late.test", { requests: 4, active: 0 });
  });

  it("does not, when it is only slow", async () => {
    upstream.answer("/slow-upload", async ({ socket }) => {
      // Once the upload is there the upstream has its own time, which is longer.
      await sleep(5_000);
      socket.write(`${head("Content-Length: 2")}ok`);
    });
    const client = openRaw(product.edge);
    const replied = collect(client, { replies: 1 });
    client.write(upload("pause.test", "/slow-upload", "Content-Length: 28000"));
    for (let i = 0; i < 7; i++) {
      client.write("x".repeat(4_000));
      await sleep(400);
    }
    expect((await replied).replies[0]?.body.toString()).toBe("ok");
  });
});

describe("a client that resets", { timeout: 30_000 }, () => {
  /** The promised second. */
  const LET_GO_MS = 1_000;
  /** Clients that left so far, by host. */
  const resets = new Map<string, number>();
  const EVENTS = `${head("Transfer-Encoding: chunked")}5\r\nhello\r\n`;
  const PIPED = `${head("Content-Length: 50000")}${"x".repeat(20_000)}`;
  const cases: readonly (readonly [name: string, host: string, answer: string, request: string])[] = [
    ["a silent stream", "left.test", EVENTS, ""],
    ["a body that the runtime copies", "left.test", PIPED, ""],
    ["a silent stream, unmetered", "left-free.test", EVENTS, ""],
    ["an upload under way", "left.test", "", "Content-Length: 50000"],
    ["an upload under way, unmetered", "left-free.test", "", "Transfer-Encoding: chunked"],
  ];

  it.each(cases)("during %s has the upstream let go within a second", async (name, host, answer, framing) => {
    const path = `/left/${name.replaceAll(/\W/g, "-")}`;
    upstream.answer(path, answer);
    // The best of five: what the proxy takes, not what else runs on this machine.
    let leastMs = Number.POSITIVE_INFINITY;
    for (let n = 1; n <= 5 && leastMs >= LET_GO_MS; n++)
      leastMs = Math.min(leastMs, await timeOfReset(host, path, framing, n));
    expect(leastMs).toBeLessThan(LET_GO_MS);
  });

  /** Milliseconds from the reset of a client until its upstream is let go; `n`: the how many-th request for `path`. */
  async function timeOfReset(host: string, path: string, framing: string, n: number): Promise<number> {
    resets.set(host, (resets.get(host) ?? 0) + 1);
    const client = openRaw(product.edge);
    if (framing === "") client.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    else client.write(`${upload(host, path, framing)}5\r\nhello\r\n`);
    const { socket } = await upstream.untilAsked(path, n);
    if (framing === "") await once(client, "data");
    const closed = once(socket, "close");
    const leftAt = performance.now();
    client.resetAndDestroy();
    await closed;
    return performance.now() - leftAt;
  }

  it("gives its place back", async () => {
    const left = resets.get("left.test") ?? 0;
    await untilCounted(product, "left.test", { requests: left, aborted: left, errors: 0, active: 0 });
    await untilCounted(product, "left-free.test", { requests: resets.get("left-free.test") ?? 0, active: 0 });
  });

  it("while the upstream takes nothing of its upload gives its place back, and has the upstream let go once that reads on", async () => {
    upstream.answer("/left/deaf", ({ socket }) => void socket.pause());
    const client = openRaw(product.edge);
    client.write(upload("left.test", "/left/deaf", `Content-Length: ${64 * MIB}`));
    const sent = Readable.from(demoBytes(0, 64 * MIB));
    sent.pipe(client);
    const { socket } = await upstream.untilAsked("/left/deaf");
    await sleep(1_000);
    client.resetAndDestroy();
    const left = (resets.get("left.test") ?? 0) + 1;
    await untilCounted(product, "left.test", { requests: left, aborted: left, active: 0 });
    socket.resume();
    if (!socket.closed) await once(socket, "close");
  });
});
