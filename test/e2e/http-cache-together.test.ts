// Many clients who want the same of a cached host at once, through the whole product: who waits for whose request, and what
// becomes of those who wait when it is not for them.

import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CacheOrigin } from "../support/cache-origin.ts";
import { CachedHosts, HOST } from "../support/cached-hosts.ts";
import type { Product } from "../support/product.ts";

const HOUR = { "Cache-Control": "max-age=3600" };
const MIB = 1024 * 1024;

let hosts: CachedHosts;
let origin: CacheOrigin;
let product: Product;
let get: CachedHosts["get"];

beforeAll(async () => {
  hosts = await CachedHosts.start({});
  ({ origin, product } = hosts);
  get = (...asked) => hosts.get(...asked);
}, 60_000);

afterAll(() => hosts?.stop());

describe("concurrent misses", () => {
  it("become one request to the upstream", async () => {
    let release = (): void => undefined;
    origin.on("/together", (_request, response, count) => {
      release = () => response.writeHead(200, HOUR).end(`body ${count}`);
    });
    const all = Array.from({ length: 20 }, () => get("/together"));
    await origin.requested("/together", 1);
    // The others are on their way over their own sockets; none of them shows at the origin.
    await sleep(200);
    release();
    const got = await Promise.all(all);
    expect(new Set(got.map(({ text }) => text))).toEqual(new Set(["body 1"]));
    expect(origin.requests("/together")).toHaveLength(1);
    expect(got.some(({ cache }) => cache.endsWith("collapsed"))).toBe(true);
  });

  it("are served although the client whose request went out has left", async () => {
    let release = (): void => undefined;
    origin.on("/left", (_request, response, count) => {
      release = () => response.writeHead(200, HOUR).end(`body ${count}`);
    });
    const leaving = new AbortController();
    const first = product.fetchHost(HOST, "/left", { signal: leaving.signal });
    first.catch(() => undefined);
    await origin.requested("/left", 1);
    const others = Array.from({ length: 3 }, () => get("/left"));
    await sleep(200);
    leaving.abort();
    await sleep(50);
    release();
    for (const { text } of await Promise.all(others)) expect(text).toBe("body 1");
  });

  it("are served although the client whose request went out has left in the middle of the body", async () => {
    let finish = (): void => undefined;
    origin.on("/left-late", (_request, response, count) => {
      response.writeHead(200, { ...HOUR, "Content-Length": "6" });
      if (count > 1) response.end("body 2");
      else response.write("bod", () => (finish = () => response.end("y 1")));
    });
    const leaving = connect(Number(new URL(product.edge).port), "127.0.0.1").on("error", () => undefined);
    leaving.write(`GET /left-late HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    await origin.requested("/left-late", 1);
    // The watch has to look at the one who leaves while the others wait.
    await sleep(700);
    const others = Array.from({ length: 3 }, () => get("/left-late"));
    await sleep(200);
    leaving.resetAndDestroy();
    await sleep(1_200);
    finish();
    for (const { status, text } of await Promise.all(others))
      expect([status, text.slice(0, 4)]).toEqual([200, "body"]);
  });

  it("still become one after somebody has asked for nothing to be stored", async () => {
    let release = (): void => undefined;
    origin.on("/unstored", (request, response, count) => {
      const answer = () => response.writeHead(200, HOUR).end(`body ${count}`);
      if (request.headers["cache-control"] === "no-store") answer();
      else release = answer;
    });
    await get("/unstored", { "Cache-Control": "no-store" });
    const both = [get("/unstored"), get("/unstored")];
    await origin.requested("/unstored", 2);
    await sleep(200);
    release();
    for (const { text } of await Promise.all(both)) expect(text).toBe("body 2");
  });

  it("after a change do not join one that was sent before it", async () => {
    const held: (() => void)[] = [];
    let state = "old";
    origin.on("/changed", (request, response) => {
      if (request.method === "POST") {
        state = "new";
        response.writeHead(204).end();
        return;
      }
      const text = state;
      const answer = () => response.writeHead(200, HOUR).end(text);
      if (text === "old") held.push(answer);
      else answer();
    });
    const before = get("/changed");
    await origin.requested("/changed", 1);
    await get("/changed", {}, { method: "POST" });
    const after = get("/changed");
    await sleep(200);
    for (const answer of held) answer();
    expect((await before).text).toBe("old");
    expect((await after).text).toBe("new");
  });

  it("do not wait for a body that is too long to be shared", async () => {
    const { promise: goOn, resolve: finish } = Promise.withResolvers<void>();
    origin.on("/long", (_request, response) => {
      response.writeHead(200, HOUR).write(Buffer.alloc(MIB));
      void goOn.then(() => response.end());
    });
    const both = [get("/long"), get("/long")];
    await origin.requested("/long", 2);
    finish();
    for (const { text } of await Promise.all(both)) expect(text.length).toBe(MIB);
  });

  it("do not share what is for one client only", async () => {
    const held: (() => void)[] = [];
    origin.on("/single", (_request, response, count) => {
      const answer = () => response.writeHead(200, { "Cache-Control": "private" }).end(`body ${count}`);
      if (count > 1) answer();
      else held.push(answer);
    });
    const all = Array.from({ length: 5 }, () => get("/single"));
    await origin.requested("/single", 1);
    await sleep(100);
    for (const answer of held) answer();
    const texts = (await Promise.all(all)).map(({ text }) => text);
    expect(new Set(texts).size).toBe(5);
  });
});
