// The reverse proxy with real bytes through the whole product: what arrives, and that the stats say the same.

import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { demoBytes } from "../../relay/demo/bodies.ts";
import { type Product, startProduct } from "../support/product.ts";
import { untilCounted } from "../support/stats.ts";

const MIB = 1024 * 1024;
const LARGE = 64 * MIB;
/** One service for each test that counts, so that no test sees another's bytes. */
const NAMES = ["down", "up", "chunked-up", "gzip", "sizes", "head", "cut", "leave"];

let product: Product;

beforeAll(async () => {
  product = await startProduct({
    config: (demo) => ({
      hosts: [
        ...NAMES.map((name) => ({
          host: `${name}.test`,
          upstreams: [demo],
          max_body: "1GiB",
          response_header_timeout: "5s",
        })),
        { host: "free.test", upstreams: [demo], meter: false, max_body: "1GiB" },
      ],
    }),
  });
}, 60_000);

afterAll(() => product.stop());

async function digest(body: ReadableStream<Uint8Array> | null): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash("sha256");
  let bytes = 0;
  if (body) {
    for await (const chunk of body) {
      hash.update(chunk);
      bytes += chunk.byteLength;
    }
  }
  return { bytes, sha256: hash.digest("hex") };
}

function expected(bytes: number): { bytes: number; sha256: string } {
  const hash = createHash("sha256");
  for (const chunk of demoBytes(0, bytes)) hash.update(chunk);
  return { bytes, sha256: hash.digest("hex") };
}

describe("a download", { timeout: 60_000 }, () => {
  it("of 64 MiB arrives whole and is counted to the byte", async () => {
    const reply = await product.fetchHost("down.test", `/bytes/${LARGE}`);
    expect(reply.headers.get("content-length")).toBe(String(LARGE));
    expect(await digest(reply.body)).toEqual(expected(LARGE));
    await untilCounted(product, "down.test", { requests: 1, down: LARGE, up: 0, aborted: 0, active: 0 });
  });

  it("of any size, with and without a length, is counted to the byte", async () => {
    let sum = 0;
    for (const bytes of [0, 1, 16_384, 16_385, MIB, MIB + 1]) {
      for (const path of [`/bytes/${bytes}`, `/chunked/${bytes}`]) {
        const reply = await product.fetchHost("sizes.test", path);
        expect(await digest(reply.body), path).toEqual(expected(bytes));
        sum += bytes;
      }
    }
    await untilCounted(product, "sizes.test", { requests: 12, down: sum, aborted: 0, errors: 0, active: 0 });
  });

  it("that is compressed passes byte for byte and counts its compressed bytes", async () => {
    const headers = { "accept-encoding": "gzip" };
    let sum = 0;
    for (const bytes of [1_000, 5_000_000]) {
      const direct = await product.fetchHost("free.test", `/gzip/${bytes}`, { headers });
      const reply = await product.fetchHost("gzip.test", `/gzip/${bytes}`, { headers });
      expect(reply.headers.get("content-encoding")).toBe("gzip");
      const body = Buffer.from(await reply.arrayBuffer());
      expect(body.equals(Buffer.from(await direct.arrayBuffer()))).toBe(true);
      expect(gunzipSync(body).byteLength).toBe(bytes);
      sum += body.byteLength;
    }
    await untilCounted(product, "gzip.test", { requests: 2, down: sum, active: 0 });
  });

  it("without a body keeps its headers: HEAD, 204 and 304", async () => {
    const head = await product.fetchHost("head.test", "/bytes/5000000", { method: "HEAD" });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "5000000"]);
    for (const status of [204, 304])
      expect((await product.fetchHost("head.test", `/status/${status}`)).status).toBe(status);
    await untilCounted(product, "head.test", { requests: 3, down: 0, errors: 0, aborted: 0, active: 0 });
  });
});

describe("an upload", { timeout: 60_000 }, () => {
  it("of 64 MiB arrives whole and is counted to the byte", async () => {
    const body = Readable.from(demoBytes(0, LARGE));
    const headers = { "content-length": String(LARGE) };
    const reply = await product.fetchHost("up.test", "/upload", { method: "PUT", body, headers });
    const text = await reply.text();
    expect(JSON.parse(text)).toEqual(expected(LARGE));
    await untilCounted(product, "up.test", {
      requests: 1,
      up: LARGE,
      down: text.length,
      aborted: 0,
      active: 0,
    });
  });

  it("without a length arrives whole and is counted to the byte", async () => {
    const body = Readable.from(demoBytes(0, 3 * MIB));
    const reply = await product.fetchHost("chunked-up.test", "/upload", { method: "POST", body });
    expect(await reply.json()).toEqual(expected(3 * MIB));
    await untilCounted(product, "chunked-up.test", { up: 3 * MIB, aborted: 0, active: 0 });
  });
});

describe("a host with meter = false", { timeout: 60_000 }, () => {
  it("passes bodies both ways and counts requests only", async () => {
    const reply = await product.fetchHost("free.test", `/bytes/${3 * MIB}`);
    expect(await digest(reply.body)).toEqual(expected(3 * MIB));
    const body = Readable.from(demoBytes(0, 2 * MIB));
    const headers = { "content-length": String(2 * MIB) };
    const upload = await product.fetchHost("free.test", "/upload", { method: "PUT", body, headers });
    expect(await upload.json()).toEqual(expected(2 * MIB));
    await untilCounted(product, "free.test", { up: 0, down: 0, aborted: 0, errors: 0, active: 0 });
  });
});

describe("a transfer that breaks", { timeout: 60_000 }, () => {
  it("at the upstream breaks the client's connection and is marked aborted", async () => {
    for (const bytes of [200_000, 5_000_000]) {
      const reply = await product.fetchHost("cut.test", `/truncate/${bytes}`);
      expect(reply.status).toBe(200);
      await expect(reply.arrayBuffer()).rejects.toThrow();
    }
    await untilCounted(product, "cut.test", { requests: 2, aborted: 2, active: 0 });
  });

  it("at the upstream before anything was sent on is a 502", async () => {
    const reply = await product.fetchHost("cut.test", "/truncate/1000");
    expect([reply.status, (await reply.json()).error.code]).toEqual([502, "upstream_invalid"]);
  });

  it("at the client is marked aborted", async () => {
    const leaving = new AbortController();
    const path = "/slow?bytes=50000000&ms=30000";
    const reply = await product.fetchHost("leave.test", path, { signal: leaving.signal });
    await reply.body?.getReader().read();
    leaving.abort();
    await untilCounted(product, "leave.test", { requests: 1, aborted: 1, active: 0 });
  });
});
