// What the far end of the tunnel decides, and how its clients hear of it: failures, limits, and who may connect at all.

import type { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import type { Outbound } from "../../../relay/outbound/outbound.ts";
import type { RelayConfig } from "../../../shared/config/schema.ts";
import { CausewayError, type ErrorCode } from "../../../shared/errors.ts";
import { closedPort, openSocks, RawClient, startEcho, startRelay, startTarget } from "../harness.ts";
import { CLIENT_KEYS, clientConfig, newKeys, replyTo, serverConfig, startPair, stateFolder } from "./pair.ts";

describe("what the far end decides", () => {
  it("tells why a target could not be reached", async () => {
    const { client, server } = await startPair();
    expect(await replyTo(client.port, "127.0.0.1", await closedPort())).toBe(5);
    expect(await replyTo(client.port, "no-such-name.invalid", 80)).toBe(4);
    // The far end's own listener is nobody's target.
    expect(await replyTo(client.port, "127.0.0.1", server.port)).toBe(2);
    expect(server.of("dial_failed").map(({ code }) => code)).toContain("connection_refused");
  });

  it("hands every reason on, as the reply of SOCKS5 and the status of HTTP", async () => {
    let code: ErrorCode = "dial_failed";
    const outbound: Outbound = {
      connect: () => Promise.reject(new CausewayError(code)),
      reach: () => Promise.reject(new CausewayError(code)),
    };
    const { client } = await startPair({ parts: { outbound } });
    for (const [reason, reply, status] of [
      ["connection_refused", 5, 502],
      ["name_unknown", 4, 502],
      ["name_unresolved", 1, 502],
      ["network_unreachable", 3, 502],
      ["target_unreachable", 4, 502],
      ["dial_timeout", 6, 504],
      ["dial_failed", 1, 502],
      ["target_refused", 2, 403],
      ["not_carried", 7, 502],
      ["proxy_failed", 1, 502],
      ["tunnel_failed", 1, 502],
      ["user_expired", 2, 403],
      ["traffic_exceeded", 2, 403],
      ["connections_exceeded", 2, 429],
      ["proxy_full", 1, 503],
    ] as const) {
      code = reason;
      expect(await replyTo(client.port, "a.example", 80), reason).toBe(reply);
      const http = await RawClient.open(client.port);
      http.send("CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\n\r\n");
      expect(await http.takeThrough("\r\n"), reason).toContain(`HTTP/1.1 ${status} `);
      http.socket.destroy();
    }
  });

  it("tells that the far end's policy forbids a target", async () => {
    const rules = [{ domains: ["denied.example"], outbound: "reject" }];
    const { client } = await startPair({ server: { rules } });
    expect(await replyTo(client.port, "denied.example", 80)).toBe(2);
  });

  it("charges the user that a client belongs to, and ends with its limits", async () => {
    const password = `scrypt:15:8:3:${"A".repeat(22)}:${"A".repeat(43)}`;
    const users = [{ name: "alice", password, max_connections: 1 }];
    const { client, server } = await startPair({ server: { users }, known: { user: "alice" } });
    const echo = await startEcho();
    const socks = await openSocks(client.port, "127.0.0.1", echo);
    expect(await replyTo(client.port, "127.0.0.1", echo)).toBe(2);
    expect(server.of("limit_reached")).toMatchObject([{ user: "alice", code: "connections_exceeded" }]);
    socks.socket.destroy();
    expect(await server.event("connection_closed")).toMatchObject({ user: "alice" });
  });

  it("charges users for what was delivered, at their rate, and ends with their quota", async () => {
    const password = `scrypt:15:8:3:${"A".repeat(22)}:${"A".repeat(43)}`;
    const users = [{ name: "alice", password, rate: "2MB/s", quota: "3MB" }];
    const bytes = Buffer.alloc(2_500_000);
    const target = await startTarget((socket) => void socket.end(bytes));
    const { client, server } = await startPair({ server: { users }, known: { user: "alice" } });
    const since = performance.now();
    const first = await openSocks(client.port, "127.0.0.1", target);
    expect((await first.rest()).length).toBe(bytes.length);
    // The first burst is free.
    expect(performance.now() - since).toBeGreaterThan(500);
    const second = await openSocks(client.port, "127.0.0.1", target);
    expect((await second.rest()).length).toBeLessThan(600_000);
    expect(await server.event("account_ended")).toMatchObject({
      account: "user alice",
      code: "traffic_exceeded",
    });
    expect(await replyTo(client.port, "127.0.0.1", target)).toBe(2);
    const [alice] = server.relay.stats().users;
    expect(alice?.down).toBeGreaterThanOrEqual(bytes.length);
    expect(alice?.down).toBeLessThanOrEqual(3_000_000);
  });

  it.each([1, 2])(
    "lets clients in and out at a reload, unnoticed by the others, with %i threads",
    async (workers) => {
      const echo = await startEcho();
      const other = newKeys();
      const state = await stateFolder();
      const { client, server } = await startPair({ server: { state, workers } });
      const config = serverConfig({ server: { state, workers } }, state, server.port);
      const withClients = (...keys: (readonly [string, string])[]): RelayConfig => ({
        ...config,
        inbounds: config.inbounds.map((inbound) => ({
          ...inbound,
          clients: keys.map(([name, public_key]) => ({ name, public_key })),
        })),
      });
      const early = await openSocks(client.port, "127.0.0.1", echo);
      const both = withClients(["laptop", CLIENT_KEYS.public], ["phone", other.public]);
      expect(await server.relay.reload(both)).toMatchObject({ kept: 1, started: 0, stopped: 0 });
      const second = await startRelay({
        config: clientConfig(server.port, { outbound: { key: other.secret } }),
      });
      const late = await openSocks(second.port, "127.0.0.1", echo);
      early.send("early");
      expect(String(await early.take(5))).toBe("early");
      await server.relay.reload(withClients(["phone", other.public]));
      await early.closed();
      late.send("late");
      expect(String(await late.take(4))).toBe("late");
      expect(server.of("listener_down")).toEqual([]);
    },
  );

  it("holds in a thread that comes back after a reload, too", async () => {
    const threads: Worker[] = [];
    const overrides = { server: { state: await stateFolder(), workers: 2 } };
    const parts = { onThread: (thread: Worker) => void threads.push(thread) };
    const { server } = await startPair({ ...overrides, parts });
    const phone = newKeys();
    const config = serverConfig(overrides, overrides.server.state, server.port);
    const clients = [{ name: "phone", public_key: phone.public }];
    const inbounds = config.inbounds.map((inbound) => ({ ...inbound, clients }));
    expect(await server.relay.reload({ ...config, inbounds })).toMatchObject({ kept: 1 });
    await threads[0]?.terminate();
    await server.event("thread_restarted");
    const echo = await startEcho();
    const second = await startRelay({
      config: clientConfig(server.port, { outbound: { key: phone.secret } }),
    });
    const socks = await openSocks(second.port, "127.0.0.1", echo);
    socks.send("let in");
    expect(String(await socks.take(6))).toBe("let in");
  });
});
