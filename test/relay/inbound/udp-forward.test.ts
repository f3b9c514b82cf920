// UDP forwards over real sockets: sessions by source, their bounds and their end.

import { pino } from "pino";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { Connections } from "../../../relay/inbound/connections.ts";
import { SessionHost } from "../../../relay/inbound/session.ts";
import { AddressList } from "../../../relay/inbound/source-acl.ts";
import { UdpForward } from "../../../relay/inbound/udp-forward.ts";
import { spoolOf } from "../../../relay/inbound-deps.ts";
import { Limits } from "../../../relay/limits/limits.ts";
import { DirectOutbound } from "../../../relay/outbound/direct.ts";
import { createRelay } from "../../../relay/relay.ts";
import { TunnelBook } from "../../../relay/tunnel/book.ts";
import { Ledger } from "../../../shared/flow/ledger.ts";
import { failingOutbound, relayConfig, startRelay } from "../harness.ts";
import { startUdpEcho, UdpPeer } from "../udp.ts";

function forward(target: number, more: Readonly<Record<string, unknown>> = {}) {
  return startRelay({ inbound: { kind: "udp", target: `127.0.0.1:${target}`, ...more } });
}

describe("a UDP forward", () => {
  it("carries datagrams both ways, each source's answers to that source", async () => {
    const running = await forward(await startUdpEcho("> "), { name: "dns" });
    const [one, two] = [await UdpPeer.open(), await UdpPeer.open()];
    one.send("one", running.port);
    two.send("two", running.port);
    expect((await two.take()).data.toString()).toBe("> two");
    const { data, from } = await one.take();
    expect([data.toString(), from.port]).toEqual(["> one", running.port]);
    expect(running.relay.ledger.seal(Date.now())?.services).toMatchObject([
      { service: "test/dns", kind: "udp", requests: 2, up: 6, down: 10, active: 2 },
    ]);
  });

  it("keeps one session, and one port towards the target, per source", async () => {
    const target = await UdpPeer.open();
    const running = await forward(target.port);
    const client = await UdpPeer.open();
    client.send("1", running.port);
    const first = await target.take();
    client.send("2", running.port);
    expect((await target.take()).from.port).toBe(first.from.port);
    expect(running.of("connection_opened")).toHaveLength(1);
  });

  it("passes on answers of the target only", async () => {
    const target = await UdpPeer.open();
    const running = await forward(target.port);
    const client = await UdpPeer.open();
    client.send("ask", running.port);
    const { from } = await target.take();
    const [samePort, sameAddress] = [await UdpPeer.open("127.0.0.2"), await UdpPeer.open()];
    samePort.send("forged", from.port);
    sameAddress.send("forged", from.port);
    target.send("answer", from.port);
    expect((await client.take()).data.toString()).toBe("answer");
    expect(client.pending).toBe(0);
  });

  it("ends a session that is idle, and begins another afterwards", async () => {
    const running = await forward(await startUdpEcho(), { idle_timeout: "1s" });
    const client = await UdpPeer.open();
    client.send("x", running.port);
    await client.take();
    expect(await running.event("connection_closed")).toMatchObject({ reason: "idle", up: 1, down: 1 });
    client.send("y", running.port);
    expect((await client.take()).data.toString()).toBe("y");
  });

  it("resolves its target's name", async () => {
    const { port } = await startRelay({
      inbound: { kind: "udp", target: `localhost:${await startUdpEcho()}` },
    });
    const client = await UdpPeer.open();
    await vi.waitFor(async () => {
      client.send("x", port);
      await Promise.race([
        client.take(),
        new Promise((_, reject) => setTimeout(() => reject(new Error()), 100)),
      ]);
    });
  });

  it("serves only sources on its list", async () => {
    const running = await forward(await startUdpEcho(), { allow: ["127.0.0.2"] });
    const [named, other] = [await UdpPeer.open("127.0.0.2"), await UdpPeer.open()];
    other.send("no", running.port);
    expect(await running.event("source_refused")).toMatchObject({ client: "127.0.0.1" });
    named.send("yes", running.port);
    expect((await named.take()).data.toString()).toBe("yes");
    expect(other.pending).toBe(0);
  });

  it("reports a target that cannot be reached, not every datagram", async () => {
    const running = await startRelay({
      inbound: { kind: "udp", target: "127.0.0.1:9" },
      parts: { outbound: failingOutbound("not_carried") },
    });
    const client = await UdpPeer.open();
    for (let times = 0; times < 5; times++) client.send("x", running.port);
    expect(await running.event("dial_failed")).toMatchObject({ code: "not_carried" });
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(running.of("dial_failed")).toHaveLength(1);
  });

  it("says which setting moves a port that is taken", async () => {
    const taken = await UdpPeer.open();
    const raw = { kind: "udp", listen: `127.0.0.1:${taken.port}`, target: "127.0.0.1:9" };
    const relay = createRelay(relayConfig({ inbound: raw }), { log: pino({ level: "silent" }) });
    await expect(relay.start()).rejects.toThrow(
      new RegExp(`${taken.port}.*relay\\.inbounds\\[0\\]\\.listen`),
    );
    await relay.stop();
  });

  it("ends quiet sessions soon while the relay drains, and serves no new ones", async () => {
    const running = await startRelay({
      config: { drain_timeout: 30_000 },
      inbound: { kind: "udp", target: `127.0.0.1:${await startUdpEcho()}` },
    });
    const [client, late] = [await UdpPeer.open(), await UdpPeer.open()];
    client.send("x", running.port);
    await client.take();
    const stopped = running.relay.stop();
    late.send("late", running.port);
    await stopped;
    expect(running.of("connection_closed")).toMatchObject([{ reason: "idle" }]);
    expect(running.of("drain_expired")).toHaveLength(0);
    expect(late.pending).toBe(0);
  });
});

describe("the bound of sessions", () => {
  it("keeps those that were answered and lets the oldest unanswered one go", async () => {
    const target = await UdpPeer.open();
    const ledger = new Ledger({ source: "s", origin: "relay", name: "test" });
    const host = new SessionHost({
      service: "test/udp",
      auth: "none",
      users: { signIn: () => Promise.resolve() },
      limits: new Limits(relayConfig(), { emit: () => undefined }),
      outbound: new DirectOutbound(),
      refusal: () => undefined,
      ledger,
      emit: () => undefined,
      spool: spoolOf(relayConfig(), () => undefined),
      tunnels: new TunnelBook(),
      idleTimeoutMs: 60_000,
      handshakeTimeoutMs: 1_000,
      bindTimeoutMs: 1_000,
    });
    const connections = new Connections(100);
    const udp = new UdpForward(
      {
        at: { host: "127.0.0.1", port: 0, setting: "x" },
        target: { host: "127.0.0.1", port: target.port },
        allow: new AddressList([]),
        connections,
        sessionsMax: 2,
      },
      host,
    );
    await udp.start();
    onTestFinished(async () => {
      connections.abort();
      await udp.close();
    });
    const [answered, silent, third] = [await UdpPeer.open(), await UdpPeer.open(), await UdpPeer.open()];
    answered.send("1", udp.port);
    const { from } = await target.take();
    target.send("yes", from.port);
    await answered.take();
    silent.send("2", udp.port);
    const second = await target.take();
    third.send("3", udp.port);
    const { from: last } = await target.take();
    expect([ledger.active, connections.size]).toEqual([2, 2]);
    target.send("too late", second.from.port);
    target.send("third", last.port);
    expect((await third.take()).data.toString()).toBe("third");
    target.send("still", from.port);
    expect((await answered.take()).data.toString()).toBe("still");
    expect(silent.pending).toBe(0);
  });
});
