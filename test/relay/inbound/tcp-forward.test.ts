// TCP forwards over real sockets: what reaches the target, who is let in, and how failure shows.

import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { decodeProxyHeader, encodeProxyHeader } from "../../../relay/inbound/proxy-protocol.ts";
import {
  closedPort,
  failingOutbound,
  listenForTest,
  RawClient,
  startEcho,
  startRelay,
  startTarget,
} from "../harness.ts";

function forward(target: number, more: Readonly<Record<string, unknown>> = {}) {
  return startRelay({ inbound: { kind: "tcp", target: `127.0.0.1:${target}`, ...more } });
}

const CLIENT = {
  source: { address: "203.0.113.9", port: 4_711 },
  destination: { address: "198.51.100.1", port: 443 },
};

describe("a TCP forward", () => {
  it("carries bytes both ways, half-close included, and counts them under its name", async () => {
    const running = await forward(await startEcho(), { name: "ssh" });
    const client = await RawClient.open(running.port);
    client.socket.end("hello");
    expect((await client.rest()).toString()).toBe("hello");
    expect(await running.event("connection_closed")).toMatchObject({
      inbound: "test/ssh",
      kind: "tcp",
      up: 5,
      down: 5,
      reason: "done",
    });
  });

  it("lets the target speak first, also to a client that has nothing to say", async () => {
    const target = await startTarget((socket) => socket.end("220 ready"));
    const { port } = await forward(target);
    const client = await RawClient.open(port);
    client.socket.end();
    expect((await client.rest()).toString()).toBe("220 ready");
  });

  it("resets the client when the target cannot be reached", async () => {
    const running = await forward(await closedPort());
    const client = await RawClient.open(running.port);
    expect((await client.closed())?.code).toBe("ECONNRESET");
    expect(await running.event("dial_failed")).toMatchObject({ code: "connection_refused" });
    expect(running.relay.ledger.seal(Date.now())?.services).toMatchObject([{ kind: "tcp", errors: 1 }]);
  });

  it("trusts its target: private addresses need no rule", async () => {
    const echo = await startEcho("127.0.0.5");
    const { port } = await startRelay({ inbound: { kind: "tcp", target: `127.0.0.5:${echo}` } });
    const client = await RawClient.open(port);
    expect((await client.send("x").take(1)).toString()).toBe("x");
  });

  it("forwards each port of a range to its counterpart", async () => {
    const [first, second] = [await neighbours(), await neighbours()];
    for (const port of [first, first + 1]) await listenOn(port, (text) => `${text}@${port - first}`);
    const { relay } = await startRelay({
      inbound: {
        kind: "tcp",
        listen: `127.0.0.1:${second}-${second + 1}`,
        target: `127.0.0.1:${first}-${first + 1}`,
      },
    });
    expect(relay.inbounds.map(({ port }) => port)).toEqual([second, second + 1]);
    for (const offset of [0, 1]) {
      const client = await RawClient.open(second + offset);
      expect((await client.send("a").take(3)).toString()).toBe(`a@${offset}`);
    }
  });

  it("does not dial itself in a ring", async () => {
    const port = await closedPort();
    const running = await startRelay({
      inbound: { kind: "tcp", listen: `127.0.0.1:${port}`, target: `localhost:${port}` },
    });
    const client = await RawClient.open(port);
    await client.closed();
    expect(await running.event("policy_denied")).toMatchObject({ why: expect.stringContaining("listener") });
  });

  it("ends when idle, and is broken off at the drain's deadline", async () => {
    const idle = await startRelay({
      config: { idle_timeout: 100 },
      inbound: { kind: "tcp", target: `127.0.0.1:${await startEcho()}` },
    });
    await (await RawClient.open(idle.port)).closed();
    expect(await idle.event("connection_closed")).toMatchObject({ reason: "idle" });
    const draining = await startRelay({
      config: { drain_timeout: 50 },
      inbound: { kind: "tcp", target: `127.0.0.1:${await startEcho()}` },
    });
    const client = await RawClient.open(draining.port);
    await client.send("x").take(1);
    await draining.relay.stop();
    expect(draining.of("connection_closed")).toMatchObject([{ reason: "closed" }]);
  });

  it("does not hold on to a client that leaves while the target is dialled", async () => {
    const running = await startRelay({
      // The reset may be read after the order to stop.
      config: { drain_timeout: 5_000 },
      inbound: { kind: "tcp", target: "127.0.0.1:1" },
      parts: {
        outbound: {
          ...failingOutbound("internal"),
          connect: (_, { signal }) =>
            new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
        },
      },
    });
    const client = await RawClient.open(running.port);
    client.socket.resetAndDestroy();
    await running.relay.stop();
    expect(running.of("drain_expired")).toHaveLength(0);
  });
});

describe("the source list of a forward", () => {
  it("lets in whom it names", async () => {
    const { port } = await forward(await startEcho(), { allow: ["127.0.0.0/8"] });
    const client = await RawClient.open(port);
    expect((await client.send("in").take(2)).toString()).toBe("in");
  });

  it("turns others away before the target hears of them", async () => {
    let dialled = 0;
    const target = await startTarget(() => dialled++);
    const running = await forward(target, { allow: ["203.0.113.0/24"] });
    const client = await RawClient.open(running.port);
    expect(await client.rest()).toHaveLength(0);
    expect(await running.event("source_refused")).toMatchObject({ client: "127.0.0.1" });
    expect(dialled).toBe(0);
  });
});

describe("the PROXY protocol towards the target", () => {
  it.each(["v1", "v2"] as const)("says by %s who the client is and where it connected", async (to) => {
    const target = await RawTarget.start();
    const { port } = await forward(target.port, { proxy_protocol: { to } });
    const client = await RawClient.open(port);
    client.send("data");
    const header = decodeProxyHeader(await target.bytes("data"));
    expect(header).toMatchObject({
      connection: {
        source: { address: "127.0.0.1", port: client.socket.localPort },
        destination: { address: "127.0.0.1", port },
      },
    });
  });

  it("speaks before the client does", async () => {
    const target = await RawTarget.start();
    const { port } = await forward(target.port, { proxy_protocol: { to: "v1" } });
    await RawClient.open(port);
    expect((await target.bytes("\r\n")).toString()).toMatch(/^PROXY TCP4 127\.0\.0\.1 /);
  });

  it("is not counted as the client's bytes", async () => {
    const running = await forward(await startEcho(), { proxy_protocol: { to: "v1" } });
    const client = await RawClient.open(running.port);
    client.socket.end("abc");
    await client.rest();
    expect(await running.event("connection_closed")).toMatchObject({ up: 3 });
  });
});

describe("the PROXY protocol from load balancers", () => {
  it.each(["v1", "v2"] as const)("names the client, by %s, and goes on to the target", async (version) => {
    const target = await RawTarget.start();
    const running = await forward(target.port, { proxy_protocol: { from: ["127.0.0.0/8"], to: "v2" } });
    const client = await RawClient.open(running.port);
    for (const byte of encodeProxyHeader(version, CLIENT)) client.send([byte]);
    client.send("data");
    const bytes = await target.bytes("data");
    expect(decodeProxyHeader(bytes)).toMatchObject({ connection: CLIENT });
    expect(bytes.toString().endsWith("data")).toBe(true);
    expect(await running.event("connection_opened")).toMatchObject({ client: "203.0.113.9" });
  });

  it("decides by the named client who is let in", async () => {
    const running = await forward(await startEcho(), {
      allow: ["203.0.113.0/24"],
      proxy_protocol: { from: ["127.0.0.1"] },
    });
    const named = await RawClient.open(running.port);
    named.send(encodeProxyHeader("v1", CLIENT)).send("in");
    expect((await named.take(2)).toString()).toBe("in");
    const other = { ...CLIENT, source: { address: "198.51.100.66", port: 1 } };
    const refused = await RawClient.open(running.port);
    refused.send(encodeProxyHeader("v1", other)).send("in");
    expect(await refused.rest()).toHaveLength(0);
    expect(await running.event("source_refused")).toMatchObject({ client: "198.51.100.66" });
  });

  it("is believed from listed peers only: to others it is data", async () => {
    const running = await forward(await startEcho(), { proxy_protocol: { from: ["192.0.2.0/24"] } });
    const header = encodeProxyHeader("v1", CLIENT);
    const client = await RawClient.open(running.port);
    client.send(header);
    expect(await client.take(header.length)).toEqual(header);
    expect(await running.event("connection_opened")).toMatchObject({ client: "127.0.0.1" });
  });

  it("must come from listed peers, and in time", async () => {
    const inbound = { kind: "tcp", target: "127.0.0.1:9", proxy_protocol: { from: ["127.0.0.1"] } };
    const running = await startRelay({ inbound, parts: { handshakeTimeoutMs: 80 } });
    const silent = await RawClient.open(running.port);
    const blunt = await RawClient.open(running.port);
    blunt.send("GET / HTTP/1.1\r\n\r\n");
    expect(await blunt.rest()).toHaveLength(0);
    expect((await running.event("handshake_failed")).why).toContain("PROXY");
    expect(await silent.rest()).toHaveLength(0);
  });

  it("stands before SOCKS and HTTP, too", async () => {
    const echo = await startEcho();
    const running = await startRelay({ inbound: { proxy_protocol: { from: ["127.0.0.1"] } } });
    for (const version of ["v1", "v2"] as const) {
      const client = await RawClient.open(running.port);
      client.send(encodeProxyHeader(version, CLIENT)).send([4, 1, echo >> 8, echo & 255, 127, 0, 0, 1, 0]);
      expect((await client.take(8))[1]).toBe(90);
      expect((await client.send("x").take(1)).toString()).toBe("x");
    }
    const client = await RawClient.open(running.port);
    client
      .send(encodeProxyHeader("v1", CLIENT))
      .send(`CONNECT 127.0.0.1:${echo} HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect(await client.takeThrough("\r\n\r\n")).toMatch(/^HTTP\/1.1 200 /);
    expect(running.of("connection_opened").map((event) => event.client)).toEqual(
      Array(3).fill("203.0.113.9"),
    );
  });
});

/** A target that keeps what it gets. */
class RawTarget {
  readonly port: number;
  readonly #client: Promise<RawClient>;

  private constructor(port: number, client: Promise<RawClient>) {
    this.port = port;
    this.#client = client;
  }

  static async start(): Promise<RawTarget> {
    const arrived = Promise.withResolvers<RawClient>();
    const port = await startTarget((socket) => arrived.resolve(new RawClient(socket)));
    return new RawTarget(port, arrived.promise);
  }

  /** Everything up to and including `mark`. */
  async bytes(mark: string): Promise<Buffer> {
    return Buffer.from(await (await this.#client).takeThrough(mark), "latin1");
  }
}

/** The first of two free ports in a row. */
async function neighbours(): Promise<number> {
  for (;;) {
    const port = await closedPort();
    if (port < 65_535 && (await isFree(port + 1))) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

async function listenOn(port: number, answer: (text: string) => string): Promise<void> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (data) => void socket.write(answer(String(data))));
  });
  await listenForTest(server, "127.0.0.1", port);
}
