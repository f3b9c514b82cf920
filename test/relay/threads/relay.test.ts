// A relay with two threads over real sockets: it must look from outside like one with none.

import { describe, expect, it, vi } from "vitest";
import type { StatusReport } from "../../../shared/control/orders.ts";
import {
  closedPort,
  inboundConfig,
  openSocks,
  RawClient,
  relayConfig,
  startEcho,
  startTarget,
} from "../harness.ts";
import { startUdpEcho, UdpPeer } from "../udp.ts";
import { startThreads, type ThreadedRelay, threadOf } from "./support.ts";

const CLIENTS = 40;

async function statusOf({ relay }: ThreadedRelay): Promise<StatusReport> {
  const answer = await relay.obey({ do: "status" });
  if (!answer.ok) throw new Error(answer.error.message);
  return answer.report as StatusReport;
}

/** Clients that have sent and received `text`. */
async function talk(port: number, count: number, text: string): Promise<RawClient[]> {
  const echo = await startEcho();
  return Promise.all(
    Array.from({ length: count }, async () => {
      const client = await openSocks(port, "127.0.0.1", echo);
      client.send(text);
      await client.take(text.length);
      return client;
    }),
  );
}

function counted(running: ThreadedRelay): number {
  return [...running.relay.ledger.records()].length;
}

describe("a relay with two threads", () => {
  it("spreads connections over both, and adds them up exactly", async () => {
    const running = await startThreads();
    const clients = await talk(running.port, CLIENTS, "0123456789");
    await vi.waitFor(() => expect(counted(running)).toBe(CLIENTS), 5_000);
    const records = [...running.relay.ledger.records()];
    expect(new Set(records.map(({ id }) => threadOf(id)))).toEqual(new Set([0, 1]));
    expect(records.every(({ up, down }) => up === 10 && down === 10)).toBe(true);
    expect(await statusOf(running)).toMatchObject({
      connections: CLIENTS,
      inbounds: [{ state: "running", connections: CLIENTS }],
    });
    for (const client of clients) client.socket.end();
    await vi.waitFor(() => expect(running.of("connection_closed")).toHaveLength(CLIENTS), 5_000);
    expect(running.relay.ledger.seal(Date.now())?.services).toMatchObject([
      {
        service: "test/mixed",
        kind: "socks",
        requests: CLIENTS,
        up: 10 * CLIENTS,
        down: 10 * CLIENTS,
        active: 0,
      },
    ]);
    expect(new Set(running.of("connection_closed").map(({ id }) => id)).size).toBe(CLIENTS);
    await vi.waitFor(async () => expect((await statusOf(running)).connections).toBe(0), 5_000);
  });

  it("says once where it listens, and tells a port that is taken", async () => {
    const running = await startThreads();
    expect(running.of("listener_up")).toEqual([
      { type: "listener_up", inbound: "test/mixed", address: "127.0.0.1", port: running.port },
    ]);
    const taken = await startTarget(() => undefined);
    await expect(startThreads({ inbound: { listen: `127.0.0.1:${taken}` } })).rejects.toMatchObject({
      name: "PortTakenError",
    });
    // Another process of the same user could share it unnoticed.
    await expect(startThreads({ inbound: { listen: `127.0.0.1:${running.port}` } })).rejects.toMatchObject({
      name: "PortTakenError",
    });
  });

  it("breaks one connection off by its id, in whatever thread it is", async () => {
    const running = await startThreads();
    const clients = await talk(running.port, 8, "x");
    await vi.waitFor(() => expect(counted(running)).toBe(8), 5_000);
    const [first] = [...running.relay.ledger.records()].slice(-1);
    const answer = await running.relay.obey({ do: "close", connection: first?.id ?? "" });
    expect(answer).toEqual({ ok: true, report: { closed: first?.id } });
    await Promise.race(clients.map((client) => client.closed()));
    expect(await running.event("connection_closed")).toMatchObject({ id: first?.id, reason: "closed" });
    expect(counted(running)).toBe(7);
    expect(await running.relay.obey({ do: "close", connection: first?.id ?? "" })).toMatchObject({
      error: { code: "connection_unknown" },
    });
  });

  it("holds its connection cap over both", async () => {
    const running = await startThreads({ parts: { connectionsMax: 5 } });
    const echo = await startEcho();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, () => openSocks(running.port, "127.0.0.1", echo)),
    );
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(5);
    await running.event("connections_full");
  });

  it("starts and stops inbounds by order, and lets nobody dial them", async () => {
    const running = await startThreads();
    const started = await running.relay.obey({ do: "start", port: 0, proxy_type: "socks" });
    const { port } = (started.ok ? started.report : {}) as { port: number };
    const clients = await talk(port, 6, "x");
    const own = await RawClient.open(port);
    own.send([5, 1, 0]);
    await own.take(2);
    own.send([5, 1, 0, 1, 127, 0, 0, 1, running.port >> 8, running.port & 255]);
    expect((await own.take(10))[1]).toBe(2);
    const stopped = await running.relay.obey({ do: "stop", port, mode: "now" });
    expect(stopped).toMatchObject({ ok: true, report: { state: "stopped", connections: 0 } });
    await Promise.all(clients.map((client) => client.closed()));
    await expect(RawClient.open(port)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  it("takes another configuration over in both, and drops no connection", async () => {
    const listen = `127.0.0.1:${await closedPort()}`;
    const running = await startThreads({ inbound: { listen } });
    const clients = await talk(running.port, 8, "x");
    const inbounds = [inboundConfig({ kind: "socks", listen }), inboundConfig({ name: "b" })];
    const rejecting = {
      domains: [],
      cidrs: ["127.0.0.0/8"],
      ports: [],
      users: [],
      inbounds: [],
      private: false,
    };
    const rules = [{ ...rejecting, outbound: "reject" }] as never;
    const report = await running.relay.reload(relayConfig({ config: { workers: 2, inbounds, rules } }));
    expect(report).toEqual({ kept: 0, started: 2, stopped: 1, failed: [] });
    expect(running.relay.listening).toMatchObject([{ kind: "socks", port: running.port }, { kind: "mixed" }]);
    for (const client of clients) expect(String(await client.send("on").take(2))).toBe("on");
    const echo = await startEcho();
    for (let times = 0; times < 8; times++)
      await expect(openSocks(running.port, "127.0.0.1", echo)).rejects.toThrow("reply 2");
  });

  it("serves a UDP forward, and associations of both threads", async () => {
    const target = await startUdpEcho("echo ");
    const inbounds = [
      inboundConfig({ kind: "udp", listen: "127.0.0.1:0", target: `127.0.0.1:${target}` }),
      inboundConfig(),
    ];
    const running = await startThreads({ config: { inbounds } });
    const peer = await UdpPeer.open();
    for (let times = 0; times < 3; times++) {
      peer.send("hi", running.port);
      expect(String((await peer.take()).data)).toBe("echo hi");
    }
    const mixed = running.relay.inbounds[1]?.port ?? 0;
    for (let times = 0; times < 6; times++) {
      const client = await RawClient.open(mixed);
      client.send([5, 1, 0]);
      await client.take(2);
      client.send([5, 3, 0, 1, 0, 0, 0, 0, 0, 0]);
      const reply = await client.take(10);
      const own = await UdpPeer.open();
      own.send(
        Uint8Array.of(0, 0, 0, 1, 127, 0, 0, 1, target >> 8, target & 255, 120),
        reply.readUInt16BE(8),
      );
      expect(String((await own.take()).data.subarray(10))).toBe("echo x");
    }
  });
});

describe("stopping a relay with two threads", () => {
  it("waits for the connections of both until the deadline, and breaks off what is left", async () => {
    const running = await startThreads({ config: { drain_timeout: 500 } });
    const clients = await talk(running.port, 10, "x");
    await vi.waitFor(() => expect(counted(running)).toBe(10), 5_000);
    const stopping = running.relay.stop();
    const [first, ...others] = clients;
    expect(String(await first?.send("on").take(2))).toBe("on");
    first?.socket.end();
    await Promise.all(others.map((client) => client.closed()));
    await stopping;
    expect(running.of("drain_expired")).toEqual([{ type: "drain_expired", connections: 9 }]);
    const reasons = running.of("connection_closed").map(({ reason }) => reason);
    expect(reasons.toSorted()).toEqual([...Array(9).fill("closed"), "done"]);
    expect(running.relay.ledger.seal(Date.now(), true)).toMatchObject({
      active: [],
      services: [{ requests: 10, up: 12, down: 12, active: 0 }],
    });
  });

  it("ends at once when the last connection does", async () => {
    const running = await startThreads({ config: { drain_timeout: 60_000 } });
    const clients = await talk(running.port, 6, "x");
    const stopping = running.relay.stop();
    for (const client of clients) client.socket.end();
    await stopping;
    expect(running.of("connection_closed")).toHaveLength(6);
  });
});
