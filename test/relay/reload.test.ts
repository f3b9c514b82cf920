// Another configuration while connections are open: nothing that is open breaks, and what is new counts from now on.

import { createServer } from "node:http";
import { connect } from "node:net";
import { Worker } from "node:worker_threads";
import * as v from "valibot";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { hashPassword } from "../../relay/password.ts";
import { RuleSchema } from "../../shared/config/outbound-schema.ts";
import type { RelayConfig } from "../../shared/config/schema.ts";
import type { StatusReport } from "../../shared/control/orders.ts";
import {
  closedPort,
  inboundConfig,
  listenForTest,
  openSocks,
  RawClient,
  type RunningRelay,
  relayConfig,
  startEcho,
  startRelay,
  startTarget,
  takeResponse,
} from "./harness.ts";
import { UdpPeer } from "./udp.ts";

/** The running relay's configuration with its port as it turned out, and changes. */
function changed({ port }: RunningRelay, change: Partial<RelayConfig> = {}): RelayConfig {
  return relayConfig({ config: { inbounds: [inboundConfig({ listen: `127.0.0.1:${port}` })], ...change } });
}

async function startOn(): Promise<RunningRelay> {
  return startRelay({ inbound: { listen: `127.0.0.1:${await closedPort()}` } });
}

function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  return new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  }).finally(() => void socket.destroy());
}

/** Connects again and again from a thread of its own, until the test ends. */
function knockAt(port: number) {
  const code = `
    const { parentPort, workerData: port } = require("node:worker_threads");
    const { connect } = require("node:net");
    const knock = () => {
      const socket = connect(port, "127.0.0.1");
      // By reset, or the machine would soon have no ports left.
      socket.once("connect", () => { parentPort.postMessage(true); socket.resetAndDestroy(); });
      socket.once("error", () => parentPort.postMessage(false));
      // No faster than they are accepted: the listener's queue would be full.
      socket.once("close", () => setTimeout(knock, 1));
    };
    for (let lane = 0; lane < 3; lane++) knock();`;
  const worker = new Worker(code, { eval: true, workerData: port });
  onTestFinished(async () => void (await worker.terminate()));
  let answered = 0;
  let refused = 0;
  worker.on("message", (isServed: boolean) => {
    answered++;
    if (!isServed) refused++;
  });
  return {
    get refused() {
      return refused;
    },
    /** Resolves once some more have been answered. */
    async more(): Promise<void> {
      const enough = answered + 8;
      await vi.waitFor(() => expect(answered).toBeGreaterThan(enough), { timeout: 5_000, interval: 1 });
    },
  };
}

describe("Relay.reload", () => {
  it("leaves alone what has not changed", async () => {
    const running = await startOn();
    const client = await openSocks(running.port, "127.0.0.1", await startEcho());
    const report = await running.relay.reload(changed(running));
    expect(report).toEqual({ kept: 1, started: 0, stopped: 0, failed: [] });
    expect(running.of("listener_down")).toEqual([]);
    client.send("on");
    expect(String(await client.take(2))).toBe("on");
  });

  it("grants nothing of a configuration that it cannot take over", async () => {
    const running = await startOn();
    const offered = { host: "127.0.0.1", first: 1, last: 65_535 };
    const users = [{ name: "alice", password: await hashPassword("secret") }];
    // Quotas cannot be kept below a file.
    const refused = changed(running, {
      users,
      remote_ports: [{ ...offered, host: "0.0.0.0" }],
      state: import.meta.filename,
      per_client: { quota: { bytes: 1_000_000, period: "day" } },
    });
    await expect(running.relay.reload(refused)).rejects.toThrow("quotas");
    const port = await closedPort();
    const answer = await running.relay.obey({ do: "start", port, address: "0.0.0.0", proxy_type: "socks" });
    expect(answer).toMatchObject({ ok: false, error: { code: "port_not_offered" } });
    expect(running.relay.stats().terms).toEqual([]);
  });

  it("starts what is new and stops what is gone, whose connections go on", async () => {
    const running = await startOn();
    const client = await openSocks(running.port, "127.0.0.1", await startEcho());
    const inbounds = [inboundConfig({ name: "new", listen: `127.0.0.1:${await closedPort()}` })];
    const report = await running.relay.reload(changed(running, { inbounds }));
    expect(report).toMatchObject({ kept: 0, started: 1, stopped: 1 });
    expect(await accepts(running.port)).toBe(false);
    expect(await accepts(running.relay.listening[0]?.port ?? 0)).toBe(true);
    client.send("on");
    expect(String(await client.take(2))).toBe("on");
  });

  it("replaces a changed inbound on its port", async () => {
    const running = await startOn();
    const client = await openSocks(running.port, "127.0.0.1", await startEcho());
    const inbounds = [inboundConfig({ kind: "socks", listen: `127.0.0.1:${running.port}` })];
    expect(await running.relay.reload(changed(running, { inbounds }))).toMatchObject({
      started: 1,
      failed: [],
    });
    expect(running.relay.listening).toMatchObject([{ kind: "socks", port: running.port }]);
    client.send("on");
    expect(String(await client.take(2))).toBe("on");
  });

  it.each([1, 2])(
    "refuses nobody while it replaces a changed inbound on its port, by %i threads",
    async (workers) => {
      const listen = `127.0.0.1:${await closedPort()}`;
      const echo = await startEcho();
      const kinds = [
        { kind: "socks" },
        { kind: "http" },
        { kind: "tcp", target: `127.0.0.1:${echo}` },
        { kind: "ingress", key: "a-key-that-is-long-enough-for-it" },
        { kind: "mixed" },
      ].map((raw) => inboundConfig({ listen, ...raw }));
      const running = await startRelay({ config: { workers }, inbound: { listen } });
      const silent = await RawClient.open(running.port);
      const open = await openSocks(running.port, "127.0.0.1", echo);
      const knocks = knockAt(running.port);
      for (const inbound of Array.from({ length: 6 }, () => kinds).flat()) {
        await knocks.more();
        const report = await running.relay.reload(relayConfig({ config: { workers, inbounds: [inbound] } }));
        expect(report).toEqual({ kept: 0, started: 1, stopped: 1, failed: [] });
        expect(running.relay.listening).toMatchObject([{ kind: inbound.kind, port: running.port }]);
      }
      await knocks.more();
      expect(knocks.refused).toBe(0);
      // Whoever had connected and not said anything yet is served, too, as it was then.
      silent.send([5, 1, 0]);
      expect([...(await silent.take(2))]).toEqual([5, 0]);
      open.send("on");
      expect(String(await open.take(2))).toBe("on");
      const client = await openSocks(running.port, "127.0.0.1", echo);
      client.send("new");
      expect(String(await client.take(3))).toBe("new");
    },
  );

  it("replaces a UDP forward on its port", async () => {
    const port = await closedPort();
    const udp = (target: string) => inboundConfig({ kind: "udp", listen: `127.0.0.1:${port}`, target });
    const running = await startRelay({ config: { inbounds: [udp("127.0.0.1:9")] } });
    const { socket } = await UdpPeer.open();
    socket.send(Buffer.from("a session"), port, "127.0.0.1");
    await running.event("connection_opened");
    const next = relayConfig({ config: { inbounds: [udp("127.0.0.1:19")] } });
    expect(await running.relay.reload(next)).toMatchObject({ started: 1, failed: [] });
  });

  it("reports an inbound that cannot start, and goes on with the others", async () => {
    const running = await startOn();
    const taken = await startTarget(() => undefined);
    const inbounds = [
      ...changed(running).inbounds,
      inboundConfig({ name: "b", listen: `127.0.0.1:${taken}` }),
    ];
    const report = await running.relay.reload(changed(running, { inbounds }));
    expect(report).toMatchObject({ kept: 1, started: 0 });
    expect(report.failed[0]).toMatch(`${taken}`);
    const status = await running.relay.obey({ do: "status" });
    expect(status.ok && (status.report as StatusReport).inbounds.map(({ state }) => state)).toEqual([
      "running",
      "failed",
    ]);
    expect(await accepts(running.port)).toBe(true);
  });

  it("lets new users in and former ones no more, at an inbound that stays", async () => {
    const listen = `127.0.0.1:${await closedPort()}`;
    const inbounds = [inboundConfig({ kind: "http", listen, auth: "password" })];
    const users = async (name: string) => [{ name, password: await hashPassword("secret") }];
    const running = await startRelay({ config: { inbounds, users: await users("alice") } });
    const origin = await listenForTest(createServer((_, res) => void res.end("ok")));
    const ask = async (user: string): Promise<string> => {
      const client = await RawClient.open(running.port);
      const basic = Buffer.from(`${user}:secret`).toString("base64");
      client.send(
        `GET http://127.0.0.1:${origin}/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic ${basic}\r\n\r\n`,
      );
      return (await takeResponse(client)).head.slice(9, 12);
    };
    expect(await ask("alice")).toBe("200");
    const report = await running.relay.reload(
      relayConfig({ config: { inbounds, users: await users("bob") } }),
    );
    expect(report).toMatchObject({ kept: 1 });
    expect([await ask("bob"), await ask("alice")]).toEqual(["200", "407"]);
  });

  it("sends new requests by the new rules, even over an origin's connection that was kept", async () => {
    const running = await startOn();
    const origin = await listenForTest(createServer((_, res) => void res.end("ok")));
    const client = await RawClient.open(running.port);
    const ask = async (): Promise<string> => {
      client.send(`GET http://127.0.0.1:${origin}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
      return (await takeResponse(client)).head.slice(9, 12);
    };
    expect(await ask()).toBe("200");
    const rules = [v.parse(RuleSchema, { inbounds: ["mixed"], outbound: "reject" })];
    await running.relay.reload(changed(running, { rules }));
    expect(await ask()).toBe("403");
  });

  it("keeps inbounds that were started by order", async () => {
    const running = await startOn();
    await running.relay.obey({ do: "start", port: 0, proxy_type: "socks" });
    await running.relay.reload(changed(running, { inbounds: [] }));
    expect(running.relay.listening).toMatchObject([{ kind: "socks" }]);
  });

  it("is refused while the relay stops, and changes nothing", async () => {
    const running = await startOn();
    const users = [{ name: "alice", password: "x" }];
    await running.relay.stop();
    await expect(running.relay.reload(changed(running, { users }))).rejects.toMatchObject({
      code: "relay_stopping",
    });
    expect(running.relay.stats().terms).toEqual([]);
  });
});
