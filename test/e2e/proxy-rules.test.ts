// The reverse proxy's decisions through the whole product: routes, headers, limits, deadlines, failures and retries. What any
// proxy must do is in test/conformance.

import { once } from "node:events";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type OddOrigin, startOddOrigin } from "../support/odd-origin.ts";
import { type Product, startProduct } from "../support/product.ts";
import { untilCounted } from "../support/stats.ts";

/** Nothing listens there. */
const CLOSED = "http://127.0.0.1:9";

let odd: OddOrigin;
let product: Product;

beforeAll(async () => {
  odd = await startOddOrigin();
  product = await startProduct({
    config: (demo) => ({
      hosts: [
        { host: "app.test", upstreams: [demo] },
        { host: "base.test", upstreams: [`${odd.url}/base/`] },
        { host: "odd.test", upstreams: [odd.url], response_header_timeout: "1s" },
        { host: "plain.test", upstreams: [odd.url], meter: false },
        { host: "down.test", upstreams: [CLOSED] },
        { host: "spare.test", upstreams: [CLOSED, demo], policy: "first" },
        { host: "never.test", upstreams: [CLOSED, demo], policy: "first", retries: 0 },
        { host: "small.test", upstreams: [demo], max_body: "1KiB" },
        { host: "busy.test", upstreams: [odd.url], max_connections: 1, response_header_timeout: "10s" },
        { host: "part.test", upstreams: [odd.url] },
        { host: "reset.test", upstreams: [odd.url], max_connections: 1, response_header_timeout: "30s" },
        { host: "paths.test", upstreams: [odd.url] },
        { host: "paths.test", path: "/admin/*", upstreams: [CLOSED] },
      ],
    }),
  });
}, 60_000);

afterAll(async () => {
  await product.stop();
  await odd.stop();
});

/** 2,000 bytes that take longer than one write. */
async function* inPieces(): AsyncGenerator<Buffer> {
  for (let i = 0; i < 4; i++) {
    yield Buffer.alloc(500);
    await sleep(20);
  }
}

async function failure(reply: Response): Promise<{ status: number; code: string }> {
  const { error } = (await reply.json()) as { error: { code: string; request_id: string } };
  expect(reply.headers.get("x-request-id")).toBe(error.request_id);
  return { status: reply.status, code: error.code };
}

/** The reply to a request sent as it stands; a client library would tidy its target. */
async function raw(head: string): Promise<string> {
  const socket = connect(Number(new URL(product.edge).port), "127.0.0.1");
  socket.end(`${head}\r\nConnection: close\r\n\r\n`);
  let text = "";
  for await (const chunk of socket.setEncoding("latin1")) text += chunk;
  return text;
}

describe("routing", () => {
  it("answers an unknown host with 404 and a request id", async () => {
    expect(await failure(await product.fetchHost("nobody.test", "/"))).toEqual({
      status: 404,
      code: "host_unknown",
    });
  });

  it("ignores case, port and trailing dot of Host", async () => {
    for (const host of ["APP.test", "app.test.", "app.test:8443"])
      expect((await product.fetchHost(host, "/bytes/1")).status, host).toBe(200);
  });

  it("refuses a Host that reaches into other parts of the URL, or is read as one only once it is parsed", async () => {
    const hosts = [
      "app.test/x?",
      "app.test#.b.test",
      "x@app.test",
      "app.test\\.b.test",
      "app%2Etest",
      "app.\ttest",
    ];
    for (const host of hosts)
      expect(await raw(`GET /bytes/1 HTTP/1.1\r\nHost: ${host}`), host).toMatch(/ 400 [\s\S]*bad_request/);
  });

  it("puts the upstream's base path before the request's", async () => {
    expect(await (await product.fetchHost("base.test", "/a%20b/?q=%2F&r")).text()).toBe(
      "/base/a%20b/?q=%2F&r",
    );
  });

  it("routes and fetches the same path, however it is spelt", async () => {
    const spellings = {
      "/x/../y": "/y",
      "/x/%2e%2E/y": "/y",
      "/x\\..\\y": "/y",
      "/a//b": "/a//b",
      "/caf%C3%A9%2Fx": "/caf%C3%A9%2Fx",
    };
    for (const [target, path] of Object.entries(spellings)) {
      const reply = await raw(`GET ${target} HTTP/1.1\r\nHost: odd.test`);
      expect(reply.slice(reply.indexOf("\r\n\r\n") + 4), target).toContain(path);
    }
  });

  it("lets no spelling around the entry of a path", async () => {
    const targets = [
      "/admin/x",
      "/x/../admin/x",
      "/x/%2e%2e/admin/x",
      "/\\admin/x",
      "/admin%2Fx",
      "/%61dmin/x",
      "//admin/x",
    ];
    for (const target of targets) {
      const reply = await raw(`GET ${target} HTTP/1.1\r\nHost: paths.test`);
      expect(reply.split(" ")[1], target).toMatch(/404|502/);
    }
  });
});

describe("headers", () => {
  it("tell the upstream who asked, and drop what the client claims and what is hop-by-hop", async () => {
    const headers = {
      connection: "X-Private",
      "x-private": "1",
      "proxy-authorization": "Basic eA==",
      "x-forwarded-for": "9.9.9.9",
      "x-real-ip": "9.9.9.9",
      "x-client-ip": "9.9.9.9",
      "x-original-url": "/admin",
      "x-rewrite-url": "/admin",
      forwarded: "for=9.9.9.9",
      te: "trailers",
      "keep-alive": "timeout=5",
      cookie: "a=b",
    };
    const reply = await product.fetchHost("app.test", "/headers", { headers });
    const seen = (await reply.json()) as Record<string, string>;
    expect(seen).toMatchObject({
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-host": "app.test",
      "x-forwarded-proto": "http",
      cookie: "a=b",
    });
    for (const name of Object.keys(headers))
      if (!/^(?:cookie|connection|x-forwarded-for)$/.test(name)) expect(seen).not.toHaveProperty(name);
  });

  it("keep the upstream's request id, metered or not", async () => {
    for (const host of ["odd.test", "plain.test"]) {
      const { headers } = await product.fetchHost(host, "/request-id");
      expect(headers.get("x-request-id"), host).toBe("the-upstream's");
    }
  });

  it("lead redirects back to the public host", async () => {
    async function redirect(to: string): Promise<string | null> {
      const path = `/redirect?to=${encodeURIComponent(to)}`;
      return (await product.fetchHost("app.test:8080", path)).headers.get("location");
    }
    expect(await redirect(`${product.demo}/login?a=b`)).toBe("http://app.test:8080/login?a=b");
    expect(await redirect("/login")).toBe("/login");
    expect(await redirect("https://other.test/x")).toBe("https://other.test/x");
  });
});

describe("limits", () => {
  it("max_body: 413 by Content-Length", async () => {
    const reply = await product.fetchHost("small.test", "/upload", {
      method: "POST",
      body: "x".repeat(1025),
    });
    expect(await failure(reply)).toEqual({ status: 413, code: "body_too_large" });
    const fits = await product.fetchHost("small.test", "/upload", { method: "POST", body: "x".repeat(1024) });
    expect(await fits.json()).toMatchObject({ bytes: 1024 });
  });

  it("max_body: 413 by count without Content-Length", async () => {
    const body = Readable.from(inPieces());
    const reply = await product.fetchHost("small.test", "/upload", { method: "POST", body });
    expect(await failure(reply)).toEqual({ status: 413, code: "body_too_large" });
    await untilCounted(product, "small.test", { requests: 3, errors: 2, aborted: 0, active: 0 });
  });

  it("a GET with a body is a 400, which is not the upstream's fault", async () => {
    const empty = await raw("GET /bytes/1 HTTP/1.1\r\nHost: app.test\r\nContent-Length: 0");
    expect(empty).toMatch(/^HTTP\/1.1 200 /);
    // The bytes that `raw` puts behind are the body.
    const full = await raw("GET /bytes/1 HTTP/1.1\r\nHost: app.test\r\nContent-Length: 4\r\n\r\n");
    expect(full).toMatch(/^HTTP\/1.1 400 [\s\S]*body_not_allowed/);
  });

  it("max_connections: 503 with Retry-After until one has ended", async () => {
    const leaving = new AbortController();
    const open = await product.fetchHost("busy.test", "/drip", { signal: leaving.signal });
    const refused = await product.fetchHost("busy.test", "/x");
    expect(refused.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(await failure(refused)).toEqual({ status: 503, code: "too_many_connections" });
    expect(open.status).toBe(200);
    leaving.abort();
    await vi.waitFor(
      async () => expect((await product.fetchHost("busy.test", "/x")).status).toBe(200),
      5_000,
    );
  });
});

describe("an upstream", { timeout: 20_000 }, () => {
  it("that is down is a 502 with code and request id, counted as an error", async () => {
    expect(await failure(await product.fetchHost("down.test", "/"))).toEqual({
      status: 502,
      code: "upstream_unreachable",
    });
    await untilCounted(product, "down.test", { requests: 1, errors: 1, aborted: 0, active: 0 });
  });

  it("that is down is stood in for by another one, for requests that can be repeated", async () => {
    expect((await product.fetchHost("spare.test", "/bytes/10")).status).toBe(200);
    const post = await product.fetchHost("spare.test", "/upload", { method: "POST", body: "x" });
    expect(await failure(post)).toEqual({ status: 502, code: "upstream_unreachable" });
    expect((await product.fetchHost("never.test", "/bytes/10")).status).toBe(502);
    await untilCounted(product, "spare.test", { requests: 2, errors: 1, aborted: 0, active: 0 });
  });

  it("that takes an upload and does not answer is a 504, and its request is given up", async () => {
    const path = "/hang?upload";
    const reply = product.fetchHost("odd.test", path, { method: "POST", body: "x" });
    const closed = once((await odd.requested(path)).socket, "close");
    expect(await failure(await reply)).toEqual({ status: 504, code: "upstream_timeout" });
    await closed;
  });

  it("never gets an upload that breaks off as if it were whole", async () => {
    for (const [host, length] of [
      ["odd.test", "Content-Length: 50000"],
      ["odd.test", "Transfer-Encoding: chunked"],
      ["plain.test", "Transfer-Encoding: chunked"],
    ]) {
      const path = `/take?${host}${length}`.replaceAll(" ", "");
      const socket = connect(Number(new URL(product.edge).port), "127.0.0.1");
      socket.write(
        `POST ${path} HTTP/1.1\r\nHost: ${host}\r\n${length}\r\n\r\n3e8\r\n${"x".repeat(1000)}\r\n`,
      );
      const request = await odd.requested(path);
      // Its error is what is hoped for.
      request.on("error", () => undefined);
      const closed = new Promise((resolve) => request.once("close", resolve));
      socket.end();
      await closed;
      expect([length, request.complete]).toEqual([length, false]);
    }
  });

  it("gets none of an upload that its client leaves, which is marked aborted", async () => {
    const heads = ["Content-Length: 1000", "Content-Length: 3000000", "Transfer-Encoding: chunked"];
    for (const [index, head] of heads.entries()) {
      const socket = connect(Number(new URL(product.edge).port), "127.0.0.1");
      socket.end(`POST /take HTTP/1.1\r\nHost: part.test\r\n${head}\r\n\r\n3e8\r\n${"x".repeat(500)}`);
      await untilCounted(product, "part.test", {
        requests: index + 1,
        aborted: index + 1,
        errors: 0,
        active: 0,
      });
    }
  });

  it("is let go when the client resets, and the client's place is free again", async () => {
    const path = "/hang?reset";
    const socket = connect(Number(new URL(product.edge).port), "127.0.0.1");
    socket.write(`GET ${path} HTTP/1.1\r\nHost: reset.test\r\n\r\n`);
    const closed = once((await odd.requested(path)).socket, "close");
    socket.resetAndDestroy();
    await closed;
    await untilCounted(product, "reset.test", { requests: 1, aborted: 1, errors: 0, active: 0 });
    expect((await product.fetchHost("reset.test", "/x")).status).toBe(200);
  });
});
