// The HTTP cache of a host through the whole product, over real sockets: what it answers, from what, and for how long.

import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { CacheOrigin } from "../support/cache-origin.ts";
import { CachedHosts, HOST } from "../support/cached-hosts.ts";
import type { Product } from "../support/product.ts";
import { untilCounted } from "../support/stats.ts";

const HOUR = { "Cache-Control": "max-age=3600" };
const MIB = 1024 * 1024;

let hosts: CachedHosts;
let origin: CacheOrigin;
let product: Product;
let get: CachedHosts["get"];

beforeAll(async () => {
  hosts = await CachedHosts.start({
    "twin.test": { cache: true },
    "counted.test": { cache: true },
    "exact.test": { cache: true },
    "plain.test": {},
    "front.test": { cache: true, headers: { request: { set: { "X-Country": "{country}" } } } },
  });
  ({ origin, product } = hosts);
  get = (...asked) => hosts.get(...asked);
}, 60_000);

afterAll(() => hosts?.stop());

describe("a stored reply", () => {
  it("answers later requests, with its age and the word that it did", async () => {
    origin.counts("/hit", { ...HOUR, "X-Any": "kept", "X-Request-Id": "the first one's" });
    const first = await get("/hit");
    expect(first.cache).toBe("fwd=uri-miss; fwd-status=200; stored");
    const second = await get("/hit");
    expect(second).toMatchObject({ status: 200, text: "body 1" });
    expect(second.cache).toMatch(/^hit; ttl=\d+; detail=memory$/);
    expect(second.headers.get("x-any")).toBe("kept");
    expect(second.headers.get("age")).toMatch(/^\d+$/);
    expect(second.headers.get("x-request-id")).not.toBe("the first one's");
    expect(origin.requests("/hit")).toHaveLength(1);
  });

  it("is not looked for on hosts without a cache, nor shared between hosts and queries", async () => {
    origin.counts("/apart", HOUR);
    expect((await get("/apart")).text).toBe("body 1");
    expect((await get("/apart", {}, { host: "twin.test" })).text).toBe("body 2");
    expect((await get("/apart", {}, { host: "plain.test" })).text).toBe("body 3");
    expect((await get("/apart", {}, { host: "plain.test" })).headers.has("cache-status")).toBe(false);
    expect((await get("/apart?a")).text).toBe("body 5");
    expect((await get("/apart")).text).toBe("body 1");
  });

  it("keeps apart what a port in Host makes two addresses: upstreams build links of it", async () => {
    origin.on("/links", (request, response) =>
      response.writeHead(200, HOUR).end(`http://${request.headers["x-forwarded-host"]}/next`),
    );
    expect((await get("/links", {}, { host: `${HOST}:1234` })).text).toBe(`http://${HOST}:1234/next`);
    expect((await get("/links")).text).toBe(`http://${HOST}/next`);
  });

  it("answers HEAD, conditions and ranges", async () => {
    origin.on("/parts", (_request, response) =>
      response.writeHead(200, { ...HOUR, ETag: '"v1"' }).end("0123456789"),
    );
    await get("/parts");
    const head = await get("/parts", {}, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length"), head.text]).toEqual([200, "10", ""]);
    expect((await get("/parts", { "If-None-Match": '"v0", W/"v1"' })).status).toBe(304);
    const part = await get("/parts", { Range: "bytes=2-4" });
    expect(part).toMatchObject({ status: 206, text: "234" });
    expect(part.headers.get("content-range")).toBe("bytes 2-4/10");
    expect((await get("/parts", { Range: "bytes=-3" })).text).toBe("789");
    const several = await get("/parts", { Range: "bytes=0-1,8-" });
    expect(several.headers.get("content-type")).toMatch(/^multipart\/byteranges; boundary=/);
    expect(several.text).toContain("Content-Range: bytes 8-9/10\r\n\r\n89\r\n--");
    const beyond = await get("/parts", { Range: "bytes=10-" });
    expect([beyond.status, beyond.headers.get("content-range")]).toEqual([416, "bytes */10"]);
    expect((await get("/parts", { Range: "bytes=2-4", "If-Range": '"v0"' })).text).toBe("0123456789");
    expect(origin.requests("/parts")).toHaveLength(1);
  });

  it("keeps an encoded body as it came, for those who accept it", async () => {
    const text = "words ".repeat(5_000);
    origin.on("/coded", (request, response) => {
      const isCoded = request.headers["accept-encoding"]?.includes("gzip");
      const fields = { ...HOUR, Vary: "Accept-Encoding" };
      if (isCoded) response.writeHead(200, { ...fields, "Content-Encoding": "gzip" }).end(gzipSync(text));
      else response.writeHead(200, fields).end(text);
    });
    for (const _round of [1, 2]) {
      const coded = await product.fetchHost(HOST, "/coded", { headers: { "Accept-Encoding": "gzip" } });
      expect(coded.headers.get("content-encoding")).toBe("gzip");
      expect(gunzipSync(Buffer.from(await coded.arrayBuffer())).toString()).toBe(text);
      expect((await get("/coded", { "Accept-Encoding": "identity" })).text).toBe(text);
    }
    expect(origin.requests("/coded")).toHaveLength(2);
    const several = await product.fetchHost(HOST, "/coded", {
      headers: { "Accept-Encoding": "gzip", Range: "bytes=0-1,8-" },
    });
    expect(gunzipSync(Buffer.from(await several.arrayBuffer())).toString()).toBe(text);
  });

  it("may be large, or of unknown length", async () => {
    const large = Buffer.alloc(3 * MIB, "abcdefgh");
    origin.on("/large", (_request, response) =>
      response.writeHead(200, { ...HOUR, "Content-Length": large.length }).end(large),
    );
    origin.on("/chunked", (_request, response) => {
      response.writeHead(200, HOUR).write("one ");
      response.end("two");
    });
    for (const path of ["/large", "/chunked"]) {
      await get(path);
      await vi.waitFor(async () => expect((await get(path)).cache).toMatch(/^hit/));
    }
    expect((await get("/large")).text).toBe(large.toString());
    expect(await get("/large", { Range: `bytes=${2 * MIB}-${2 * MIB + 7}` })).toMatchObject({
      status: 206,
      text: "abcdefgh",
    });
    expect((await get("/chunked")).text).toBe("one two");
    expect(origin.requests("/chunked")).toHaveLength(1);
  });

  it("of unknown length is passed on as it comes while it is stored", async () => {
    const { promise: goOn, resolve: finish } = Promise.withResolvers<void>();
    origin.on("/stream", (_request, response) => {
      response.writeHead(200, HOUR).write("first");
      void goOn.then(() => response.end(" last"));
    });
    const reply = await product.fetchHost(HOST, "/stream");
    const reader = reply.body?.getReader();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe("first");
    finish();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe(" last");
    await vi.waitFor(async () => expect((await get("/stream")).cache).toMatch(/^hit/));
    expect((await get("/stream")).text).toBe("first last");
  });

  it("is counted as a hit, and its bytes as sent", async () => {
    origin.counts("/counted", HOUR);
    for (let n = 0; n < 3; n++) await get("/counted", {}, { host: "counted.test" });
    await untilCounted(product, "counted.test", { requests: 3, hits: 2, misses: 1, down: 18 });
  });
});

describe("what is counted of a cached host", () => {
  it("is the bytes that its clients got, whichever way they came", async () => {
    const host = "exact.test";
    const coded = gzipSync(Buffer.alloc(70_000, "abc"));
    origin.on("/coded", (_request, response) =>
      response.writeHead(200, { ...HOUR, ETag: '"c"', "Content-Encoding": "gzip" }).end(coded),
    );
    origin.on("/mid", (_request, response) =>
      response.writeHead(200, { ...HOUR, "Content-Length": 100_000 }).end(Buffer.alloc(100_000, "m")),
    );
    origin.on("/big", (_request, response) =>
      response.writeHead(200, { ...HOUR, "Content-Length": 2 * MIB }).end(Buffer.alloc(2 * MIB, "b")),
    );
    let [requests, down] = [0, 0];
    const ask = async (path: string, headers: Record<string, string> = {}, method = "GET") => {
      const reply = await product.fetchHost(host, path, { headers, method });
      requests++;
      down += (await reply.arrayBuffer()).byteLength;
      return reply;
    };
    for (const path of ["/coded", "/mid", "/big"]) {
      await ask(path);
      await vi.waitFor(async () =>
        expect((await ask(path, {}, "HEAD")).headers.get("cache-status")).toContain("hit"),
      );
      expect((await ask(path)).status).toBe(200);
      expect((await ask(path, { Range: "bytes=5-104" })).status).toBe(206);
      expect((await ask(path, { Range: "bytes=0-4,50-59" })).status).toBe(path === "/mid" ? 206 : 200);
      expect((await ask(path, { Range: "bytes=9999999-" })).status).toBe(416);
    }
    expect((await ask("/coded", { "If-None-Match": '"c"' })).status).toBe(304);
    await untilCounted(product, host, { requests, down });
  });
});

describe("Vary", () => {
  it("keeps the replies of an address apart by the fields that it names", async () => {
    origin.on("/vary", (request, response, count) =>
      response.writeHead(200, { ...HOUR, Vary: "X-Lang" }).end(`${request.headers["x-lang"]} ${count}`),
    );
    expect((await get("/vary", { "X-Lang": "de" })).text).toBe("de 1");
    expect((await get("/vary", { "X-Lang": "en" })).text).toBe("en 2");
    expect((await get("/vary", { "X-Lang": "de" })).text).toBe("de 1");
    expect((await get("/vary")).text).toBe("undefined 3");
  });

  it("goes by what the upstream is told, not by what the client claims", async () => {
    origin.on("/told", (request, response, count) =>
      response
        .writeHead(200, { ...HOUR, Vary: "X-Country" })
        .end(`${request.headers["x-country"] ?? ""} ${count}`),
    );
    const first = await get("/told", { "X-Country": "DE" }, { host: "front.test" });
    expect((await get("/told", { "X-Country": "FR" }, { host: "front.test" })).text).toBe(first.text);
  });
});

describe("a stale reply", () => {
  it("is validated, and freshened by a 304", async () => {
    origin.on("/validated", (request, response, count) => {
      const isKnown = request.headers["if-none-match"] === '"v"';
      const fields = {
        "Cache-Control": count === 1 ? "max-age=0" : "max-age=3600",
        ETag: '"v"',
        "X-Count": String(count),
      };
      response.writeHead(isKnown ? 304 : 200, fields).end(isKnown ? undefined : `body ${count}`);
    });
    await get("/validated");
    const validated = await get("/validated");
    expect(validated).toMatchObject({ text: "body 1", cache: "fwd=stale; fwd-status=304; stored" });
    expect(validated.headers.get("x-count")).toBe("2");
    expect((await get("/validated")).cache).toMatch(/^hit/);
  });

  it("is served at once and validated behind, where the upstream allows it", async () => {
    origin.counts("/behind", { "Cache-Control": "max-age=0, stale-while-revalidate=60" });
    await get("/behind");
    const stale = await get("/behind");
    expect(stale.text).toBe("body 1");
    expect(stale.cache).toMatch(/detail=stale$/);
    await origin.requested("/behind", 2);
    await vi.waitFor(async () => expect((await get("/behind")).text).not.toBe("body 1"));
  });

  it("stands in for an error or a lost upstream as far as it may", async () => {
    const answer = (path: string, control: string) =>
      origin.on(path, (request, response, count) => {
        if (count === 1) response.writeHead(200, { "Cache-Control": control }).end("good");
        else if (request.url?.includes("cut")) response.destroy();
        else response.writeHead(503, { "Content-Length": "0" }).end();
      });
    answer("/sie", "max-age=1, stale-if-error=60");
    answer("/must", "max-age=1, must-revalidate");
    answer("/cut/may", "max-age=1");
    answer("/cut/must", "max-age=1, must-revalidate");
    const paths = ["/sie", "/must", "/cut/may", "/cut/must"];
    for (const path of paths) expect((await get(path)).text).toBe("good");
    // Freshness ends with time alone.
    await sleep(1_100);
    expect((await get("/sie")).cache).toMatch(/detail=error$/);
    expect((await get("/must")).status).toBe(503);
    expect((await get("/cut/may")).cache).toMatch(/detail=unreachable$/);
    expect((await get("/cut/must")).status).toBe(502);
  });
});

describe("a request's wishes", () => {
  it("are honoured: no-cache validates, only-if-cached never goes further", async () => {
    origin.counts("/wishes", HOUR);
    const miss = await get("/wishes", { "Cache-Control": "only-if-cached" });
    expect([miss.status, origin.requests("/wishes").length]).toEqual([504, 0]);
    await get("/wishes");
    expect((await get("/wishes", { "Cache-Control": "only-if-cached" })).text).toBe("body 1");
    expect((await get("/wishes", { Pragma: "no-cache" })).text).toBe("body 2");
    expect((await get("/wishes", { "Cache-Control": "no-store" })).text).toBe("body 3");
    expect((await get("/wishes")).text).toBe("body 2");
  });
});
