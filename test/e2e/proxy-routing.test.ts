// Routing through the whole product over real sockets: which entry serves a request, which is switched off, which leads
// elsewhere.

import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSecrets } from "../../relay/serve/secrets.ts";
import { type MirrorOrigin, type Seen, startMirrorOrigin } from "../support/mirror-origin.ts";
import { type Product, startProduct } from "../support/product.ts";
import { untilCounted } from "../support/stats.ts";

let origin: MirrorOrigin;
let product: Product;

beforeAll(async () => {
  origin = await startMirrorOrigin();
  const { url } = origin;
  product = await startProduct({
    config: {
      hosts: [
        { host: "app.example.test", upstreams: [`${url}/exact`] },
        { host: "app.example.test", path: "/api/*", upstreams: [`${url}/api`] },
        { host: "app.example.test", path: "/api/v2/*", upstreams: [`${url}/v2`] },
        { host: "*.example.test", upstreams: [`${url}/wild`] },
        { host: "*.deep.example.test", upstreams: [`${url}/deep`] },
        { host: "bücher.test", upstreams: [`${url}/umlaut`] },
        { host: "*.xn--mnchen-3ya.test", upstreams: [`${url}/punycode`] },
        { host: "off.example.test", enabled: false, upstreams: [url] },
        { host: "tls.test", redirect: { https: true }, trusted_proxies: ["198.51.100.1"], upstreams: [url] },
        { host: "old.test", redirect: { to: "https://new.test/base", status: 301 } },
        { host: "gone.test", redirect: { to: "https://new.test/", keep_path: false, status: 302 } },
      ],
    },
  });
}, 60_000);

afterAll(async () => {
  await product.stop();
  await origin.stop();
});

/** The status and Location of a request that is sent as it stands. */
async function raw(head: string): Promise<{ status: string; location: string | undefined; text: string }> {
  const socket = connect(Number(new URL(product.edge).port), "127.0.0.1");
  socket.end(`${head}\r\nConnection: close\r\n\r\n`);
  let text = "";
  for await (const chunk of socket.setEncoding("utf8")) text += chunk;
  return { status: text.split(" ")[1] ?? "", location: /^location: (.*)$/im.exec(text)?.[1]?.trim(), text };
}

async function servedBy(host: string, path = "/x"): Promise<string> {
  const reply = await product.fetchHost(host, path);
  if (reply.status !== 200) return String(reply.status);
  return ((await reply.json()) as Seen).target.split("/")[1] ?? "";
}

describe("a request is served by", () => {
  it("the exact host, then the longest wildcard", async () => {
    expect(await servedBy("app.example.test")).toBe("exact");
    expect(await servedBy("other.example.test")).toBe("wild");
    expect(await servedBy("a.deep.example.test")).toBe("deep");
    expect(await servedBy("a.b.example.test")).toBe("wild");
    expect(await servedBy("example.test")).toBe("404");
  });

  it("the longest path", async () => {
    expect(await servedBy("app.example.test", "/api/x")).toBe("api");
    expect(await servedBy("app.example.test", "/api/v2/x")).toBe("v2");
    expect(await servedBy("app.example.test", "/api")).toBe("exact");
  });

  it("the same entry whatever the case, the port and a final dot", async () => {
    for (const host of [
      "APP.Example.TEST",
      "app.example.test:8443",
      "app.example.test.",
      "App.example.test.:80",
    ])
      expect(await servedBy(host), host).toBe("exact");
  });

  it("the entry of an international name in either spelling", async () => {
    expect(await servedBy("xn--bcher-kva.test")).toBe("umlaut");
    expect(await servedBy("a.xn--mnchen-3ya.test")).toBe("punycode");
    for (const host of ["bücher.test", "BÜCHER.test", "b%C3%BCcher.test"])
      expect((await raw(`GET /x HTTP/1.1\r\nHost: ${host}`)).text, host).toContain("/umlaut/x");
    expect((await raw("GET /x HTTP/1.1\r\nHost: a.münchen.test")).text).toContain("/punycode/x");
  });
});

describe("a host that is unknown or switched off", () => {
  it("is a page for browsers and JSON for programs, with code and request id", async () => {
    for (const [host, status, code] of [
      ["nobody.test", 404, "host_unknown"],
      ["off.example.test", 503, "host_disabled"],
    ] as const) {
      const reply = await product.fetchHost(host, "/x");
      const { error } = (await reply.json()) as { error: { code: string; request_id: string } };
      expect([reply.status, error.code]).toEqual([status, code]);
      expect(reply.headers.get("x-request-id")).toBe(error.request_id);
      const page = await product.fetchHost(host, "/%3Cscript%3E", { headers: { accept: "text/html" } });
      expect(page.headers.get("content-type")).toMatch(/^text\/html/);
      const html = await page.text();
      expect(html).toContain(code);
      expect(html).not.toMatch(/<script|nobody\.test/);
    }
  });

  it("is counted as refused", async () => {
    await untilCounted(product, "off.example.test", { errors: 2, active: 0 });
  });
});

describe("a redirect", () => {
  it("leads plain HTTP to https, with path and query as they came", async () => {
    const reply = await raw("GET /a//b%2F?c=%20d HTTP/1.1\r\nHost: tls.test:8080");
    expect(reply).toMatchObject({ status: "308", location: "https://tls.test/a//b%2F?c=%20d" });
    const post = await product.fetchHost("tls.test", "/x", { method: "POST", body: "x" });
    expect(post.status).toBe(308);
  });

  it("lets through what came by https to a trusted proxy, and nobody who only says so", async () => {
    const front = { "x-causeway-front": (await readSecrets(product.stateDir)).FRONT_SECRET ?? "" };
    const secure = { "x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.1" };
    const via = { ...front, ...secure, "x-causeway-client": "198.51.100.1" };
    expect((await product.fetchHost("tls.test", "/x", { headers: via })).status).toBe(200);
    expect((await product.fetchHost("tls.test", "/x", { headers: secure })).status).toBe(308);
  });

  it("leads to another address, with or without the path", async () => {
    expect(await raw("GET /a?b HTTP/1.1\r\nHost: old.test")).toMatchObject({
      status: "301",
      location: "https://new.test/base/a?b",
    });
    expect(await raw("GET /a?b HTTP/1.1\r\nHost: gone.test")).toMatchObject({
      status: "302",
      location: "https://new.test/",
    });
  });

  it("leads to no site that the request names", async () => {
    for (const host of ["tls.test", "old.test"])
      for (const path of [
        "//evil.test",
        "/\\evil.test",
        "/.evil.test",
        "/@evil.test",
        "//evil.test/%2e%2e",
      ]) {
        const { location } = await raw(`GET ${path} HTTP/1.1\r\nHost: ${host}`);
        expect(["tls.test", "new.test"], path).toContain(new URL(location ?? "").hostname);
      }
  });

  it("is counted as a request that was answered", async () => {
    await untilCounted(product, "gone.test", { requests: 1, errors: 0, active: 0 });
  });
});
