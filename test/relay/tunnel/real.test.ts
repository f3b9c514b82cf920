// The tunnel between two relays over real sockets: what rides it, how failures come back, and what ends when.

import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { relayMetrics } from "../../../relay/metrics/relay-metrics.ts";
import { TunnelBook } from "../../../relay/tunnel/book.ts";
import { RELAY_LIMITS } from "../../../shared/limits.ts";
import { metricsText } from "../../../shared/metrics/prometheus.ts";
import {
  closedPort,
  listenForTest,
  openSocks,
  RawClient,
  socksRequest,
  startEcho,
  startTarget,
} from "../harness.ts";
import { replyTo, startPair, stateFolder } from "./pair.ts";

describe("the tunnel", () => {
  it("carries connections, with half-close, and counts them at both ends", async () => {
    const echo = await startEcho();
    const { client, server } = await startPair();
    const socks = await openSocks(client.port, "localhost", echo);
    socks.send("through the tunnel");
    expect(String(await socks.take(18))).toBe("through the tunnel");
    socks.socket.end();
    expect((await socks.rest()).length).toBe(0);
    await Promise.all([client.event("connection_closed"), server.event("connection_closed")]);
    expect(client.of("connection_closed")).toMatchObject([
      { kind: "socks", up: 18, down: 18, reason: "done" },
    ]);
    expect(server.of("connection_closed")).toMatchObject([
      { kind: "udpack", up: 18, down: 18, reason: "done", target: `localhost:${echo}` },
    ]);
  });

  it("carries plain HTTP requests", async () => {
    const origin = createServer((_, res) => void res.end("hello"));
    const port = await listenForTest(origin);
    const { client } = await startPair();
    const http = await RawClient.open(client.port);
    http.send(`GET http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    expect(String(await http.rest())).toMatch(/^HTTP\/1\.1 200 .*hello/s);
  });

  it("carries megabytes unharmed", async () => {
    const bytes = randomBytes(8 * 1024 * 1024);
    const target = await startTarget((socket) => void socket.end(bytes));
    const { client } = await startPair();
    const socks = await openSocks(client.port, "127.0.0.1", target);
    const hash = createHash("sha256").update(await socks.rest());
    expect(hash.digest("hex")).toBe(createHash("sha256").update(bytes).digest("hex"));
  });

  it("says so when there is no server, or it does not know the key", async () => {
    const { client } = await startPair({
      outbound: { server: `127.0.0.1:${await closedPort()}`, websocket: false },
    });
    expect(await replyTo(client.port, "127.0.0.1", 80)).toBe(1);
    expect(client.of("dial_failed")).toMatchObject([{ code: "tunnel_failed" }]);
    expect(await client.event("tunnel_unanswered")).toMatchObject({ code: "silent", outbound: "tunnel" });
  });

  it("ends the connection at one end when the other's breaks", async () => {
    const target = await startTarget((socket) => void setImmediate(() => socket.resetAndDestroy()));
    const { client } = await startPair();
    const socks = await openSocks(client.port, "127.0.0.1", target);
    await socks.closed();
    const [closed] = [await client.event("connection_closed")];
    expect(closed.reason).not.toBe("done");
  });

  it("is back after its server was gone, and tells connections of before that they are over", async () => {
    const echo = await startEcho();
    const { client, server, restart } = await startPair();
    const before = await openSocks(client.port, "127.0.0.1", echo);
    await server.relay.stop();
    await before.closed();
    await restart();
    const after = await openSocks(client.port, "127.0.0.1", echo);
    after.send("again");
    expect(String(await after.take(5))).toBe("again");
  });

  it("has as many streams as 500 at once", async () => {
    const echo = await startEcho();
    const { client } = await startPair();
    const all = await Promise.all(
      Array.from({ length: 500 }, () => openSocks(client.port, "127.0.0.1", echo)),
    );
    for (const [index, socks] of all.entries()) socks.send(`${index}`.padStart(4, "0"));
    const answers = await Promise.all(all.map(async (socks) => Number(await socks.take(4))));
    expect(answers).toEqual(all.map((_, index) => index));
  });
});

describe("what is told of tunnels", () => {
  it.each([1, 2])("names both ends in stats and metrics, with %i threads", async (workers) => {
    const echo = await startEcho();
    const { client, server } = await startPair({ server: { workers }, client: { workers } });
    const socks = await openSocks(client.port, "127.0.0.1", echo);
    socks.send("x".repeat(10_000));
    await socks.take(10_000);
    await vi.waitFor(
      () => {
        for (const [relay, role, name] of [
          [server.relay, "server", "laptop"],
          [client.relay, "client", "tunnel"],
        ] as const) {
          const [tunnel] = relay.tunnels;
          expect(tunnel).toMatchObject({ role, name, opened: 1, sessions: [{ streams: 1 }] });
          expect(Math.min(tunnel?.sent ?? 0, tunnel?.received ?? 0)).toBeGreaterThan(10_000);
        }
      },
      { timeout: 5_000 },
    );
    const text = metricsText(relayMetrics(client.relay.stats()));
    expect(text).toContain(
      'causeway_relay_tunnel_sessions_open{name="tunnel",role="client",service="tunnel"} 1',
    );
    expect(text).toMatch(/causeway_relay_tunnel_rtt_seconds\{[^}]*\} 0\.\d/);
  });

  it("keeps the sums of sessions that are over", () => {
    const book = new TunnelBook();
    const session = { remote: "", engine: "", rtt_ms: 1, loss: 0, rate: 0, window: 0, streams: 0 };
    const identity = { role: "server", service: "main/udpack", name: "laptop" } as const;
    const over = book.open(identity, 0, () => ({ ...session, sent: 5, received: 7 }));
    over();
    over();
    book.open(identity, 0, () => ({ ...session, sent: 1, received: 1 }));
    expect(book.list()).toMatchObject([{ opened: 2, sent: 6, received: 8, sessions: [{ sent: 1 }] }]);
  });
});

describe("a slow client of the tunnel", () => {
  it("leaves the target free, and gets everything in the end", async () => {
    const total = 24 * 1024 * 1024;
    const bytes = randomBytes(1024 * 1024);
    let isWritten = false;
    const target = await startTarget((socket) => {
      for (let sent = 0; sent < total; sent += bytes.length) socket.write(bytes);
      socket.end(() => {
        isWritten = true;
      });
    });
    const { client } = await startPair();
    const socks = await RawClient.open(client.port);
    socks.send([5, 1, 0]);
    await socks.take(2);
    socks.send(socksRequest("127.0.0.1", target));
    await socks.take(10);
    socks.socket.pause();
    await vi.waitFor(() => expect(isWritten).toBe(true), { timeout: 15_000 });
    let read = 0;
    socks.socket.removeAllListeners("data");
    socks.socket.on("data", (chunk: Buffer) => {
      read += chunk.length;
    });
    socks.socket.resume();
    await once(socks.socket, "end");
    expect(read).toBeGreaterThan(total - RELAY_LIMITS.EARLY_BYTES_MAX);
  });

  it("loses its connection, and nobody else does, when the disk fails", async () => {
    const target = await startTarget((socket) => {
      const more = (): void => void (socket.destroyed || socket.write(Buffer.alloc(1024 * 1024), more));
      more();
    });
    const echo = await startEcho();
    const state = await stateFolder();
    const { client, server } = await startPair({ server: { state } });
    const other = await openSocks(client.port, "127.0.0.1", echo);
    await rm(join(state, "spool"), { recursive: true });
    const slow = await openSocks(client.port, "127.0.0.1", target);
    slow.socket.pause();
    expect(await server.event("spool_failed")).toMatchObject({ why: expect.stringContaining("ENOENT") });
    await client.event("connection_closed");
    other.send("still here");
    expect(String(await other.take(10))).toBe("still here");
  });
});
