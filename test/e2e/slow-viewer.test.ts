// A dashboard that does not read, on a busy edge: it is closed, and those that read go on.

import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { type Link, startLink } from "../../relay/link/link.ts";
import { Ledger } from "../../shared/flow/ledger.ts";
import { FLOW_LIMITS, STATS_LIMITS } from "../../shared/limits.ts";
import { type Product, startProduct } from "../support/product.ts";
import { stallAt } from "../support/stalled-client.ts";

const TOKEN = "a-token-for-the-busy-relay-of-this-test";
/** Texts at their bound, three bytes a character: the largest snapshots there can be. */
const LONG = "€".repeat(FLOW_LIMITS.TEXT_CHARS_MAX);
/** Beside the bound the kernel's buffers take some 4 MiB on each side. */
const ENOUGH_BYTES = STATS_LIMITS.SOCKET_BUFFER_BYTES + 10 * 1024 * 1024;

let product: Product;
let link: Link;

beforeAll(async () => {
  product = await startProduct({ config: { relays: [{ name: "busy", token: TOKEN }] } });
  const ledger = new Ledger({ source: "busy-life", origin: "relay", name: "busy" });
  const service = `busy/${LONG}`.slice(0, FLOW_LIMITS.TEXT_CHARS_MAX);
  const names = { service, client: LONG, target: LONG, user: LONG };
  for (let i = 0; i < STATS_LIMITS.CONNECTIONS_LISTED_MAX; i++)
    ledger.open({ kind: "socks", ...names, startedAt: Date.now() });
  link = startLink({
    edge: product.edge.replace("http", "ws"),
    token: TOKEN,
    name: "busy",
    ledger,
    inbounds: () => [],
    tunnels: () => [],
    obey: () => Promise.reject(new Error("nobody gives orders here")),
    version: "0",
    log: pino({ level: "silent" }),
  });
}, 60_000);

afterAll(async () => {
  await link?.stop();
  await product?.stop();
});

describe("a dashboard that does not read", { timeout: 60_000 }, () => {
  it("is closed 1013, while one that reads goes on", async () => {
    const headers = { Authorization: `Bearer ${product.adminToken}` };
    const stalled = await stallAt(product.edge, "/api/stats/ws", { Host: "127.0.0.1", ...headers });
    const reading = new WebSocket(`${product.edge.replace("http", "ws")}/api/stats/ws`, { headers });
    let bytes = 0;
    reading.on("message", (data: Buffer) => {
      bytes += data.byteLength;
    });
    await vi.waitFor(() => expect(bytes).toBeGreaterThan(ENOUGH_BYTES), { timeout: 50_000, interval: 200 });
    expect(reading.readyState).toBe(WebSocket.OPEN);
    expect(await stalled.readToClose()).toBe(1013);
    reading.terminate();
    stalled.socket.destroy();
  });
});
