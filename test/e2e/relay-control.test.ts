// A relay controlled from the edge, with the whole product: an inbound is started, used by a real client, tested, its
// connections closed one by one, and drained; connections of the edge are closed by the same path.

import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { InboundReport, TestReport } from "../../shared/control/orders.ts";
import type { FlowRecord } from "../../shared/flow/flow.ts";
import { type Product, startProduct } from "../support/product.ts";

const CLOSED_WITHIN_MS = 3_500;

let product: Product;
/** An upstream that takes requests and never answers. */
const mute = createServer(() => undefined);

beforeAll(async () => {
  mute.listen(0, "127.0.0.1");
  await once(mute, "listening");
  const { port } = mute.address() as AddressInfo;
  product = await startProduct({
    config: (demo) => ({
      hosts: [
        { host: "demo.localhost", upstreams: [demo] },
        { host: "echo.localhost", upstreams: [demo] },
        {
          host: "mute.localhost",
          upstreams: [`http://127.0.0.1:${port}`],
          response_header_timeout: "60s",
        },
      ],
    }),
  });
}, 60_000);

afterAll(async () => {
  await product?.stop();
  mute.closeAllConnections();
  mute.close();
});

function post(path: string, body: object): Promise<Response> {
  return product.api(path, { method: "POST", body: JSON.stringify(body) });
}

async function inbounds(): Promise<InboundReport[]> {
  const status = (await (await product.api("/api/proxy/status")).json()) as {
    relays: { connected: boolean; inbounds?: InboundReport[] }[];
  };
  return status.relays[0]?.inbounds ?? [];
}

function curl(port: number, path: string): Promise<{ stdout: string }> {
  return promisify(execFile)("curl", ["-sS", "--socks5", `127.0.0.1:${port}`, `${product.demo}${path}`]);
}

/** A SOCKS5 connection to the demo origin that has asked for nothing yet. */
async function tunnel(port: number): Promise<Socket> {
  const demo = new URL(product.demo);
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write(Uint8Array.of(5, 1, 0));
  await once(socket, "data");
  const at = Number(demo.port);
  socket.write(Uint8Array.of(5, 1, 0, 1, 127, 0, 0, 1, at >> 8, at & 0xff));
  const [reply] = (await once(socket, "data")) as [Buffer];
  expect(reply[1]).toBe(0);
  return socket;
}

/** Resolves when the connection is over, in whatever way: once() would reject at a reset. */
function gone(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

async function listed(query: string): Promise<FlowRecord[]> {
  const reply = await product.api(`/api/connections?${query}`);
  return ((await reply.json()) as { connections: FlowRecord[] }).connections;
}

async function firstListed(query: string): Promise<FlowRecord> {
  let found: FlowRecord | undefined;
  await expect
    .poll(
      async () => {
        [found] = await listed(query);
        return found;
      },
      { timeout: 8_000 },
    )
    .toBeDefined();
  return found as FlowRecord;
}

function closeById(id: string): Promise<Response> {
  return product.api(`/api/connections/${encodeURIComponent(id)}`, { method: "DELETE" });
}

describe("a relay's inbounds over the edge", { timeout: 60_000 }, () => {
  it("starts a SOCKS inbound, serves a client, tests a URL through it, closes a connection and drains", async () => {
    await expect.poll(async () => (await inbounds()).length, { timeout: 10_000 }).toBe(1);
    const started = await post("/api/proxy/start", { port: 0, proxy_type: "socks5" });
    expect(started.status).toBe(201);
    const { id, port, state, origin } = (await started.json()) as InboundReport;
    expect({ state, origin }).toEqual({ state: "running", origin: "order" });
    expect((await curl(port, "/status/200")).stdout).toBe("status 200\n");

    const tested = await post("/api/proxy/test", { url: `${product.demo}/bytes/1000`, port });
    const report = (await tested.json()) as TestReport;
    expect(report).toMatchObject({ ok: true, status: 200, bytes: 1_000, inbound: id });
    expect(report).toMatchObject({ exit_address: "127.0.0.1", exit_seen_by: "relay" });
    expect(Object.keys(report.timing_ms).sort()).toEqual(["connect", "first_byte", "total"]);

    const [first, second] = [await tunnel(port), await tunnel(port)];
    const ended = Promise.race([gone(first), gone(second)]);
    const flow = await firstListed("kind=socks");
    const askedAt = Date.now();
    expect((await closeById(flow.id)).status).toBe(204);
    await ended;
    expect(Date.now() - askedAt).toBeLessThan(CLOSED_WITHIN_MS);
    expect((await closeById(flow.id)).status).toBe(404);

    const stopped = await post("/api/proxy/stop", { inbound: id, mode: "drain" });
    expect(await stopped.json()).toMatchObject({ state: "draining", connections: 1 });
    await expect(curl(port, "/status/200")).rejects.toThrow();
    const [open] = [first, second].filter((socket) => !socket.destroyed);
    open?.write("GET /status/200 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect(String(await once(open as Socket, "data"))).toContain("200");
    open?.destroy();
    await expect
      .poll(async () => (await inbounds()).map((inbound) => inbound.id), { timeout: 8_000 })
      .not.toContain(id);
  });

  it("refuses what may not be opened, and what it does not understand", async () => {
    const refused = await post("/api/proxy/start", { port: 40_000, proxy_type: "mixed", address: "0.0.0.0" });
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({ error: { code: "port_not_offered" } });
    const taken = await post("/api/proxy/start", { port: product.proxyPort, proxy_type: "mixed" });
    expect([taken.status, await taken.json()]).toMatchObject([409, { error: { code: "port_taken" } }]);
    expect((await post("/api/proxy/start", { port: "80", proxy_type: "mixed" })).status).toBe(400);
    expect((await post("/api/proxy/stop", { port: 1 })).status).toBe(404);
    expect((await post("/api/proxy/test", { url: "file:///etc/passwd" })).status).toBe(400);
    expect((await post("/api/proxy/stop", { relay: "nobody", port: 1 })).status).toBe(404);
  });
});

describe("DELETE /api/connections/ID of the edge's own", { timeout: 60_000 }, () => {
  it("closes a silent WebSocket with 1008", async () => {
    const socket = new WebSocket(`${product.edge.replace("http", "ws")}/echo`, {
      headers: { host: "echo.localhost" },
    });
    await once(socket, "open");
    const closed = once(socket, "close");
    const flow = await firstListed("kind=ws");
    const askedAt = Date.now();
    const reply = await closeById(flow.id);
    const [code, reason] = (await closed) as [number, Buffer];
    expect([code, String(reason), reply.status]).toEqual([1008, "connection_closed", 204]);
    expect(Date.now() - askedAt).toBeLessThan(2 * CLOSED_WITHIN_MS);
  });

  it("answers a request that still waits for its upstream 503", async () => {
    const reply = product.fetchHost("mute.localhost", "/");
    const flow = await firstListed("kind=http&service=mute.localhost");
    expect((await closeById(flow.id)).status).toBe(204);
    const answer = await reply;
    expect([answer.status, await answer.json()]).toMatchObject([
      503,
      { error: { code: "connection_closed" } },
    ]);
  });

  it("breaks a reply off in its midst, and never ends it as if it were whole", async () => {
    const reply = await product.fetchHost("demo.localhost", "/slow?bytes=100000&ms=60000");
    const read = reply.arrayBuffer().then(
      () => "whole",
      () => "broken",
    );
    const flow = await firstListed("kind=http");
    expect((await closeById(flow.id)).status).toBe(204);
    expect(await read).toBe("broken");
  });
});
