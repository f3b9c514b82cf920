import { createServer } from "node:http";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import type {
  Answer,
  InboundReport,
  Order,
  StatusReport,
  TestReport,
} from "../../../shared/control/orders.ts";
import { ORDER_LIMITS } from "../../../shared/limits.ts";
import {
  closedPort,
  failingOutbound,
  listenForTest,
  openSocks,
  RawClient,
  type RunningRelay,
  startEcho,
  startRelay,
  startTarget,
} from "../harness.ts";

async function report<T>({ relay }: RunningRelay, order: Order): Promise<T> {
  const answer = await relay.obey(order);
  if (!answer.ok) throw new Error(`${answer.error.code}: ${answer.error.message}`);
  return answer.report as T;
}

function codeOf(answer: Answer): string | undefined {
  return answer.ok ? undefined : answer.error.code;
}

async function start(running: RunningRelay): Promise<InboundReport> {
  return report(running, { do: "start", port: 0, proxy_type: "socks" });
}

async function isRefused(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(false)).once("error", () => resolve(true));
  }).finally(() => socket.destroy()) as Promise<boolean>;
}

describe("RelayControl: start and stop", () => {
  it("says what runs, with its connections", async () => {
    const running = await startRelay();
    await openSocks(running.port, "127.0.0.1", await startEcho());
    expect(await report<StatusReport>(running, { do: "status" })).toMatchObject({
      name: "test",
      connections: 1,
      inbounds: [{ kind: "mixed", port: running.port, state: "running", origin: "config", connections: 1 }],
    });
  });

  it("starts a stopped inbound of the configuration as it is there, and never wider than the order says", async () => {
    const listed = await closedPort();
    const running = await startRelay({
      config: { users: [{ name: "alice", password: "x" }] },
      inbound: { kind: "socks", listen: `0.0.0.0:${listed}`, auth: "password" },
    });
    const order = { do: "start", port: listed, proxy_type: "socks" } as const;
    await report(running, { do: "stop", port: listed, mode: "now" });
    const narrow = await report<InboundReport>(running, { ...order, address: "127.0.0.1" });
    expect(narrow).toMatchObject({ address: "127.0.0.1", origin: "order" });
    await report(running, { do: "stop", port: listed, mode: "now" });
    const open = await report<InboundReport>(running, { ...order, auth: "none" });
    expect(open).toMatchObject({ address: "127.0.0.1", auth: "none", origin: "order" });
    await report(running, { do: "stop", port: listed, mode: "now" });
    const again = await report<InboundReport>(running, { ...order, auth: "password" });
    expect(again).toMatchObject({ address: "0.0.0.0", auth: "password", origin: "config" });
  });

  it("tests no more URLs at once than its bound", async () => {
    const running = await startRelay();
    const silent = await startTarget(() => undefined);
    const order = { do: "test", url: `http://127.0.0.1:${silent}/`, user: "" } as const;
    const asked = Array.from({ length: ORDER_LIMITS.UNDER_WAY_MAX }, () => running.relay.obey(order));
    expect(codeOf(await running.relay.obey(order))).toBe("too_many_orders");
    await expect.poll(() => [...running.relay.ledger.records()].length).toBe(asked.length);
    for (const { id } of [...running.relay.ledger.records()])
      await running.relay.obey({ do: "close", connection: id });
    await Promise.all(asked);
    const last = running.relay.obey(order);
    await expect.poll(() => [...running.relay.ledger.records()].length).toBe(1);
    for (const { id } of [...running.relay.ledger.records()])
      await running.relay.obey({ do: "close", connection: id });
    expect(codeOf(await last)).toBeUndefined();
  });

  it("drains: nothing new is accepted, what is open goes on, and then the inbound is gone", async () => {
    const running = await startRelay();
    const { id, port } = await start(running);
    const client = await openSocks(port, "127.0.0.1", await startEcho());
    const stopped = await report<InboundReport>(running, { do: "stop", inbound: id, mode: "drain" });
    expect(stopped).toMatchObject({ state: "draining", connections: 1 });
    expect(await isRefused(port)).toBe(true);
    client.send("still here");
    expect(String(await client.take(10))).toBe("still here");
    client.socket.end();
    await running.event("connection_closed");
    await expect
      .poll(async () => (await report<StatusReport>(running, { do: "status" })).inbounds.length)
      .toBe(1);
  });

  it("stops at once: its connections end, those of others go on", async () => {
    const running = await startRelay();
    const { port } = await start(running);
    const echo = await startEcho();
    const [ours, others] = [
      await openSocks(port, "127.0.0.1", echo),
      await openSocks(running.port, "127.0.0.1", echo),
    ];
    await report(running, { do: "stop", port, mode: "now" });
    expect((await ours.closed())?.code).toBe("ECONNRESET");
    expect(running.of("connection_closed")[0]).toMatchObject({ reason: "closed" });
    others.send("on");
    expect(String(await others.take(2))).toBe("on");
  });

  it("starts an inbound of the configuration again, as it stands there", async () => {
    const running = await startRelay({ inbound: { name: "front" } });
    await report(running, { do: "stop", port: running.port, mode: "now" });
    expect(await isRefused(running.port)).toBe(true);
    expect(running.relay.listening).toEqual([]);
    // A free port stood in the file: the order names that.
    const again = await report<InboundReport>(running, { do: "start", port: 0, proxy_type: "mixed" });
    expect(again).toMatchObject({ service: "test/front", origin: "config", state: "running" });
  });

  it("refuses a taken port, an unknown inbound, and everything once it stops", async () => {
    const running = await startRelay();
    const { relay, port } = running;
    expect(codeOf(await relay.obey({ do: "start", port, proxy_type: "http" }))).toBe("port_taken");
    expect(codeOf(await relay.obey({ do: "stop", port: 1, mode: "now" }))).toBe("inbound_unknown");
    expect(codeOf(await relay.obey({ do: "stop", mode: "now" }))).toBe("bad_request");
    await relay.stop();
    expect(codeOf(await relay.obey({ do: "start", port: 0, proxy_type: "http" }))).toBe("relay_stopping");
  });

  it("never lets a client reach an inbound that was started by order", async () => {
    const running = await startRelay();
    const { port } = await start(running);
    await expect(openSocks(running.port, "127.0.0.1", port)).rejects.toThrow("reply 2");
  });
});

describe("RelayControl: close", () => {
  it("breaks off the connection of that id and no other", async () => {
    const running = await startRelay();
    const echo = await startEcho();
    const clients = [
      await openSocks(running.port, "127.0.0.1", echo),
      await openSocks(running.port, "127.0.0.1", echo),
    ];
    const [first] = running.of("connection_opened");
    await report(running, { do: "close", connection: first?.id ?? "" });
    expect((await clients[0]?.closed())?.code).toBe("ECONNRESET");
    clients[1]?.send("on");
    expect(String(await clients[1]?.take(2))).toBe("on");
    expect(running.of("connection_closed")).toMatchObject([{ id: first?.id, reason: "closed" }]);
    const again = await running.relay.obey({ do: "close", connection: first?.id ?? "" });
    expect(codeOf(again)).toBe("connection_unknown");
  });

  it("breaks off a plain HTTP exchange in its midst", async () => {
    const running = await startRelay();
    const server = createServer((_, res) => void res.writeHead(200, { "content-length": 100 }).write("x"));
    const port = await listenForTest(server);
    const client = await RawClient.open(running.port);
    client.send(`GET http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
    await client.takeThrough("x");
    const [opened] = running.of("connection_opened");
    await report(running, { do: "close", connection: opened?.id ?? "" });
    await client.closed();
    expect(await running.event("connection_closed")).toMatchObject({ kind: "proxy", reason: "closed" });
  });
});

describe("RelayControl: test", () => {
  it("reports status, size and phases, and the address that the target has seen", async () => {
    const running = await startRelay();
    const port = await listenForTest(createServer((_, res) => void res.end("198.51.100.7\n")));
    const url = `http://127.0.0.1:${port}/ip?token=secret`;
    const tested = await report<TestReport>(running, { do: "test", url, user: "" });
    expect(tested).toMatchObject({
      ok: true,
      status: 200,
      bytes: 13,
      url: `http://127.0.0.1:${port}/ip`,
      target: `127.0.0.1:${port}`,
      exit_address: "198.51.100.7",
      exit_seen_by: "target",
    });
    const { timing_ms: timing } = tested;
    expect(timing.total).toBeGreaterThanOrEqual((timing.connect ?? 0) + (timing.first_byte ?? 0));
    expect(running.relay.ledger.seal(Date.now())?.services).toMatchObject([
      { service: "test/mixed", kind: "proxy", requests: 1, down: 13, active: 0 },
    ]);
  });

  it("times the resolution of a name, and tells an unknown one", async () => {
    const running = await startRelay();
    const port = await listenForTest(createServer((_, res) => void res.end()));
    const named = await report<TestReport>(running, {
      do: "test",
      url: `http://localhost:${port}/`,
      user: "",
    });
    expect(named.timing_ms.dns).toBeGreaterThanOrEqual(0);
    const unknown = await startRelay({ parts: { outbound: failingOutbound("name_unknown") } });
    const failed = await report<TestReport>(unknown, { do: "test", url: "http://no.such.test/", user: "" });
    expect(failed).toMatchObject({ ok: false, bytes: 0, error: { code: "name_unknown" } });
  });

  it("tells a refused connection, a policy's denial, broken TLS and a target that is no HTTP server apart", async () => {
    const running = await startRelay();
    const garbage = await startTarget((socket) => void socket.end("nonsense\r\n\r\n"));
    const errors = await Promise.all(
      [
        `http://127.0.0.1:${await closedPort()}/`,
        `http://127.0.0.1:${running.port}/`,
        `https://127.0.0.1:${garbage}/`,
        `http://127.0.0.1:${garbage}/`,
      ].map(async (url) => (await report<TestReport>(running, { do: "test", url, user: "" })).error?.code),
    );
    expect(errors).toEqual(["connection_refused", "target_refused", "upstream_invalid", "upstream_invalid"]);
    expect(running.relay.ledger.active).toBe(0);
  });

  it("leaves nothing open when a body has no end", async () => {
    const running = await startRelay();
    const closed = Promise.withResolvers<void>();
    const server = createServer((req, res) => {
      req.socket.once("close", () => closed.resolve());
      res.writeHead(200);
      const write = (): void =>
        void (res.write(Buffer.alloc(64 * 1024)) ? setImmediate(write) : res.once("drain", write));
      write();
    });
    const port = await listenForTest(server);
    const tested = await report<TestReport>(running, {
      do: "test",
      url: `http://127.0.0.1:${port}/`,
      user: "",
    });
    expect(tested.ok).toBe(true);
    expect(tested.bytes).toBeGreaterThanOrEqual(1024 * 1024);
    await closed.promise;
  });
});
