// Hosts with several upstreams that die and come back, and upstreams behind a relay: the whole way through the product.

import { once } from "node:events";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { type FakeIngress, startFakeIngress } from "../support/fake-ingress.ts";
import { type Product, startProduct } from "../support/product.ts";
import { UpstreamServer } from "../support/upstream-server.ts";

const KEY = "an-ingress-key-of-end-to-end-tests";
const POLL = { timeout: 15_000, interval: 100 };

let a: UpstreamServer;
let b: UpstreamServer;
let ingress: FakeIngress;
let product: Product;

/** The relays as the edge knows them; the product's own one has its ingress on a port that is known later. */
function relays(ownUrl: string): Record<string, unknown>[] {
  return [
    { name: "main", token: "a-token-for-the-control-link-of-tests", url: ownUrl, key: KEY },
    { name: "far", token: "another-token-for-these-tests", url: ingress.url, key: KEY },
    { name: "lost", token: "a-third-token-for-these-tests", url: "http://127.0.0.1:1", key: KEY },
  ];
}

beforeAll(async () => {
  [a, b] = await Promise.all([UpstreamServer.start("a"), UpstreamServer.start("b")]);
  ingress = await startFakeIngress(KEY);
  const upstreams = [a.url, b.url];
  const passive = { max_failures: 2, window: "1m", cooldown: "1s" };
  const active = { path: "/up", interval: "5s", timeout: "1s", fails: 1, body: "I am well" };
  product = await startProduct({
    config: {
      relays: relays("http://127.0.0.1:1"),
      hosts: [
        { host: "first.test", upstreams, policy: "first", health: { passive } },
        {
          host: "once.test",
          upstreams,
          policy: "first",
          retries: 0,
          health: { passive: { max_failures: 0 } },
        },
        {
          host: "status.test",
          upstreams,
          policy: "first",
          health: { passive: { ...passive, statuses: ["5xx"] } },
        },
        { host: "cookie.test", upstreams, policy: "cookie", health: { passive: { max_failures: 0 } } },
        { host: "least.test", upstreams, policy: "least_conn" },
        { host: "active.test", upstreams, policy: "first", health: { active } },
        { host: "far.test", upstreams: [a.url], via: "relay:far" },
        {
          host: "checked.test",
          upstreams: [a.url, b.url],
          policy: "first",
          via: "relay:far",
          health: { active },
        },
        { host: "lost.test", upstreams: [a.url], via: "relay:lost" },
        { host: "own.test", upstreams: [a.url], via: "relay:main" },
        { host: "dead.test", upstreams: ["http://127.0.0.1:1"], via: "relay:main" },
      ],
    },
    relay: {
      inbounds: [
        { kind: "mixed", listen: "127.0.0.1:0", auth: "none" },
        { kind: "ingress", listen: "127.0.0.1:0", key: KEY },
      ],
    },
  });
}, 60_000);

afterAll(async () => {
  await product.stop();
  await ingress.stop();
  await Promise.all([a.die(), b.die()]);
});

beforeEach(() => {
  for (const upstream of [a, b]) {
    upstream.requests.length = 0;
    upstream.status = 200;
    upstream.health = 200;
  }
  ingress.refusal = "";
});

/** Status and body of a reply. */
async function ask(host: string, path = "/", init = {}): Promise<string> {
  const reply = await product.fetchHost(host, path, init);
  const text = await reply.text();
  return reply.ok ? text : `${reply.status} ${(JSON.parse(text) as { error: { code: string } }).error.code}`;
}

describe("an upstream that dies", () => {
  it("is replaced within the request, taken out after its failures and back in when it answers again", async () => {
    expect(await ask("first.test")).toBe("a");
    await a.die();
    for (let n = 0; n < 5; n++) expect(await ask("first.test")).toBe("b");
    await a.comeBack();
    await vi.waitFor(async () => expect(await ask("first.test")).toBe("a"), POLL);
    expect(await ask("first.test")).toBe("a");
  });

  it("comes back however many requests come that show nothing of it", async () => {
    await a.die();
    for (let n = 0; n < 3; n++) await ask("first.test");
    await a.comeBack();
    const via = Array(10).fill("1.1 causeway").join(", ");
    await vi.waitFor(async () => {
      expect(await ask("first.test", "/", { headers: { via } })).toBe("508 loop_detected");
      expect(await ask("first.test")).toBe("a");
    }, POLL);
  });

  it("comes back although the client of its trial leaves", async () => {
    await a.die();
    for (let n = 0; n < 3; n++) await ask("first.test");
    await a.comeBack();
    await vi.waitFor(async () => {
      const seen = Promise.race([a.nextRequest(), b.nextRequest()]);
      const client = connect(Number(new URL(product.edge).port), "127.0.0.1");
      client.write("GET /silent HTTP/1.1\r\nHost: first.test\r\n\r\n");
      await seen;
      client.resetAndDestroy();
      expect(a.requests).toContain("/silent");
    }, POLL);
    // Less than the header deadline, after which a lost trial is made again anyway.
    await vi.waitFor(async () => expect(await ask("first.test")).toBe("a"), {
      timeout: 5_000,
      interval: 100,
    });
  });

  it("is taken out for the statuses that count as failures", async () => {
    a.status = 503;
    const reply = () => product.fetchHost("status.test", "/").then(({ status }) => status);
    expect([await reply(), await reply(), await reply()]).toEqual([503, 503, 200]);
    a.status = 200;
    await vi.waitFor(async () => expect(await ask("status.test")).toBe("a"), POLL);
  });

  it("never gets a streamed upload, or a POST, sent elsewhere", async () => {
    await a.die();
    expect(await ask("first.test", "/post", { method: "POST", body: "once" })).toBe(
      "502 upstream_unreachable",
    );
    const { promise: answered, resolve: finish } = Promise.withResolvers<void>();
    // More of it would meet the connection that the edge closes behind its answer, and hide that.
    async function* pieces() {
      yield Buffer.alloc(20_000);
      await answered;
    }
    const body = Readable.from(pieces());
    expect(await ask("once.test", "/put", { method: "PUT", body })).toBe("502 upstream_unreachable");
    finish();
    expect(b.requests).toEqual([]);
    await a.comeBack();
  });

  it("fails the request where retries = 0", async () => {
    await a.die();
    expect(await ask("once.test")).toBe("502 upstream_unreachable");
    await a.comeBack();
    expect(await ask("once.test")).toBe("a");
  });
});

describe("policy = cookie", () => {
  it("keeps a browser with its upstream, and moves it when that one dies", async () => {
    const first = await product.fetchHost("cookie.test", "/");
    const cookie = first.headers.get("set-cookie")?.split(";")[0] ?? "";
    expect(first.headers.get("set-cookie")).toMatch(/; Path=\/; HttpOnly; SameSite=Lax$/);
    const home = (await first.text()) === "a" ? a : b;
    const headers = { cookie };
    for (let n = 0; n < 10; n++) {
      const reply = await product.fetchHost("cookie.test", "/", { headers });
      expect([await reply.text(), reply.headers.get("set-cookie")]).toEqual([home.name, null]);
    }
    await home.die();
    const moved = await product.fetchHost("cookie.test", "/", { headers });
    expect(await moved.text()).toBe(home === a ? "b" : "a");
    expect(moved.headers.get("set-cookie")).toMatch(/^causeway_/);
    expect(moved.headers.get("set-cookie")).not.toContain(cookie);
    await home.comeBack();
  });
});

describe("policy = least_conn", () => {
  it("goes where fewer requests are open, until they end", async () => {
    const held = await product.fetchHost("least.test", "/hold");
    const busy = a.requests.includes("/hold") ? a : b;
    const idle = busy === a ? b : a;
    for (let n = 0; n < 6; n++) expect(await ask("least.test")).toBe(idle.name);
    busy.release();
    expect(await held.text()).toBe(` ${busy.name}`);
    await vi.waitFor(async () => expect(await ask("least.test")).toBe(busy.name), POLL);
  });
});

describe("active health checks", () => {
  interface Check {
    readonly upstream: string;
    readonly via: string;
    readonly up: boolean;
    readonly failure: string;
  }

  async function checks(): Promise<Record<string, string>> {
    const { checks } = (await (await product.api("/api/health-checks")).json()) as { checks: Check[] };
    return Object.fromEntries(
      checks.map(({ upstream, via, up, failure }) => [
        `${via} ${upstream === a.url ? "a" : "b"}`,
        `${up ? "up" : "down"} ${failure}`.trim(),
      ]),
    );
  }

  it("take an upstream out before a request meets it, refuse when all are out, and bring them back", async () => {
    await vi.waitFor(
      async () =>
        expect(await checks()).toEqual({
          "direct a": "up",
          "direct b": "up",
          "relay:far a": "up",
          "relay:far b": "up",
        }),
      POLL,
    );
    expect(await ask("active.test")).toBe("a");
    a.health = 500;
    await vi.waitFor(async () => expect(await ask("active.test")).toBe("b"), POLL);
    expect(await checks()).toMatchObject({ "direct a": "down status", "direct b": "up" });
    await b.die();
    await vi.waitFor(async () => expect(await ask("active.test")).toBe("503 no_upstream"), POLL);
    await b.comeBack();
    a.health = 200;
    await vi.waitFor(async () => expect(await ask("active.test")).toBe("a"), POLL);
  }, 60_000);

  it("go through the relay of the host", () => {
    expect(ingress.targets).toContain(`${a.url}/up`);
  });
});

describe('via = "relay:NAME"', () => {
  it("sends requests, uploads and WebSockets to the relay's ingress, signed", async () => {
    expect(await ask("far.test", "/path?q=1")).toBe("a");
    expect(ingress.targets).toContain(`${a.url}/path?q=1`);
    const body = Readable.from([Buffer.alloc(200_000), Buffer.alloc(200_000)]);
    expect(await ask("far.test", "/upload", { method: "POST", body })).toBe("a");
    const url = product.edge.replace("http", "ws");
    const socket = new WebSocket(`${url}/socket`, { headers: { host: "far.test" } });
    const [code] = (await once(socket, "close")) as [number];
    expect(code).toBe(4000);
    expect(ingress.targets).toContain(`${a.url}/socket`);
  });

  it("works with a relay's own ingress", async () => {
    await product.push({ relays: relays(`http://127.0.0.1:${product.proxyPorts[1]}`) });
    expect(await ask("own.test", "/path?q=2")).toBe("a");
    const body = Readable.from([Buffer.alloc(200_000), Buffer.alloc(200_000)]);
    expect(await ask("own.test", "/upload", { method: "POST", body })).toBe("a");
    expect(await ask("dead.test")).toBe("502 upstream_unreachable");
    const socket = new WebSocket(`${product.edge.replace("http", "ws")}/socket`, {
      headers: { host: "own.test" },
    });
    const [code] = (await once(socket, "close")) as [number];
    expect(code).toBe(4000);
  });

  it("tells the relay's refusals from the upstream's replies", async () => {
    a.status = 502;
    expect((await product.fetchHost("far.test", "/")).headers.get("content-type")).toBeNull();
    ingress.refusal = "target_refused";
    expect(await ask("far.test")).toBe("502 relay_refused");
    ingress.refusal = "dial_timeout";
    expect(await ask("far.test")).toBe("504 upstream_timeout");
    ingress.refusal = "connection_refused";
    expect(await ask("far.test")).toBe("502 upstream_unreachable");
    expect(await ask("lost.test")).toBe("502 relay_unreachable");
  });
});
