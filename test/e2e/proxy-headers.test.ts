// Header fields through the whole product, as bytes on real connections: what an upstream is told, what a client gets back,
// and what nobody can slip in.

import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSecrets } from "../../relay/serve/secrets.ts";
import { type MirrorOrigin, type Seen, startMirrorOrigin } from "../support/mirror-origin.ts";
import { type Product, startProduct } from "../support/product.ts";
import { untilCounted } from "../support/stats.ts";

let origin: MirrorOrigin;
let product: Product;
let front: Record<string, string>;

beforeAll(async () => {
  origin = await startMirrorOrigin();
  const upstreams = [`${origin.url}/base`];
  product = await startProduct({
    config: {
      hosts: [
        { host: "plain.test", upstreams: [origin.url] },
        {
          host: "rules.test",
          upstreams,
          bearer: [{ name: "ci", token: "a-token-of-these-tests" }],
          headers: {
            request: {
              set: {
                "X-User": "{user}",
                "X-Where": "{scheme}://{host}{path}",
                "X-From": "{client_ip} [{country}]",
              },
              add: { "X-Umlaut": "Grüße" },
              remove: ["Authorization"],
            },
            response: { set: { "X-Served": "{upstream}" }, add: { Vary: "X-A" }, remove: ["Server"] },
          },
        },
        {
          host: "fronted.test",
          upstreams,
          trusted_proxies: ["198.51.100.0/24"],
          forwarded: true,
          allow: ["192.0.2.0/24"],
          rewrite: { strip_prefix: "/api", add_prefix: "/v2" },
          rewrite_cookies: true,
        },
        {
          host: "cors.test",
          upstreams: [origin.url],
          cors: { origins: ["https://app.test"], methods: ["PUT"], headers: ["X-Token"], credentials: true },
          bearer: [{ name: "ci", token: "a-token-of-these-tests" }],
        },
        { host: "loop.test", upstreams: ["http://127.0.0.1:9"] },
      ],
    },
  });
  front = { "x-causeway-front": (await readSecrets(product.stateDir)).FRONT_SECRET ?? "" };
}, 60_000);

afterAll(async () => {
  await product.stop();
  await origin.stop();
});

/** The request as the origin saw it, its fields by name, and the reply. */
async function ask(host: string, path: string, headers: Record<string, string> = {}) {
  const reply = await product.fetchHost(host, path, { headers });
  const seen = (await reply.json()) as Seen;
  return { reply, seen, fields: Object.fromEntries(seen.fields) };
}

function replying(...fields: [string, string][]): string {
  return `reply=${encodeURIComponent(JSON.stringify(fields))}`;
}

/** Everything that comes back for bytes that are sent as they stand. */
async function raw(text: string): Promise<string> {
  const socket = connect(Number(new URL(product.edge).port), "127.0.0.1");
  socket.end(Buffer.from(text, "latin1"));
  let reply = "";
  for await (const chunk of socket.setEncoding("latin1")) reply += chunk;
  return reply;
}

describe("an upstream", () => {
  it("is told who asked, and nothing that the client claims, however it is spelt", async () => {
    await raw(
      [
        "GET /claims HTTP/1.1",
        "Host: plain.test:8080",
        "Connection: close, X-Private, X-Forwarded-For, Via",
        ...[
          "X-Private: 1",
          "X-Forwarded-For: 9.9.9.9",
          "x-forwarded-for: 8.8.8.8",
          "X_Forwarded_For: 9.9.9.9",
        ],
        ...[
          "X-Forwarded_Proto: https",
          "X.Real.IP: 9.9.9.9",
          "Forwarded: for=9.9.9.9",
          "Proxy: http://evil.test",
        ],
        ...["X-Original-URL: /admin", "X-Forwarded-Prefix: /x", "Proxy-Authorization: Basic eA=="],
        ...[
          "TE: trailers",
          "Keep-Alive: timeout=9",
          "X-Causeway-Target: http://evil.test",
          "content_length: 7",
          "Upgrade: h2c",
        ],
        ...["X-Kept: 1", "api_key: k", "Cookie: a=b"],
        "\r\n",
      ].join("\r\n"),
    );
    const { fields } = origin.seen.find(({ target }) => target === "/claims") ?? { fields: [] };
    const own = /^(?:host|connection|cf-|mf-)/;
    expect(fields.filter(([name]) => !own.test(name)).sort()).toEqual([
      ["api_key", "k"],
      ["cookie", "a=b"],
      ["via", "1.1 causeway"],
      ["x-forwarded-for", "127.0.0.1"],
      ["x-forwarded-host", "plain.test:8080"],
      ["x-forwarded-proto", "http"],
      ["x-kept", "1"],
    ]);
    expect(fields.find(([name]) => name === "connection")?.[1] ?? "keep-alive").not.toMatch(/private/i);
  });

  it("gets a body whole, whatever Connection lists", async () => {
    await raw(
      "POST /listed HTTP/1.1\r\nHost: plain.test\r\nConnection: close, Content-Length, Content-Type\r\n" +
        "Content-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello",
    );
    expect(origin.seen.find(({ target }) => target === "/listed")).toMatchObject({ body: "hello" });
  });

  it("sees one request for one, whatever is smuggled", async () => {
    const inner = "GET /smuggled HTTP/1.1\r\nHost: plain.test\r\n\r\n";
    const heads = [
      "Content-Length: 4\r\nTransfer-Encoding: chunked",
      "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
      "Transfer-Encoding : chunked",
      "Transfer-Encoding: xchunked",
      "Transfer_Encoding: chunked\r\nContent-Length: 0",
      "X-A: 1\r\n Transfer-Encoding: chunked",
      "Content-Length: 0\r\nContent-Length: 60",
      "X-A: \x0bTransfer-Encoding: chunked\r\nContent-Length: 0",
    ];
    for (const head of heads) {
      await raw(
        `POST /outer HTTP/1.1\r\nHost: plain.test\r\nConnection: close\r\n${head}\r\n\r\n0\r\n\r\n${inner}`,
      );
      expect(
        origin.seen.filter(({ target }) => target === "/smuggled"),
        head,
      ).toEqual([]);
    }
  });

  it("gets the fields of the host's rules, and no other spelling of them", async () => {
    const { fields, seen } = await ask("rules.test", "/a%0d%0aX-Evil:%201?q", {
      authorization: "Bearer a-token-of-these-tests",
      "x-user": "root",
      x_user: "root",
    });
    expect(seen.target).toBe("/base/a%0d%0aX-Evil:%201?q");
    expect(fields).toMatchObject({
      "x-user": "ci",
      "x-where": "http://rules.test/a%0d%0aX-Evil:%201",
      "x-from": "127.0.0.1 []",
    });
    expect(Buffer.from(fields["x-umlaut"] ?? "", "latin1").toString()).toBe("Grüße");
    for (const name of ["authorization", "x_user", "x-evil"]) expect(fields).not.toHaveProperty(name);
  });

  it("is told the country by whoever may tell the address, and by nobody else", async () => {
    const headers = { authorization: "Bearer a-token-of-these-tests", "x-causeway-country": "DE" };
    const told = { ...headers, ...front, "x-causeway-client": "192.0.2.8" };
    expect((await ask("rules.test", "/x", told)).fields["x-from"]).toBe("192.0.2.8 [DE]");
    const claimed = { ...headers, "cf-ipcountry": "DE", "mf-cf-blob": '{"colo":"FRA","country":"DE"}' };
    expect((await ask("rules.test", "/x", claimed)).fields["x-from"]).toBe("127.0.0.1 []");
  });

  it("is told the chain from the client on that a trusted proxy names", async () => {
    const { fields } = await ask("fronted.test", "/api/x", {
      ...front,
      "x-causeway-client": "198.51.100.1",
      "x-forwarded-for": "6.6.6.6, 192.0.2.8",
      "x-forwarded-proto": "https",
      "x-forwarded-host": "www.test",
    });
    expect(fields).toMatchObject({
      "x-forwarded-for": "192.0.2.8, 198.51.100.1",
      "x-forwarded-proto": "https",
      "x-forwarded-host": "www.test",
      forwarded: "for=192.0.2.8;host=www.test;proto=https, for=198.51.100.1",
    });
    expect(fields).not.toHaveProperty("x-causeway-front");
  });

  it("is reached by the address that a trusted proxy names, and by no address that anybody else names", async () => {
    async function status(client: string, claimed: string): Promise<number> {
      const headers = { ...front, "x-causeway-client": client, "x-forwarded-for": claimed };
      return (await product.fetchHost("fronted.test", "/api/x", { headers })).status;
    }
    expect(await status("198.51.100.1", "192.0.2.8")).toBe(200);
    expect(await status("198.51.100.1", "192.0.2.8, 203.0.113.5")).toBe(403);
    expect(await status("203.0.113.5", "192.0.2.8")).toBe(403);
  });

  it("is not asked by a request that goes in circles", async () => {
    const via = Array(10).fill("1.1 causeway").join(", ");
    const reply = await product.fetchHost("loop.test", "/", { headers: { via } });
    expect([reply.status, ((await reply.json()) as { error: { code: string } }).error.code]).toEqual([
      508,
      "loop_detected",
    ]);
    const body = Buffer.alloc(3_000_000);
    const upload = await product.fetchHost("loop.test", "/", { method: "POST", headers: { via }, body });
    expect(upload.status).toBe(508);
    await untilCounted(product, "loop.test", { errors: 2, active: 0 });
  });
});

describe("a client", () => {
  it("gets the fields of the host's rules", async () => {
    const path = `/x?${replying(["Server", "old/1.0"], ["Vary", "Accept"], ["Connection", "X-Hop"], ["X-Hop", "1"])}`;
    const { reply } = await ask("rules.test", path, { authorization: "Bearer a-token-of-these-tests" });
    expect(Object.fromEntries(reply.headers)).toMatchObject({
      vary: "Accept, X-A",
      "x-served": origin.url,
    });
    for (const name of ["server", "x-hop"]) expect(reply.headers.has(name), name).toBe(false);
  });

  it("is led back, and keeps its cookies, where paths and hosts were rewritten", async () => {
    const path = `/api/x?status=302&${replying(
      ["Location", `${origin.url}/base/v2/login?a=b`],
      ["Set-Cookie", "a=1; Path=/base/v2/x; Domain=127.0.0.1"],
      ["Set-Cookie", "b=2; Expires=Wed, 21 Oct 2037 07:28:00 GMT; Path=/"],
    )}`;
    const { reply, seen } = await ask("fronted.test:8080", path, {
      ...front,
      "x-causeway-client": "192.0.2.8",
    });
    expect(seen.target.split("?")[0]).toBe("/base/v2/x");
    expect(reply.headers.get("location")).toBe("http://fronted.test:8080/api/login?a=b");
    expect(reply.headers.getSetCookie()).toEqual([
      "a=1; Path=/api/x; Domain=fronted.test",
      "b=2; Expires=Wed, 21 Oct 2037 07:28:00 GMT; Path=/api",
    ]);
  });
});

describe("cross-origin access", () => {
  const page = { origin: "https://app.test" };

  it("answers a preflight before any sign-in, without the upstream", async () => {
    const before = origin.seen.length;
    const headers = { ...page, "access-control-request-method": "PUT" };
    const reply = await product.fetchHost("cors.test", "/x", { method: "OPTIONS", headers });
    expect([reply.status, reply.headers.get("access-control-allow-methods")]).toEqual([204, "PUT"]);
    expect(origin.seen.length).toBe(before);
  });

  it("puts its own answer in place of the upstream's", async () => {
    const path = `/x?${replying(["Access-Control-Allow-Origin", "*"], ["Access-Control-Allow-Methods", "DELETE"])}`;
    const authorization = "Bearer a-token-of-these-tests";
    const { reply } = await ask("cors.test", path, { ...page, authorization });
    expect(reply.headers.get("access-control-allow-origin")).toBe("https://app.test");
    expect(reply.headers.get("access-control-allow-methods")).toBeNull();
    expect(reply.headers.get("vary")).toBe("Origin");
    const other = await ask("cors.test", path, { origin: "https://evil.test", authorization });
    expect(other.reply.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("lets a page read why it was refused", async () => {
    const reply = await product.fetchHost("cors.test", "/x", { headers: page });
    expect([reply.status, reply.headers.get("access-control-allow-origin")]).toEqual([
      401,
      "https://app.test",
    ]);
  });
});
