// WebSocket passthrough with a real client and a real server on both sides of the edge.

import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { type OddOrigin, startOddOrigin } from "../support/odd-origin.ts";
import { type Product, startProduct } from "../support/product.ts";
import { untilCounted } from "../support/stats.ts";

let product: Product;
let odd: OddOrigin;
/** An upstream whose sockets a test can hold in its hands. */
let upstream: WebSocketServer;
const clients: WebSocket[] = [];

beforeAll(async () => {
  odd = await startOddOrigin();
  upstream = new WebSocketServer({
    host: "127.0.0.1",
    port: 0,
    verifyClient: ({ req }: { req: IncomingMessage }) => req.url !== "/refuse",
  });
  await once(upstream, "listening");
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  product = await startProduct({
    config: (demo) => ({
      hosts: [
        { host: "echo.test", upstreams: [demo] },
        { host: "order.test", upstreams: [demo] },
        { host: "raw.test", upstreams: [demo], websocket: { meter: false } },
        { host: "held.test", upstreams: [url] },
        { host: "apart.test", upstreams: [url] },
        { host: "idle.test", upstreams: [demo], websocket: { idle_timeout: "1s" } },
        { host: "page.test", upstreams: [odd.url] },
        { host: "down.test", upstreams: ["http://127.0.0.1:9"] },
      ],
    }),
  });
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

function dial(host: string, path = "/echo", protocols: string[] = []): WebSocket {
  const client = new WebSocket(product.edge.replace("http", "ws") + path, protocols, { headers: { host } });
  // A refused one is ended before it was ever open, which it reports as an error.
  client.on("error", () => undefined);
  clients.push(client);
  return client;
}

async function opened(client: WebSocket): Promise<WebSocket> {
  await once(client, "open");
  return client;
}

/** The close that a socket gets, as code and reason. */
async function closeOf(socket: WebSocket): Promise<[number, string]> {
  const [code, reason] = (await once(socket, "close")) as [number, Buffer];
  return [code, reason.toString()];
}

/** The status that refuses an upgrade. */
async function refusal(client: WebSocket): Promise<number | undefined> {
  const [, reply] = await once(client, "unexpected-response");
  reply.resume();
  return reply.statusCode;
}

/** A client at the edge and the socket that its connection became at the upstream. */
async function held(host = "held.test"): Promise<[client: WebSocket, server: WebSocket]> {
  const connected = once(upstream, "connection");
  const client = dial(host, "/");
  const [[server]] = await Promise.all([connected, opened(client)]);
  return [client, server];
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
  it("carries 1,000 messages each way in order, text and binary, counted to the byte", async () => {
    const bytes = await exchange("order.test", 1_000);
    await untilCounted(
      product,
      "order.test",
      {
        requests: 1,
        up: bytes,
        down: bytes,
        messages_up: 1_000,
        messages_down: 1_000,
        aborted: 0,
        errors: 0,
        active: 0,
      },
      "ws",
    );
  });

  it("carries them untouched with meter = false, and counts the request", async () => {
    await exchange("raw.test", 1_000);
    const nothing = { up: 0, down: 0, messages_up: 0, messages_down: 0, aborted: 0 };
    await untilCounted(product, "raw.test", { requests: 1, ...nothing, active: 0 }, "ws");
  });

  it("counts messages each way apart, empty ones too", async () => {
    const [client, server] = await held("apart.test");
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

  it("negotiates its subprotocol end to end", async () => {
    for (const host of ["echo.test", "raw.test"]) {
      const client = await opened(dial(host, "/echo", ["other", "echo.v1"]));
      expect(client.protocol).toBe("echo.v1");
    }
  });

  it("relays the client's close with code and reason, and the upstream's answer to it", async () => {
    const [client, server] = await held();
    const atServer = closeOf(server);
    const atClient = closeOf(client);
    client.close(4001, "enough");
    expect(await atServer).toEqual([4001, "enough"]);
    expect(await atClient).toEqual([4001, "enough"]);
  });

  it("relays the upstream's close with code and reason", async () => {
    const [client, server] = await held();
    const atServer = closeOf(server);
    const atClient = closeOf(client);
    server.close(4002, "gone");
    expect(await atClient).toEqual([4002, "gone"]);
    expect(await atServer).toEqual([4002, "gone"]);
  });

  it("relays a close without a code as one without a code", async () => {
    const [client, server] = await held();
    const atServer = closeOf(server);
    client.close();
    expect(await atServer).toEqual([1005, ""]);
  });

  it("tells the upstream 1001 when the client breaks off", async () => {
    const [client, server] = await held();
    const atServer = closeOf(server);
    client.terminate();
    expect((await atServer)[0]).toBe(1001);
  });

  it("tells the client 1011 when the upstream breaks off", async () => {
    const [client, server] = await held();
    const atClient = closeOf(client);
    server.terminate();
    expect((await atClient)[0]).toBe(1011);
  });

  it("is closed 1001 when nothing moves for idle_timeout", async () => {
    const client = await opened(dial("idle.test"));
    expect(await closeOf(client)).toEqual([1001, "idle"]);
    await untilCounted(product, "idle.test", { requests: 1, aborted: 0, active: 0 }, "ws");
  });

  it("is closed 1009 for a message of more than 32 MiB", async () => {
    const [client, server] = await held();
    const atServer = closeOf(server);
    const atClient = closeOf(client);
    client.send(Buffer.alloc(33 * 1024 * 1024));
    expect((await atClient)[0]).toBe(1009);
    expect((await atServer)[0]).toBe(1001);
  });
});

describe("an upgrade", { timeout: 30_000 }, () => {
  it("that the upstream refuses gets the upstream's status", async () => {
    expect(await refusal(dial("held.test", "/refuse"))).toBe(401);
  });

  it("that the upstream answers with a page is a 502", async () => {
    expect(await refusal(dial("page.test", "/"))).toBe(502);
  });

  it("of a host that is unknown or down is refused like any request", async () => {
    expect(await refusal(dial("nobody.test"))).toBe(404);
    expect(await refusal(dial("down.test"))).toBe(502);
    await untilCounted(product, "down.test", { requests: 1, errors: 1, aborted: 0, active: 0 }, "ws");
  });
});
