// WebSocket peers that do not read: the runtime gives no back-pressure, so each is cut off at a bound, and what is held
// for it counts against max_connections until it has gone. Peers that read get everything, however much comes at once.

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setImmediate } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { PROXY_LIMITS } from "../../shared/limits.ts";
import { type Product, startProduct } from "../support/product.ts";
import { type StalledClient, stallAt } from "../support/stalled-client.ts";
import { untilCounted } from "../support/stats.ts";

const MIB = 1024 * 1024;
const PIECE = Buffer.alloc(MIB, "x");

let product: Product;
let upstream: WebSocketServer;

beforeAll(async () => {
  upstream = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(upstream, "listening");
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const host = (name: string) => ({ host: name, upstreams: [url], max_connections: 1 });
  product = await startProduct({
    config: () => ({
      hosts: ["stalled.test", "late.test", "leaves.test", "deaf.test", "bulk.test", "large.test"].map(host),
    }),
  });
}, 60_000);

afterAll(async () => {
  await product.stop();
  for (const socket of upstream.clients) socket.terminate();
  upstream.close();
});

async function dial(host: string): Promise<[client: WebSocket, server: WebSocket]> {
  const client = new WebSocket(product.edge.replace("http", "ws"), { headers: { host } });
  const [[server]] = await Promise.all([once(upstream, "connection"), once(client, "open")]);
  return [client, server];
}

async function stalled(host: string): Promise<[client: StalledClient, server: WebSocket]> {
  const connected = once(upstream, "connection");
  const client = await stallAt(product.edge, "/", { Host: host });
  const [server] = (await connected) as [WebSocket];
  return [client, server];
}

/** Sends until the far side closes; how many bytes that took, and the close's code. Gives up far beyond any bound. */
async function flood(socket: WebSocket): Promise<{ bytes: number; code: number }> {
  const closed = once(socket, "close");
  let bytes = 0;
  while (socket.readyState === WebSocket.OPEN && bytes < 96 * MIB) {
    await new Promise((sent) => socket.send(PIECE, sent));
    await setImmediate();
    bytes += PIECE.byteLength;
  }
  if (socket.readyState === WebSocket.OPEN) throw new Error(`Cannot fill the socket: ${bytes} bytes passed`);
  const [code] = (await closed) as [number];
  return { bytes, code };
}

describe("a client that does not read", { timeout: 60_000 }, () => {
  it("is closed 1013, and gives its place back when it has gone", async () => {
    const [client, server] = await stalled("stalled.test");
    const { bytes, code } = await flood(server);
    expect(code).toBe(1013);
    // Beside the bound there are the kernel's buffers on both sides of the edge.
    expect(bytes).toBeLessThan(PROXY_LIMITS.SOCKET_BUFFER_BYTES + 32 * MIB);
    const refused = await product.fetchHost("stalled.test", "/");
    expect(refused.status).toBe(503);
    await untilCounted(product, "stalled.test", { active: 1 }, "ws");
    client.socket.resetAndDestroy();
    await untilCounted(product, "stalled.test", { requests: 1, active: 0 }, "ws");
    expect((await product.fetchHost("stalled.test", "/")).status).toBe(426);
  });

  it("hears of it when it reads on, and gives its place back", async () => {
    const [client, server] = await stalled("late.test");
    expect((await flood(server)).code).toBe(1013);
    expect(await client.readToClose()).toBe(1013);
    client.socket.destroy();
    await untilCounted(product, "late.test", { active: 0 }, "ws");
  });
});

describe("a client that closes without having read", { timeout: 60_000 }, () => {
  it("keeps its place while its backlog is held, and gives it back when it has gone", async () => {
    const [client, server] = await stalled("leaves.test");
    const closed = once(server, "close");
    // More than the kernel takes, so that some of it waits in the edge.
    for (let i = 0; i < 6; i++) server.send(PIECE);
    await untilCounted(product, "leaves.test", { messages_down: 6 }, "ws");
    client.sendClose(4000);
    expect((await closed)[0]).toBe(4000);
    expect((await product.fetchHost("leaves.test", "/")).status).toBe(503);
    client.socket.resetAndDestroy();
    await vi.waitFor(() => untilCounted(product, "leaves.test", { active: 0 }, "ws"), 25_000);
  });
});

describe("an upstream that does not read", { timeout: 60_000 }, () => {
  it("is closed 1013, as is its client", async () => {
    const [client, server] = await dial("deaf.test");
    server.pause();
    expect((await flood(client)).code).toBe(1013);
    server.terminate();
    await untilCounted(product, "deaf.test", { active: 0 }, "ws");
  });
});

describe("a client that reads", { timeout: 60_000 }, () => {
  it.each([
    ["bulk.test", 128, MIB],
    ["large.test", 8, 8 * MIB],
  ])("of %s gets %i messages of %i bytes sent at once, counted exactly", async (host, count, size) => {
    const [client, server] = await dial(host);
    let received = 0;
    const complete = new Promise<void>((resolve, reject) => {
      client.on("close", (code, reason) => reject(new Error(`closed ${code} ${reason} after ${received}`)));
      client.on("message", (data: Buffer) => {
        received += data.byteLength;
        if (received === count * size) resolve();
      });
    });
    for (let i = 0; i < count; i++) server.send(Buffer.alloc(size));
    await complete;
    await untilCounted(product, host, { down: count * size, messages_down: count }, "ws");
    client.terminate();
  });
});
