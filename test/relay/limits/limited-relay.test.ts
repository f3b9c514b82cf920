// Limits over real sockets: a relay whose users and client addresses are bounded.

import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { hashPassword } from "../../../relay/password.ts";
import type { RelayConfig } from "../../../shared/config/schema.ts";
import {
  closedPort,
  RawClient,
  type RunningRelay,
  relayConfig,
  socksRequest,
  startEcho,
  startRelay,
  startTarget,
} from "../harness.ts";

const MB = 1_000_000;
const password = await hashPassword("secret");
type UserLimits = Omit<RelayConfig["users"][number], "name" | "password">;

async function startLimited(limits: UserLimits, config: Partial<RelayConfig> = {}): Promise<RunningRelay> {
  const state = await mkdtemp(join(tmpdir(), "causeway-limits-"));
  const users = [{ name: "alice", password, ...limits }];
  return startRelay({ config: { users, state, ...config }, inbound: { auth: "password" } });
}

/** Signs alice in and asks for a target; resolves to the reply's code. */
async function ask(port: number, target: number): Promise<{ client: RawClient; reply: number }> {
  const client = await RawClient.open(port);
  client.send([5, 1, 2]);
  await client.take(2);
  client.send(Buffer.from("\x01\x05alice\x06secret", "latin1"));
  await client.take(2);
  client.send(socksRequest("127.0.0.1", target));
  return { client, reply: (await client.take(10))[1] ?? -1 };
}

/** A target that sends without end. */
function startFlood(): Promise<number> {
  const block = Buffer.alloc(65_536);
  return startTarget((socket) => {
    const send = (): void => {
      while (!socket.destroyed && socket.write(block));
    };
    socket.on("drain", send);
    send();
  });
}

function httpAsk(port: number, target: number): Promise<string> {
  const credentials = Buffer.from("alice:secret").toString("base64");
  return RawClient.open(port).then((client) => {
    client.send(
      `GET http://127.0.0.1:${target}/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic ${credentials}\r\n\r\n`,
    );
    return client.takeThrough("}\n");
  });
}

describe("a user's rate", () => {
  it("holds over 2 s within 10 %, shared fairly by two downloads", async () => {
    const { port } = await startLimited({ rate: 4 * MB });
    const flood = await startFlood();
    const counts = [0, 0];
    for (const index of [0, 1]) {
      const { client } = await ask(port, flood);
      client.socket.removeAllListeners("data");
      client.socket.on("data", (chunk: Buffer) => {
        counts[index] = (counts[index] ?? 0) + chunk.length;
      });
    }
    await delay(300);
    const [before, from] = [[...counts], performance.now()];
    await delay(2_000);
    const seconds = (performance.now() - from) / 1_000;
    const rates = counts.map((count, index) => (count - (before[index] ?? 0)) / seconds);
    const total = rates.reduce((sum, rate) => sum + rate, 0);
    expect(total / (4 * MB)).toBeGreaterThan(0.9);
    expect(total / (4 * MB)).toBeLessThan(1.1);
    for (const rate of rates) expect(Math.abs(rate / (total / 2) - 1)).toBeLessThan(0.1);
  });

  it("holds for uploads, and leaves no byte out", async () => {
    const { port, event } = await startLimited({ rate: 4 * MB });
    const { client } = await ask(port, await startEcho());
    const from = performance.now();
    client.socket.end(Buffer.alloc(4 * MB, 7));
    expect(await client.rest()).toHaveLength(4 * MB);
    const seconds = (performance.now() - from) / 1_000;
    expect(seconds).toBeGreaterThan(0.85);
    // Generous: a machine under load makes up for late turns only so far.
    expect(seconds).toBeLessThan(2.5);
    expect(await event("connection_closed")).toMatchObject({ up: 4 * MB, down: 4 * MB, reason: "done" });
  });
});

describe("a user's quota", () => {
  it("ends the user's connections when it is used up, and refuses new ones", async () => {
    const { port, event, of } = await startLimited({ quota: { bytes: 10 * MB, period: "total" } });
    const { client: idle } = await ask(port, await startEcho());
    const { client } = await ask(port, await startFlood());
    await client.closed();
    await idle.closed();
    expect(await event("account_ended")).toEqual({
      type: "account_ended",
      account: "user alice",
      code: "traffic_exceeded",
      connections: 2,
    });
    await event("connection_closed");
    const closed = of("connection_closed");
    expect(closed.map(({ reason }) => reason)).toEqual(["closed", "closed"]);
    const down = closed.reduce((sum, { down }) => sum + down, 0);
    expect(down).toBeLessThanOrEqual(10 * MB);
    expect(down).toBeGreaterThan(9.7 * MB);
    expect((await ask(port, await startEcho())).reply).toBe(2);
    expect(await httpAsk(port, await closedPort())).toMatch(/^HTTP\/1.1 403 [\s\S]*"traffic_exceeded"/);
    expect(of("limit_reached")).toHaveLength(2);
  });
});

describe("heads of plain requests", () => {
  const credentials = Buffer.from("alice:secret").toString("base64");
  const quota = { bytes: 1 * MB, period: "total" } as const;

  /** Sends one request with a large field; resolves to the client, the reply's head, and the head that the origin got. */
  async function askLarge(port: number, more: string) {
    const seen = Promise.withResolvers<string>();
    const origin = await startTarget((socket) => {
      let head = "";
      socket.on("end", () => void socket.end());
      socket.on("data", (chunk) => {
        head += chunk.toString("latin1");
        if (!head.includes("\r\n\r\n")) return;
        seen.resolve(head);
        const status =
          more === "" ? "200 OK" : "101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade";
        socket.write(`HTTP/1.1 ${status}\r\nX-Large: ${"y".repeat(3_000)}\r\n`);
        socket.write(more === "" ? "Content-Length: 4\r\n\r\nbody" : "\r\nbody");
      });
    });
    const client = await RawClient.open(port);
    client.send(`GET http://127.0.0.1:${origin}/a HTTP/1.1\r\nHost: x\r\nX-Large: ${"x".repeat(5_000)}\r\n`);
    client.send(`${more}Proxy-Authorization: Basic ${credentials}\r\n\r\n`);
    const reply = await client.takeThrough("\r\n\r\n");
    await client.take(4);
    return { client, sent: withoutHop(await seen.promise), received: withoutHop(reply) };
  }

  /** A head without the fields that each hop writes for itself. */
  function withoutHop(head: string): string {
    return head.replace(/^(?:connection|keep-alive|upgrade):.*\r\n/gim, "");
  }

  it.each([
    ["a request", ""],
    ["an upgrade", "Upgrade: x\r\nConnection: upgrade\r\n"],
  ])("are paid for to the byte, and are no bytes of a body: %s", async (_, more) => {
    const { relay, port, event } = await startLimited({ quota });
    const { client, sent, received } = await askLarge(port, more);
    client.socket.end();
    expect(await event("connection_closed")).toMatchObject({ up: 0, down: 4 });
    const left = relay.stats().terms[0]?.quota?.left ?? Number.NaN;
    expect(quota.bytes - left).toBe(sent.length + received.length + 4);
  });

  it("cannot be used to go past a quota", async () => {
    const { port } = await startLimited({ quota: { bytes: 40_000, period: "total" } });
    const asked = async () => {
      for (let count = 0; count < 10; count++) await askLarge(port, "");
    };
    await expect(asked()).rejects.toThrow();
    expect(await httpAsk(port, await closedPort())).toMatch(/^HTTP\/1.1 403 [\s\S]*"traffic_exceeded"/);
  });
});

describe("a user's expiry", () => {
  it("refuses the user with the right answers", async () => {
    const { port } = await startLimited({ expires: Date.now() - 1 });
    expect((await ask(port, await startEcho())).reply).toBe(2);
    expect(await httpAsk(port, await closedPort())).toMatch(/^HTTP\/1.1 403 [\s\S]*"user_expired"/);
  });

  it("ends connections that are open when it comes", async () => {
    const { port, event } = await startLimited({ expires: Date.now() + 1_500 });
    const { client, reply } = await ask(port, await startEcho());
    expect(reply).toBe(0);
    await client.closed();
    expect(await event("connection_closed")).toMatchObject({ reason: "closed" });
  });
});

describe("connection caps", () => {
  it("refuse a user's next connection, until one of them ends", async () => {
    const { port, event } = await startLimited({ max_connections: 1 });
    const echo = await startEcho();
    const { client } = await ask(port, echo);
    expect((await ask(port, echo)).reply).toBe(2);
    expect(await httpAsk(port, echo)).toMatch(/^HTTP\/1.1 429 [\s\S]*"connections_exceeded"/);
    client.socket.end();
    await event("connection_closed");
    expect((await ask(port, echo)).reply).toBe(0);
  });

  it("turn a client's next connection away before a byte is read", async () => {
    const { port, event } = await startLimited({}, { per_client: { max_connections: 1 } });
    await ask(port, await startEcho());
    expect(await (await RawClient.open(port)).rest()).toHaveLength(0);
    expect((await event("source_refused")).why).toMatch(/too many connections/);
  });
});

describe("the door", () => {
  it("turns away addresses on the deny list", async () => {
    const { port, event } = await startLimited({}, { deny: ["127.0.0.0/8"] });
    expect(await (await RawClient.open(port)).rest()).toHaveLength(0);
    expect((await event("source_refused")).why).toMatch(/deny list/);
  });

  it("turns away what comes faster than the accept rate", async () => {
    const { port, event } = await startLimited({}, { accept_rate: { count: 2, windowMs: 60_000 } });
    const echo = await startEcho();
    expect([(await ask(port, echo)).reply, (await ask(port, echo)).reply]).toEqual([0, 0]);
    expect(await (await RawClient.open(port)).rest()).toHaveLength(0);
    expect((await event("source_refused")).why).toMatch(/accept rate/);
  });
});

describe("a reload", () => {
  it("ends connections of users that are gone", async () => {
    const { relay, port, event } = await startLimited({});
    const { client } = await ask(port, await startEcho());
    const users = [{ name: "bob", password }];
    await relay.reload(relayConfig({ config: { users }, inbound: { auth: "password" } }));
    await client.closed();
    expect(await event("connection_closed")).toMatchObject({ user: "alice", reason: "closed" });
  });
});
