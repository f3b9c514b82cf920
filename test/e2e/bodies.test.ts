// Bodies over real sockets, both ways: framing, compression, streaming and memory.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { demoBytes } from "../../relay/demo/bodies.ts";
import { askRaw, collect, head, openRaw, upload, valuesOf } from "../conformance/raw-http.ts";
import { ScriptedUpstream } from "../conformance/scripted-upstream.ts";
import { type Product, startProduct } from "../support/product.ts";
import { untilCounted } from "../support/stats.ts";

const MIB = 1024 * 1024;
const LARGE_UPLOAD = 1024 * MIB;

let upstream: ScriptedUpstream;
let product: Product;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  const upstreams = [upstream.url];
  product = await startProduct({
    config: (demo) => ({
      hosts: [
        { host: "plain.test", upstreams, response_header_timeout: "5s" },
        { host: "free.test", upstreams, response_header_timeout: "5s", meter: false },
        { host: "coded.test", upstreams },
        { host: "spare.test", upstreams: ["http://127.0.0.1:9", upstream.url], policy: "first" },
        { host: "large.test", upstreams: [demo], max_body: "2GiB" },
      ],
    }),
  });
}, 60_000);

afterAll(async () => {
  await product.stop();
  await upstream.stop();
});

describe("the framing of a reply", () => {
  it("keeps an announced length, also of nothing", async () => {
    upstream.answer("/empty", head("Content-Length: 0"));
    upstream.answer("/five", `${head("Content-Length: 5")}12345`);
    for (const host of ["plain.test", "free.test"]) {
      const empty = await askRaw(product.edge, host, "/empty");
      expect([empty.status, empty.whole, valuesOf(empty, "content-length")]).toEqual([200, true, ["0"]]);
      const five = await askRaw(product.edge, host, "/five");
      expect([five.body.toString(), valuesOf(five, "content-length")]).toEqual(["12345", ["5"]]);
    }
  });

  it("has no body where HTTP has none, whatever the head says", async () => {
    upstream.answer("/not-modified", 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 500\r\n\r\n');
    upstream.answer("/no-content", "HTTP/1.1 204 No Content\r\n\r\n");
    upstream.answer("/head", head("Content-Length: 70000"));
    for (const host of ["plain.test", "free.test"]) {
      const notModified = await askRaw(product.edge, host, "/not-modified", {
        fields: ['If-None-Match: "x"'],
      });
      expect([notModified.status, notModified.body.length, notModified.end]).toEqual([304, 0, "fin"]);
      const noContent = await askRaw(product.edge, host, "/no-content");
      expect([noContent.status, noContent.bytes.toString("latin1").split("\r\n\r\n")[1]]).toEqual([204, ""]);
      const asked = await askRaw(product.edge, host, "/head", { method: "HEAD" });
      expect([asked.status, valuesOf(asked, "content-length")]).toEqual([200, ["70000"]]);
      expect(asked.bytes.toString("latin1").split("\r\n\r\n")[1]).toBe("");
    }
  });

  it("comes without interim responses and without trailers", async () => {
    const interim =
      "HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
    const body = "5\r\nhello\r\n0\r\nX-Checksum: 1\r\n\r\n";
    upstream.answer("/interim", interim + head("Transfer-Encoding: chunked", "Trailer: X-Checksum") + body);
    for (const host of ["plain.test", "free.test"]) {
      const reply = await askRaw(product.edge, host, "/interim");
      expect([reply.status, reply.body.toString(), reply.whole]).toEqual([200, "hello", true]);
      expect(reply.bytes.toString("latin1").toLowerCase()).not.toContain("x-checksum: 1");
    }
  });

  it("passes a range on, and counts its bytes", async () => {
    upstream.answer("/range", ({ lines, socket }) => {
      const asked = lines.find((line) => /^range:/i.test(line));
      const fields = "Content-Range: bytes 100-199/1000\r\nContent-Length: 100";
      socket.write(`HTTP/1.1 206 Partial Content\r\n${fields}\r\nX-Asked: ${asked?.split(": ")[1]}\r\n\r\n`);
      socket.write("r".repeat(100));
    });
    const reply = await askRaw(product.edge, "coded.test", "/range", { fields: ["Range: bytes=100-199"] });
    expect([reply.status, reply.body.length, valuesOf(reply, "x-asked")]).toEqual([
      206,
      100,
      ["bytes=100-199"],
    ]);
    expect(valuesOf(reply, "content-range")).toEqual(["bytes 100-199/1000"]);
    await untilCounted(product, "coded.test", { requests: 1, down: 100, active: 0 });
  });

  it("leaves compressed bodies as they are, and counts them compressed", async () => {
    const plain = Buffer.concat([...demoBytes(0, 2 * MIB)]).toString("base64");
    let sum = 100;
    for (const size of [500, 100_000, plain.length]) {
      const text = plain.slice(0, size);
      for (const [coding, body] of [
        ["br", brotliCompressSync(text, { params: {} })],
        ["gzip", gzipSync(text)],
      ] as const) {
        const fields = [`Content-Encoding: ${coding}`, `Content-Length: ${body.length}`];
        upstream.answer("/coded", Buffer.concat([Buffer.from(head(...fields)), body]));
        for (const host of ["coded.test", "free.test"]) {
          const reply = await askRaw(product.edge, host, "/coded", {
            fields: [`Accept-Encoding: ${coding}`],
          });
          expect([valuesOf(reply, "content-encoding"), reply.body.equals(body)], host).toEqual([
            [coding],
            true,
          ]);
        }
        sum += body.length;
      }
    }
    await untilCounted(product, "coded.test", { requests: 7, down: sum, active: 0 });
  }, 60_000);

  it("lets the first byte of a stream through within 50 ms", async () => {
    let sentAt = 0;
    upstream.answer("/events", async ({ socket }) => {
      socket.write(head("Content-Type: text/event-stream", "Transfer-Encoding: chunked"));
      await sleep(20);
      sentAt = performance.now();
      socket.write("7\r\ndata: 1\r\n");
    });
    for (const host of ["plain.test", "free.test"]) {
      const delays: number[] = [];
      for (let i = 0; i < 5; i++) {
        const reply = await product.fetchHost(host, "/events");
        const reader = reply.body?.getReader();
        expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe("data: 1");
        delays.push(performance.now() - sentAt);
        await reader?.cancel();
      }
      // The best of five: what the proxy adds, not what else runs on this machine.
      expect(Math.min(...delays), host).toBeLessThan(50);
    }
  });
});

describe("an upload", () => {
  it("of nothing arrives as nothing", async () => {
    upstream.answer("/none", head("Content-Length: 0"));
    for (const host of ["plain.test", "free.test"]) {
      const reply = await askRaw(product.edge, host, "/none", {
        method: "POST",
        fields: ["Content-Length: 0"],
      });
      expect(reply.status).toBe(200);
    }
    for (const { lines } of upstream.asked("/none")) expect(lines.join("\n")).toMatch(/content-length: 0/i);
  });

  it("waits for 100 Continue where the client does, and drops trailers", async () => {
    for (const [host, framing, body] of [
      ["plain.test", "Content-Length: 5", "hello"],
      ["plain.test", "Content-Length: 20000", "x".repeat(20_000)],
      ["free.test", "Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\nX-Checksum: 1\r\n\r\n"],
    ] as const) {
      const path = `/continue-${framing.length}`;
      upstream.answer(path, ({ socket }) => void socket.write(head("Content-Length: 2").concat("ok")));
      const client = openRaw(product.edge);
      client.write(upload(host, path, `${framing}\r\nExpect: 100-continue`));
      const [interim] = (await once(client, "data")) as [Buffer];
      expect(interim.toString("latin1")).toMatch(/^HTTP\/1\.1 100 /);
      const replied = collect(client, { replies: 1 });
      client.write(body);
      expect((await replied).replies[0]?.status).toBe(200);
    }
  });

  it("that is short can be repeated on another upstream, where the method allows it", async () => {
    upstream.answer("/repeated", head("Content-Length: 0"));
    const statuses: number[] = [];
    for (const [method, bytes] of [
      ["PUT", 100],
      ["POST", 100],
      ["PUT", 100_000],
    ] as const)
      statuses.push(
        (await product.fetchHost("spare.test", "/repeated", { method, body: "x".repeat(bytes) })).status,
      );
    expect(statuses).toEqual([200, 502, 502]);
  });

  it("of 1 GiB arrives whole in bounded memory", async () => {
    const pid = product.edgePid ?? 0;
    const before = residentBytes(pid);
    let most = before;
    const timer = setInterval(() => {
      most = Math.max(most, residentBytes(pid));
    }, 50);
    const reply = await product.fetchHost("large.test", "/upload", {
      method: "PUT",
      body: Readable.from(demoBytes(0, LARGE_UPLOAD)),
    });
    clearInterval(timer);
    const hash = createHash("sha256");
    for (const piece of demoBytes(0, LARGE_UPLOAD)) hash.update(piece);
    expect(await reply.json()).toEqual({ bytes: LARGE_UPLOAD, sha256: hash.digest("hex") });
    expect(most - before).toBeLessThan(96 * MIB);
    await untilCounted(product, "large.test", { up: LARGE_UPLOAD, active: 0 });
  }, 120_000);
});

/** Resident memory of a process: Linux only, 0 elsewhere. */
function residentBytes(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
