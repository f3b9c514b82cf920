// What the HTTP cache of a host never does, through the whole product: store what is not for everyone or not whole, share one
// client's reply with another, or go on using what was changed or purged.

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
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
  hosts = await CachedHosts.start({
    "other.test": { cache: true },
    "told.test": {
      cache: true,
      basic_auth: ["ann", "bob"].map((user) => ({ user, password: "a password of theirs" })),
      headers: { request: { set: { "X-User": "{user}" }, remove: ["Authorization"] } },
    },
    "members.test": {
      cache: true,
      basic_auth: ["ann", "bob"].map((user) => ({ user, password: "a password of theirs" })),
      headers: { request: { remove: ["Authorization"] } },
    },
  });
  ({ origin, product } = hosts);
  get = (...asked) => hosts.get(...asked);
}, 60_000);

afterAll(() => hosts?.stop());

describe("what is not stored", () => {
  it.each([
    ["private", { "Cache-Control": "private, max-age=60" }, {}],
    ["no-store", { "Cache-Control": "no-store" }, {}],
    ["a cookie for one client", { ...HOUR, "Set-Cookie": "session=1" }, {}],
    ["an answer to Authorization", HOUR, { Authorization: "Bearer x" }],
    [
      "a guess where there was a cookie",
      { "Last-Modified": "Wed, 01 Jan 2020 00:00:00 GMT" },
      { Cookie: "a=1" },
    ],
    ["what varies by everything", { ...HOUR, Vary: "*" }, {}],
  ])("%s", async (name, fields, headers) => {
    const path = `/never/${encodeURIComponent(name)}`;
    origin.counts(path, fields as Record<string, string>);
    expect((await get(path, headers)).text).toBe("body 1");
    expect((await get(path, headers)).text).toBe("body 2");
  });

  it("a body that breaks off: the client sees it break, and the next one gets it whole", async () => {
    origin.on("/broken", (_request, response, count) => {
      response.writeHead(200, { ...HOUR, "Content-Length": 2 * MIB });
      if (count > 1) response.end(Buffer.alloc(2 * MIB, "w"));
      else response.write(Buffer.alloc(MIB, "b"), () => response.destroy());
    });
    await expect(get("/broken")).rejects.toThrow();
    const next = await get("/broken");
    expect([next.text.length, next.text[0]]).toEqual([2 * MIB, "w"]);
    origin.on("/cut", (_request, response, count) => {
      response.writeHead(200, HOUR);
      if (count > 1) response.end("begun ended");
      else response.write("begun ", () => response.destroy());
    });
    await expect(get("/cut")).rejects.toThrow();
    expect((await get("/cut")).text).toBe("begun ended");
    origin.on("/short", (_request, response, count) => {
      response.writeHead(200, { ...HOUR, "Content-Length": 10 });
      if (count > 1) response.end("0123456789");
      else response.write("01234", () => response.destroy());
    });
    expect((await get("/short")).status).toBe(502);
    expect((await get("/short")).text).toBe("0123456789");
  });

  it("an error that a client made by its own fields", async () => {
    origin.on("/poison", (request, response) => {
      const isOdd =
        request.headers["x-odd"] !== undefined || request.headers["x-http-method-override"] !== undefined;
      response.writeHead(isOdd ? 400 : 200, HOUR).end(isOdd ? "bad" : "good");
    });
    expect((await get("/poison", { "X-Odd": "1" })).text).toBe("bad");
    expect((await get("/poison", { "X-HTTP-Method-Override": "POST" })).text).toBe("good");
    expect((await get("/poison")).text).toBe("good");
  });

  it("an answer to a method that a gateway would read from an odd spelling of the field", async () => {
    origin.on("/spelt", (request, response) =>
      response.writeHead(200, HOUR).end(String(request.headers.x_http_method_override)),
    );
    expect((await get("/spelt", { X_HTTP_Method_Override: "DELETE" })).text).toBe("undefined");
  });

  it("the answer to an empty query under the address without one: upstreams redirect from one to the other", async () => {
    origin.on("/bare", (request, response) => {
      if (request.url === "/bare") response.writeHead(200, HOUR).end("page");
      else response.writeHead(301, { ...HOUR, Location: "/bare", "Content-Length": "0" }).end();
    });
    expect((await get("/bare?")).status).toBe(301);
    expect((await get("/bare")).text).toBe("page");
  });

  it("the answer to a field that Connection keeps from the upstream under the field's value", async () => {
    origin.on("/kept-back", (request, response) =>
      response.writeHead(200, { ...HOUR, Vary: "X-Lang" }).end(String(request.headers["x-lang"])),
    );
    await get("/kept-back", { "X-Lang": "de", Connection: "X-Lang" });
    expect((await get("/kept-back", { "X-Lang": "de" })).text).toBe("de");
  });
});

describe("invalidation", () => {
  it("follows a successful unsafe request, for its address and those that the reply names", async () => {
    const changed = "/items/1";
    origin.counts("/items", HOUR);
    origin.counts(changed, HOUR);
    const read = async () => [(await get("/items")).text, (await get(changed)).text];
    expect(await read()).toEqual(["body 1", "body 1"]);
    origin.on("/items", (request, response, count) => {
      if (request.method === "GET") response.writeHead(200, HOUR).end(`body ${count}`);
      else response.writeHead(count === 2 ? 500 : 201, { Location: changed, "Content-Length": "0" }).end();
    });
    await get("/items", {}, { method: "POST" });
    expect(await read()).toEqual(["body 1", "body 1"]);
    await get("/items", {}, { method: "POST" });
    expect(await read()).toEqual(["body 4", "body 2"]);
  });

  it("comes within 5 s with a purge of an address, of all that begins alike or of a host, and with a push", async () => {
    const paths = ["/purged", "/under/1", "/under/2", "/kept"];
    for (const path of paths) origin.counts(path, HOUR);
    const other = { host: "other.test" };
    const read = async () => [
      ...(await Promise.all(paths.map(async (path) => (await get(path)).text))),
      (await get("/kept", {}, other)).text,
    ];
    expect(await read()).toEqual(["body 1", "body 1", "body 1", "body 1", "body 2"]);
    const orders = [{ url: `http://${HOST}/purged` }, { host: HOST, prefix: "/under/" }, other];
    for (const order of orders) {
      const body = JSON.stringify(order);
      expect((await product.api("/api/cache/purge", { method: "POST", body })).ok).toBe(true);
    }
    const within = { timeout: 5_000, interval: 100 };
    await vi.waitFor(
      async () => expect(await read()).toEqual(["body 2", "body 2", "body 2", "body 1", "body 3"]),
      within,
    );
    await product.push({});
    await vi.waitFor(async () => expect((await get("/kept")).text).not.toBe("body 1"), within);
  }, 20_000);
});

describe("a short body", () => {
  it("may take longer than the idle timeout while it moves", async () => {
    const piece = Buffer.alloc(20_000, "p");
    origin.on("/slow", (_request, response) => {
      response.writeHead(200, { ...HOUR, "Content-Length": String(6 * piece.length) });
      void (async () => {
        for (let n = 0; n < 6; n++) {
          response.write(piece);
          await sleep(600);
        }
        response.end();
      })();
    });
    const slow = await get("/slow");
    expect([slow.status, slow.text.length]).toEqual([200, 6 * piece.length]);
    expect((await get("/slow")).cache).toMatch(/^hit/);
  });
});

describe("requests with credentials", () => {
  const as = (user: string) => ({ Authorization: `Basic ${btoa(`${user}:a password of theirs`)}` });

  it("share replies that the upstream marks as public, but only among themselves", async () => {
    origin.counts("/public", { "Cache-Control": "public, max-age=60" });
    const authorized = { Authorization: "Bearer one" };
    expect((await get("/public", authorized)).text).toBe("body 1");
    expect((await get("/public", authorized)).text).toBe("body 1");
    expect((await get("/public")).text).toBe("body 2");
    expect((await get("/public", { Authorization: "Bearer two" })).text).toBe("body 1");
  });

  it("are let in by the host first, and share what cannot depend on who they are", async () => {
    origin.on("/inside", (request, response, count) =>
      response.writeHead(200, HOUR).end(`${request.headers.authorization} ${count}`),
    );
    expect((await get("/inside", as("ann"), { host: "members.test" })).text).toBe("undefined 1");
    expect((await get("/inside", as("bob"), { host: "members.test" })).text).toBe("undefined 1");
    expect((await get("/inside", {}, { host: "members.test" })).status).toBe(401);
  });

  it("get what is theirs where the upstream is told who they are, until anybody changes it", async () => {
    origin.on("/mine", ({ headers, method }, response, count) =>
      response.writeHead(200, HOUR).end(method === "GET" ? `${headers["x-user"]} ${count}` : ""),
    );
    const read = async (user: string, method = "GET") =>
      (await get("/mine", as(user), { host: "told.test", method })).text;
    expect([await read("ann"), await read("bob"), await read("ann"), await read("bob")]).toEqual([
      "ann 1",
      "bob 2",
      "ann 1",
      "bob 2",
    ]);
    await read("ann", "PUT");
    expect([await read("bob"), await read("ann")]).toEqual(["bob 4", "ann 5"]);
  });
});
