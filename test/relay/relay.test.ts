import { once } from "node:events";
import { connect } from "node:net";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { createRelay } from "../../relay/relay.ts";
import { inboundConfig, openSocks, RawClient, relayConfig, startEcho, startRelay } from "./harness.ts";

const deps = { log: pino({ level: "silent" }) };

describe("createRelay", () => {
  it("names the port and the setting when a port is taken, and leaves nothing listening", async () => {
    const { port: taken } = await startRelay();
    const inbounds = [inboundConfig(), inboundConfig({ listen: `127.0.0.1:${taken}` })];
    const relay = createRelay(relayConfig({ config: { inbounds } }), deps);
    await expect(relay.start()).rejects.toThrow(new RegExp(`${taken}.*relay\\.inbounds\\[1\\]\\.listen`));
    const first = relay.inbounds[0]?.port ?? 0;
    const probe = connect(first, "127.0.0.1");
    const [error] = (await once(probe, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNREFUSED");
  });

  it("says what listens where", async () => {
    const { relay, port, of } = await startRelay({ inbound: { listen: "[::1]:0" } });
    expect(relay.inbounds).toEqual([
      { kind: "mixed", address: "::1", port, setting: "relay.inbounds[0].listen" },
    ]);
    expect(of("listener_up")).toEqual([{ type: "listener_up", inbound: "test/mixed", address: "::1", port }]);
  });

  it("counts what it carries under its service", async () => {
    const { relay, port, event } = await startRelay();
    const client = await openSocks(port, "127.0.0.1", await startEcho());
    client.socket.end("12345");
    await client.rest();
    await event("connection_closed");
    expect(relay.ledger.seal(Date.now())?.services).toMatchObject([
      { service: "test/mixed", kind: "socks", requests: 1, up: 5, down: 5, active: 0 },
    ]);
  });

  it("lets an open connection end by itself while it drains", async () => {
    const { relay, port, of } = await startRelay({ config: { drain_timeout: 10_000 } });
    const client = await openSocks(port, "127.0.0.1", await startEcho());
    const stopped = relay.stop();
    client.socket.end("last words");
    expect((await client.rest()).toString()).toBe("last words");
    await stopped;
    expect(of("connection_closed")[0]).toMatchObject({ reason: "done", up: 10, down: 10 });
    expect(of("drain_expired")).toHaveLength(0);
  });

  it("breaks connections off at the drain's deadline, and marks them closed", async () => {
    const { relay, port, of } = await startRelay({ config: { drain_timeout: 50 } });
    const tunnel = await openSocks(port, "127.0.0.1", await startEcho());
    const silent = await RawClient.open(port);
    await relay.stop();
    expect((await tunnel.closed())?.code).toBe("ECONNRESET");
    await silent.rest();
    expect(of("drain_expired")).toEqual([{ type: "drain_expired", connections: 1 }]);
    expect(of("connection_closed")[0]).toMatchObject({ reason: "closed" });
    expect(relay.ledger.active).toBe(0);
  });

  it("does not wait for connections that never said anything", async () => {
    const { relay, port } = await startRelay({ config: { drain_timeout: 60_000 } });
    await Promise.all([RawClient.open(port), RawClient.open(port)]);
    const kept = await RawClient.open(port);
    kept.send("GET /bad HTTP/1.1\r\nHost: x\r\n\r\n");
    await kept.takeThrough("\r\n\r\n");
    await relay.stop();
  });

  it("refuses connections beyond its cap and reports it", async () => {
    const { port, event } = await startRelay({ parts: { connectionsMax: 1 } });
    const first = await openSocks(port, "127.0.0.1", await startEcho());
    const second = await RawClient.open(port);
    expect(await second.rest()).toHaveLength(0);
    await event("connections_full");
    first.send("still here");
    expect((await first.take(10)).toString()).toBe("still here");
  });

  it("frees the place of a connection that has ended", async () => {
    const running = await startRelay({ parts: { connectionsMax: 1 } });
    const echo = await startEcho();
    for (let times = 0; times < 3; times++) {
      const client = await openSocks(running.port, "127.0.0.1", echo);
      client.socket.end("x");
      await client.rest();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(running.of("connections_full")).toHaveLength(0);
  });

  it("ends idle connections after idle_timeout", async () => {
    const { port, event } = await startRelay({ config: { idle_timeout: 100 } });
    const client = await openSocks(port, "127.0.0.1", await startEcho());
    expect((await client.closed())?.code).toBe("ECONNRESET");
    expect(await event("connection_closed")).toMatchObject({ reason: "idle" });
  });
});
