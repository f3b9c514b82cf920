// `causeway stats` against a real relay's admin API, and against an edge that sends what one sends.

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { startAdmin } from "../../../relay/admin/server.ts";
import { runCommandLine } from "../../../relay/cli/run.ts";
import type { Terminal } from "../../../relay/watch/screen.ts";
import type { StatsView } from "../../../relay/watch/view.ts";
import { RENEW_CLOSE } from "../../../shared/flow/snapshot.ts";
import { closedPort, openSocks, startEcho, startRelay } from "../harness.ts";

const TOKEN = "token-of-these-tests-1234";

async function startRelayApi(): Promise<{ admin: string; transfer: () => Promise<void> }> {
  const { relay, port } = await startRelay();
  const server = await startAdmin("127.0.0.1:0", {
    token: TOKEN,
    obey: (order) => relay.obey(order),
    connections: () => relay.ledger.records(),
    stats: () => relay.stats(),
    metrics: () => [],
  });
  onTestFinished(() => server.stop());
  const client = await openSocks(port, "127.0.0.1", await startEcho());
  return {
    admin: `127.0.0.1:${server.port}`,
    async transfer() {
      client.send(Buffer.alloc(10_000));
      await client.take(10_000);
    },
  };
}

const TUNNEL = {
  role: "client",
  name: "office",
  remote: "192.0.2.7:7000",
  engine: "websocket",
  rtt_ms: 5.25,
  loss: 0,
  rate: 1_000,
  streams: 2,
};

function snapshot(name: string): string {
  const moved = { requests: 7, up: 10, down: 20, up_rate: 1, down_rate: 2 };
  return JSON.stringify({
    type: "snapshot",
    at: 2_000,
    since: 1_000,
    active: 1,
    totals: moved,
    rates: { up: 1, down: 2, requests: 0 },
    services: [{ service: name, kind: "http", active: 1, errors: 3, ...moved }],
    connections: [],
    links: [{ name: "main", connected: true, since: 0, version: "", inbounds: [], tunnels: [TUNNEL] }],
    lost_sources: 0,
  });
}

interface FakeEdge {
  readonly url: string;
  readonly sockets: WebSocket[];
  /** Subprotocols that were offered. */
  readonly offered: string[];
}

async function startEdge(first: string): Promise<FakeEdge> {
  const server = createServer();
  const sockets: WebSocket[] = [];
  const offered: string[] = [];
  const upgrades = new WebSocketServer({
    server,
    path: "/api/stats/ws",
    handleProtocols: () => "causeway.v1",
  });
  upgrades.on("connection", (socket, req) => {
    offered.push(String(req.headers["sec-websocket-protocol"]));
    sockets.push(socket);
    socket.send(JSON.stringify({ type: "connections", opened: [], closed: [], dropped: 0 }));
    socket.send(sockets.length === 1 ? first : snapshot(`host-${sockets.length}`));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.terminate();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets, offered };
}

interface Started {
  readonly out: string[];
  readonly err: string[];
  readonly screen: string;
  readonly code: Promise<number>;
  readonly stop: () => void;
}

/** Runs `causeway stats`; with a terminal if it has a size. */
function start(args: string[], size?: { columns: number; rows: number }): Started {
  const out: string[] = [];
  const err: string[] = [];
  let screen = "";
  const stopping = new AbortController();
  onTestFinished(() => stopping.abort());
  const terminal: Terminal | undefined = size && {
    ...size,
    write: (text) => {
      screen += text;
    },
    onResize: () => () => undefined,
  };
  const io = {
    out: (line: string) => void out.push(line),
    err: (line: string) => void err.push(line),
    env: { CAUSEWAY_TOKEN: TOKEN },
    signal: stopping.signal,
    terminal,
    readSecret: async () => "",
  };
  return {
    out,
    err,
    get screen() {
      return screen;
    },
    code: runCommandLine(["stats", ...args], io, "0"),
    stop: () => stopping.abort(),
  };
}

describe("causeway stats --admin", () => {
  it("prints one JSON document with rates over the time between two looks", async () => {
    const { admin, transfer } = await startRelayApi();
    let isMoving = true;
    const moving = (async () => {
      while (isMoving) await transfer();
    })();
    const run = start(["--admin", admin, "--json"]);
    expect(await run.code).toBe(0);
    isMoving = false;
    await moving;
    expect(run.out).toHaveLength(1);
    const view = JSON.parse(run.out[0] ?? "") as StatsView;
    expect(view).toMatchObject({ source: "the relay test, version ", active: 1, requests: 1 });
    expect(view.up_rate).toBeGreaterThan(10_000);
    expect(view.services[0]).toMatchObject({ service: "test/mixed", kind: "socks", active: 1 });
    expect(view.connections).toHaveLength(1);
  });

  it("prints one table where there is no terminal", async () => {
    const { admin } = await startRelayApi();
    const run = start(["--admin", admin]);
    expect(await run.code).toBe(0);
    const text = run.out.join("\n");
    expect(text).toMatch(/^Causeway stats of the relay test/);
    expect(text).toMatch(/^test\/mixed +socks +1 /m);
    expect(text).toMatch(/^127\.0\.0\.1 +- +127\.0\.0\.1:\d+ /m);
  });

  it("says what is wrong, and does not repeat the token", async () => {
    const { admin } = await startRelayApi();
    const refused = start(["--admin", admin, "--once", "--token", "another-token-1234567"]);
    expect(await refused.code).toBe(1);
    expect(refused.err.join()).toMatch(/answers 401/);
    expect(refused.err.join()).not.toContain("another-token");
    const nowhere = start(["--admin", `127.0.0.1:${await closedPort()}`, "--once"]);
    expect(await nowhere.code).toBe(1);
    expect(nowhere.err.join()).toContain("Cannot reach the relay");
  });

  it.each([
    ["--admin", "192.0.2.1:8790"],
    ["--admin", "https://127.0.0.1:8790"],
    ["--admin", "127.0.0.1:8790/path"],
    ["--interval", "0"],
    ["--interval", "x"],
    ["--edge", "http://edge.example.com"],
  ])("refuses %s %s", async (...args) => {
    expect(await start(args).code).toBe(2);
  });
});

describe("causeway stats --edge", () => {
  it("shows the edge's snapshot and sends the token in the handshake only", async () => {
    const edge = await startEdge(snapshot("host-1"));
    const run = start(["--edge", edge.url, "--once"]);
    expect(await run.code).toBe(0);
    expect(run.out.join("\n")).toMatch(/^host-1 +http +1 +1 B +2 B +10 B +20 B +7 +3$/m);
    expect(run.out.join("\n")).toContain("links: main connected");
    expect(run.out.join("\n")).toMatch(
      /^by office +192\.0\.2\.7:7000 +websocket +5\.3 ms +0\.0 % +1\.00 kB +2 +main$/m,
    );
    const bearer = `bearer.${Buffer.from(TOKEN).toString("base64url")}`;
    expect(edge.offered).toEqual([`causeway.v1,${bearer}`]);
  });

  it("draws over itself, comes back after a loss, and gives the terminal back at Ctrl-C", async () => {
    const edge = await startEdge(snapshot("host-1"));
    const run = start(["--edge", edge.url], { columns: 80, rows: 24 });
    await vi.waitFor(() => expect(run.screen).toContain("host-1"));
    edge.sockets.at(-1)?.send(snapshot("changed"));
    await vi.waitFor(() => expect(run.screen).toContain("changed"));
    // The edge wants the token shown anew: nothing is lost by that.
    edge.sockets.at(-1)?.close(RENEW_CLOSE, "renew");
    await vi.waitFor(() => expect(run.screen).toContain("host-2"));
    expect(run.screen).not.toContain("trying again");
    edge.sockets.at(-1)?.terminate();
    await vi.waitFor(() => expect(run.screen).toContain("trying again"));
    await vi.waitFor(() => expect(run.screen).toContain("host-3"), { timeout: 5_000 });
    run.stop();
    expect(await run.code).toBe(0);
    expect(run.screen.startsWith("\x1b[?1049h\x1b[?25l")).toBe(true);
    expect(run.screen.endsWith("\x1b[?25h\x1b[?1049l")).toBe(true);
    expect(run.out).toEqual([]);
  });

  it("gives up on what is no edge", async () => {
    const edge = await startEdge('{"type": "snapshot", "at": "now"}');
    const run = start(["--edge", edge.url, "--once"]);
    expect(await run.code).toBe(1);
    expect(run.err.join()).toContain("is no snapshot: compare the versions");
  });
});
