// Limits over two threads and real sockets: what a user or an address may have is what all threads give together.

import { request } from "node:http";
import { text as readText } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import type { RelayConfig } from "../../../shared/config/schema.ts";
import { inboundConfig, openSocks, RawClient, relayConfig, startEcho } from "../harness.ts";
import { INGRESS_KEY, signedFor, startOrigin } from "../inbound/ingress-client.ts";
import {
  ask,
  MB,
  password,
  startFlood,
  startLimited,
  startThreads,
  type ThreadedRelay,
  threadOf,
} from "./support.ts";

/** Downloads of alice, at least one in each thread; what each has received so far. */
async function downloads(running: ThreadedRelay, count: number): Promise<number[]> {
  const flood = await startFlood();
  const counts: number[] = [];
  const open = async (): Promise<void> => {
    const index = counts.push(0) - 1;
    const { client } = await ask(running.port, flood);
    client.socket.removeAllListeners("data");
    client.socket.on("data", (chunk: Buffer) => {
      counts[index] = (counts[index] ?? 0) + chunk.length;
    });
  };
  for (let opened = 0; opened < count; opened++) await open();
  const threads = (): Set<number> =>
    new Set([...running.relay.ledger.records()].map(({ id }) => threadOf(id)));
  await vi.waitFor(async () => {
    if (threads().size < 2) await open();
    expect(threads().size).toBe(2);
  }, 5_000);
  return counts;
}

describe("a user's connection cap over two threads", () => {
  it("is exact, also when many come at once, and after some have left", async () => {
    const running = await startLimited({ max_connections: 5 });
    const echo = await startEcho();
    const wave = async (count: number) => {
      const asked = await Promise.all(Array.from({ length: count }, () => ask(running.port, echo)));
      return asked.filter(({ reply }) => reply === 0).map(({ client }) => client);
    };
    const first = await wave(24);
    expect(first).toHaveLength(5);
    for (const client of first.slice(0, 3)) client.socket.end();
    await vi.waitFor(() => expect(running.of("connection_closed")).toHaveLength(3), 5_000);
    expect(await wave(24)).toHaveLength(3);
    await vi.waitFor(() => expect(running.of("limit_reached")).toHaveLength(19 + 21), 5_000);
  });
});

describe("an address's limits over two threads", () => {
  it("turn away the connection that is one too many", async () => {
    const running = await startThreads({ config: { per_client: { max_connections: 4 } } });
    const echo = await startEcho();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 16 }, () => openSocks(running.port, "127.0.0.1", echo)),
    );
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(4);
  });

  it("count arrivals together", async () => {
    const rates = { accept_rate: { count: 6, windowMs: 60_000 } };
    const one = await startThreads({ config: rates });
    const other = await startThreads({ config: { per_client: rates } });
    const echo = await startEcho();
    for (const { port } of [one, other]) {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 12 }, () => openSocks(port, "127.0.0.1", echo)),
      );
      expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(6);
    }
  });
});

describe("a user's rate over two threads", () => {
  it("holds over 2 s within 10 %, and each stream gets its part, whatever its thread", async () => {
    const rate = 4 * MB;
    const running = await startLimited({ rate });
    const counts = await downloads(running, 5);
    await delay(500);
    const [before, from] = [[...counts], performance.now()];
    await delay(2_000);
    const seconds = (performance.now() - from) / 1_000;
    const rates = counts.map((count, index) => (count - (before[index] ?? 0)) / seconds);
    const total = rates.reduce((sum, each) => sum + each, 0);
    expect(total / rate).toBeGreaterThan(0.9);
    expect(total / rate).toBeLessThan(1.1);
    for (const each of rates) expect(Math.abs(each / (total / rates.length) - 1)).toBeLessThan(0.25);
  });
});

describe("a user's quota over two threads", () => {
  it("ends all connections when it is used up, and is never exceeded", async () => {
    const bytes = 20 * MB;
    const running = await startLimited({ quota: { bytes, period: "total" }, rate: 40 * MB });
    const idle = await Promise.all(
      Array.from({ length: 8 }, async () => (await ask(running.port, await startEcho())).client),
    );
    await downloads(running, 2);
    await Promise.all(idle.map((client) => client.closed()));
    await vi.waitFor(() => expect([...running.relay.ledger.records()]).toEqual([]), 5_000);
    const closed = running.of("connection_closed");
    expect(new Set(closed.map(({ reason }) => reason))).toEqual(new Set(["closed"]));
    const moved = closed.reduce((sum, { up, down }) => sum + up + down, 0);
    expect(moved).toBeLessThanOrEqual(bytes);
    expect(moved).toBeGreaterThan(0.97 * bytes);
    const ended = running.of("account_ended");
    expect(ended.reduce((sum, { connections }) => sum + connections, 0)).toBe(closed.length);
    expect((await ask(running.port, await startEcho())).reply).toBe(2);
  });

  it("is kept for the next relay, with what was leased and not used given back", async () => {
    const quota = { bytes: 20 * MB, period: "total" } as const;
    const first = await startLimited({ quota });
    const echo = await startEcho();
    for (let times = 0; times < 6; times++) {
      const { client } = await ask(first.port, echo);
      client.send(Buffer.alloc(10_000));
      await client.take(10_000);
    }
    await first.relay.stop();
    const { DatabaseSync } = await import("node:sqlite");
    const file = new DatabaseSync(`${first.state}/limits.sqlite`);
    expect(file.prepare("SELECT used FROM quota").all()).toEqual([{ used: 6 * 20_000 }]);
    file.close();
  });
});

describe("sign-in over two threads", () => {
  it("makes an address wait for what failed in either", async () => {
    const running = await startLimited({});
    const attempt = async (secret: string): Promise<number> => {
      const client = await RawClient.open(running.port);
      client.send([5, 1, 2]);
      await client.take(2);
      client.send(Buffer.from(`\x01\x05alice${String.fromCharCode(secret.length)}${secret}`, "latin1"));
      return (await client.take(2))[1] ?? -1;
    };
    for (let times = 0; times < 5; times++) expect(await attempt(`wrong ${times}`)).not.toBe(0);
    for (let times = 0; times < 6; times++) expect(await attempt("secret")).not.toBe(0);
    await vi.waitFor(() => expect(running.of("auth_failed")).toHaveLength(11), 5_000);
    const codes = running.of("auth_failed").map(({ code }) => code);
    expect(codes.filter((code) => code === "sign_in_refused")).toHaveLength(6);
  });

  it("takes over other users, and ends the connections of those that are gone, in both", async () => {
    const running = await startLimited({});
    const echo = await startEcho();
    const clients = await Promise.all(Array.from({ length: 8 }, () => ask(running.port, echo)));
    expect(clients.map(({ reply }) => reply)).toEqual(Array(8).fill(0));
    const users: RelayConfig["users"] = [{ name: "bob", password }];
    const inbounds = [inboundConfig({ auth: "password", listen: "127.0.0.1:0" })];
    await running.relay.reload(relayConfig({ config: { workers: 2, users, inbounds } }));
    await Promise.all(clients.map(({ client }) => client.closed()));
    await vi.waitFor(() => expect(running.of("connection_closed")).toHaveLength(8), 5_000);
    expect(running.of("account_ended").reduce((sum, { connections }) => sum + connections, 0)).toBe(8);
  });
});

describe("an ingress over two threads", () => {
  it("takes a signature once, in whichever thread it comes again", async () => {
    const running = await startThreads({ inbound: { kind: "ingress", key: INGRESS_KEY } });
    const origin = await startOrigin((_, res) => res.end("ok"));
    const headers = await signedFor(`${origin}/`);
    const send = (signed: Record<string, string>): Promise<number> =>
      new Promise((resolve, reject) => {
        request({ host: "127.0.0.1", port: running.port, headers: signed, agent: false }, async (reply) => {
          await readText(reply);
          resolve(reply.statusCode ?? 0);
        })
          .on("error", reject)
          .end();
      });
    const replays = await Promise.all(Array.from({ length: 12 }, () => send(headers)));
    expect(replays.filter((status) => status === 200)).toHaveLength(1);
    expect(replays.filter((status) => status === 403)).toHaveLength(11);
    const fresh = await Promise.all(
      Array.from({ length: 12 }, async () => send(await signedFor(`${origin}/`))),
    );
    expect(fresh).toEqual(Array(12).fill(200));
    await vi.waitFor(() => {
      const ids = running.of("connection_closed").map(({ id }) => threadOf(id));
      expect(new Set(ids)).toEqual(new Set([0, 1]));
    }, 5_000);
    expect(running.of("signature_refused").length).toBeGreaterThan(0);
  });
});
