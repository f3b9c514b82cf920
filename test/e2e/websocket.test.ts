// WebSocket passthrough through the whole product: what is counted, what is refused, and that nothing is left behind. What
// any proxy must do with WebSockets is in test/conformance.

import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { readSecrets } from "../../relay/serve/secrets.ts";
import { type OddOrigin, startOddOrigin } from "../support/odd-origin.ts";
import { type Product, startProduct } from "../support/product.ts";
import { stallAt } from "../support/stalled-client.ts";
import { readStats, untilCounted } from "../support/stats.ts";

let product: Product;
let odd: OddOrigin;
let front: string;
/** An upstream whose sockets a test can hold in its hands. */
let upstream: WebSocketServer;
const clients: WebSocket[] = [];

beforeAll(async () => {
  odd = await startOddOrigin();
  upstream = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(upstream, "listening");
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const ruled = { response: { set: { "X-Served": "by the edge" } } };
  product = await startProduct({
    config: (demo) => ({
      hosts: [
        { host: "order.test", upstreams: [demo], headers: ruled },
        { host: "raw.test", upstreams: [demo], headers: ruled, websocket: { meter: false } },
        { host: "apart.test", upstreams: [url] },
        { host: "idle.test", upstreams: [demo], websocket: { idle_timeout: "1s", max_per_ip: 1 } },
        { host: "page.test", upstreams: [odd.url] },
        { host: "down.test", upstreams: ["http://127.0.0.1:9"] },
        { host: "few.test", upstreams: [url], websocket: { max_connections: 2 } },
        {
          host: "each.test",
          upstreams: [url, "http://127.0.0.1:9"],
          policy: "first",
          websocket: { max_per_ip: 1 },
        },
        { host: "cycles.test", upstreams: [url], websocket: { max_connections: 40, max_per_ip: 40 } },
      ],
    }),
  });
  front = (await readSecrets(product.stateDir)).FRONT_SECRET ?? "";
}, 60_000);

afterEach(() => {
  for (const client of clients.splice(0)) client.terminate();
});

afterAll(async () => {
  await product.stop();
  for (const socket of upstream.clients) socket.terminate();
  upstream.close();
  await odd.stop();
});

function dial(host: string, path = "/echo", from?: string): WebSocket {
  const named = from === undefined ? {} : { "x-causeway-front": front, "x-causeway-client": from };
  const client = new WebSocket(product.edge.replace("http", "ws") + path, { headers: { host, ...named } });
  // A refused one is ended before it was ever open, which it reports as an error.
  client.on("error", () => undefined);
  clients.push(client);
  return client;
}

async function opened(client: WebSocket): Promise<WebSocket> {
  await once(client, "open");
  return client;
}

function closeOf(socket: WebSocket): Promise<[number, string]> {
  return new Promise((resolve) => {
    socket.once("close", (code, reason) => resolve([code, reason.toString()]));
  });
}

/** The reply that refuses an upgrade: its status and its code. */
async function refusal(client: WebSocket): Promise<[number | undefined, string]> {
  const [, reply] = (await once(client, "unexpected-response")) as [unknown, IncomingMessage];
  let text = "";
  for await (const piece of reply) text += piece;
  return [reply.statusCode, (JSON.parse(text) as { error: { code: string } }).error.code];
}

async function exchange(host: string, count: number): Promise<number> {
  const client = await opened(dial(host));
  const sent = Array.from({ length: count }, (_, i) => (i % 2 ? Buffer.from(`binary ${i}`) : `tëxt 😀 ${i}`));
  const received: (string | Buffer)[] = [];
  const complete = new Promise<void>((resolve) => {
    client.on("message", (data: Buffer, isBinary) => {
      received.push(isBinary ? data : data.toString());
      if (received.length === count) resolve();
    });
  });
  for (const message of sent) client.send(message);
  await complete;
  expect(received).toEqual(sent);
  const closed = closeOf(client);
  client.close(1000);
  await closed;
  return sent.reduce((sum, message) => sum + Buffer.byteLength(message), 0);
}

describe("a WebSocket", { timeout: 30_000 }, () => {
  it("is counted to the byte and message", async () => {
    const bytes = await exchange("order.test", 1_000);
    const messages = { messages_up: 1_000, messages_down: 1_000 };
    const whole = { aborted: 0, errors: 0, active: 0 };
    await untilCounted(
      product,
      "order.test",
      { requests: 1, up: bytes, down: bytes, ...messages, ...whole },
      "ws",
    );
  });

  it("with meter = false counts as a request only", async () => {
    await exchange("raw.test", 1_000);
    const nothing = { up: 0, down: 0, messages_up: 0, messages_down: 0, aborted: 0 };
    await untilCounted(product, "raw.test", { requests: 1, ...nothing, active: 0 }, "ws");
  });

  it("gets the edge's own fields with its 101, metered or not", async () => {
    for (const host of ["order.test", "raw.test"]) {
      const client = dial(host);
      const [[reply]] = (await Promise.all([once(client, "upgrade"), opened(client)])) as [
        [IncomingMessage],
        unknown,
      ];
      expect(reply.headers["x-served"], host).toBe("by the edge");
    }
  });

  it("counts messages each way apart, empty ones too", async () => {
    const connected = once(upstream, "connection") as Promise<[WebSocket]>;
    const [client, [server]] = await Promise.all([opened(dial("apart.test", "/")), connected]);
    const third = new Promise<void>((resolve) => {
      let left = 3;
      server.on("message", () => --left === 0 && resolve());
    });
    for (const message of ["", "x", Buffer.alloc(0)]) client.send(message);
    await third;
    const answered = once(client, "message");
    server.send("");
    await answered;
    const counted = { up: 1, down: 0, messages_up: 3, messages_down: 1 };
    await untilCounted(product, "apart.test", counted, "ws");
  });

  it("is closed 1001 when nothing moves for idle_timeout", async () => {
    const client = await opened(dial("idle.test"));
    expect(await closeOf(client)).toEqual([1001, "idle"]);
    await untilCounted(product, "idle.test", { requests: 1, aborted: 0, active: 0 }, "ws");
  });

  it("keeps its place until its client has answered a close, or gone: nothing else cuts the connection", async () => {
    const silent = await stallAt(product.edge, "/echo", { Host: "idle.test" });
    expect(await silent.readToClose()).toBe(1001);
    expect(await refusal(dial("idle.test"))).toEqual([429, "too_many_sockets"]);
    silent.socket.destroy();
    await vi.waitFor(() => opened(dial("idle.test")), 5_000);
  });
});

describe("an upgrade", { timeout: 30_000 }, () => {
  it("that the upstream answers with a page is a 502", async () => {
    expect(await refusal(dial("page.test", "/"))).toEqual([502, "upgrade_refused"]);
  });

  it("of a host that is unknown or down is refused like any request", async () => {
    expect(await refusal(dial("nobody.test"))).toEqual([404, "host_unknown"]);
    expect(await refusal(dial("down.test"))).toEqual([502, "upstream_unreachable"]);
    await untilCounted(product, "down.test", { requests: 1, errors: 1, aborted: 0, active: 0 }, "ws");
  });

  it("beyond websocket.max_connections is a 503, until one has ended", async () => {
    const [first] = await Promise.all([1, 2].map((n) => opened(dial("few.test", "/", `192.0.2.${n}`))));
    expect(await refusal(dial("few.test", "/", "192.0.2.3"))).toEqual([503, "too_many_connections"]);
    // Requests that are no sockets have places of their own.
    expect((await product.fetchHost("few.test", "/")).status).toBe(426);
    first?.close();
    await vi.waitFor(() => opened(dial("few.test", "/", "192.0.2.3")), 5_000);
  });

  it("beyond websocket.max_per_ip is a 429 for that address, or its /64, and for no other", async () => {
    const first = await opened(dial("each.test", "/", "2001:db8::1"));
    expect(await refusal(dial("each.test", "/", "2001:db8::ffff:1"))).toEqual([429, "too_many_sockets"]);
    await opened(dial("each.test", "/", "2001:db8:0:1::1"));
    await opened(dial("each.test", "/", "192.0.2.1"));
    expect(await refusal(dial("each.test", "/", "192.0.2.1"))).toEqual([429, "too_many_sockets"]);
    first.terminate();
    await vi.waitFor(() => opened(dial("each.test", "/", "2001:db8::2")), 5_000);
  });
});

const CYCLES = 10_000;

describe("sockets that come and go", { timeout: 240_000 }, () => {
  it("leave no place, no flow and no connection behind, however they end", async () => {
    let cycles = 0;
    const byServer = new Set<number>();
    upstream.on("connection", (server: WebSocket, { url }: IncomingMessage) => {
      if (byServer.has(Number(url?.slice(1)))) server.terminate();
    });
    async function lane(): Promise<void> {
      for (let cycle = cycles++; cycle < CYCLES; cycle = cycles++) {
        const way = cycle % 4;
        if (way === 3) byServer.add(cycle);
        const client = dial("cycles.test", `/${cycle}`);
        const closed = closeOf(client);
        await opened(client);
        if (way === 0) client.close(1000);
        else if (way === 1) client.terminate();
        else if (way === 2) client.close();
        await closed;
      }
    }
    await Promise.all(Array.from({ length: 20 }, lane));
    await untilCounted(product, "cycles.test", { requests: CYCLES, errors: 0, active: 0 }, "ws");
    await vi.waitFor(() => expect(upstream.clients.size).toBe(0), 5_000);
    // All 40 places are free again.
    await Promise.all(Array.from({ length: 40 }, () => opened(dial("cycles.test", "/last"))));
    const { services } = await readStats(product);
    expect(services.find(({ service }) => service === "cycles.test")?.errors).toBe(0);
  });
});
