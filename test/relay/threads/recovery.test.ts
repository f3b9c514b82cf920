// A thread of a relay that breaks down: what it held is given back and told, the others go on, and it comes back.

import { describe, expect, it, vi } from "vitest";
import { openSocks, type RawClient, startEcho } from "../harness.ts";
import { ask, startLimited, startThreads, type ThreadedRelay, threadOf } from "./support.ts";

interface Talking {
  readonly client: RawClient;
  readonly thread: number;
}

/** Connections that have moved 4 bytes each way, with their threads. */
async function talk(running: ThreadedRelay, open: () => Promise<RawClient>): Promise<Talking[]> {
  const talking: Talking[] = [];
  const known = new Set<string>();
  for (let times = 0; times < 12; times++) {
    const client = await open();
    await client.send("1234").take(4);
    // One after the other: only so is it known whose flow appears.
    await vi.waitFor(() => {
      const fresh = [...running.relay.ledger.records()].find(({ id }) => !known.has(id));
      if (fresh === undefined) throw new Error("not told yet");
      known.add(fresh.id);
      talking.push({ client, thread: threadOf(fresh.id) });
    }, 5_000);
  }
  expect(new Set(talking.map(({ thread }) => thread)).size).toBe(2);
  return talking;
}

describe("a thread that breaks down", () => {
  it("ends its own connections only, as failed and with all they moved, and comes back", async () => {
    const running = await startThreads();
    const echo = await startEcho();
    const talking = await talk(running, () => openSocks(running.port, "127.0.0.1", echo));
    const lost = talking.filter(({ thread }) => thread === 0);
    const kept = talking.filter(({ thread }) => thread === 1);
    await running.workers[0]?.terminate();
    expect(await running.event("thread_ended")).toMatchObject({ thread: 1, connections: lost.length });
    // The system closes them, in order: as it does for a process that is killed.
    await Promise.all(lost.map(({ client }) => client.rest()));
    expect(running.of("connection_closed")).toHaveLength(lost.length);
    for (const closed of running.of("connection_closed"))
      expect(closed).toMatchObject({ reason: "failed", up: 4, down: 4, inbound: "test/mixed" });
    for (const { client } of kept) expect(String(await client.send("on").take(2))).toBe("on");
    expect(await running.event("thread_restarted")).toEqual({ type: "thread_restarted", thread: 1 });
    const again = await talk(running, () => openSocks(running.port, "127.0.0.1", echo));
    for (const { client } of [...kept, ...again]) client.socket.end();
    const all = talking.length + again.length;
    await vi.waitFor(() => expect(running.of("connection_closed")).toHaveLength(all), 5_000);
    expect(new Set(running.of("connection_closed").map(({ id }) => id)).size).toBe(all);
    expect(running.relay.ledger.seal(Date.now())?.services).toMatchObject([
      {
        requests: all,
        aborted: lost.length,
        up: 4 * all + 2 * kept.length,
        down: 4 * all + 2 * kept.length,
        active: 0,
      },
    ]);
    await vi.waitFor(async () => {
      const status = await running.relay.obey({ do: "status" });
      expect(status).toMatchObject({ report: { connections: 0, inbounds: [{ connections: 0 }] } });
    }, 5_000);
  });

  it("gives back the seats that its connections had", async () => {
    const running = await startLimited({ max_connections: 12 });
    const echo = await startEcho();
    const open = async (): Promise<RawClient> => (await ask(running.port, echo)).client;
    const lost = (await talk(running, open)).filter(({ thread }) => thread === 0);
    expect((await ask(running.port, echo)).reply).toBe(2);
    await running.workers[0]?.terminate();
    await running.event("thread_restarted");
    const replies: number[] = [];
    for (let times = 0; times <= lost.length; times++) replies.push((await ask(running.port, echo)).reply);
    expect(replies).toEqual([...Array(lost.length).fill(0), 2]);
  });

  it("waits longer with each time in a row", async () => {
    const running = await startThreads();
    for (let times = 1; times <= 3; times++) {
      await vi.waitFor(() => expect(running.of("thread_restarted")).toHaveLength(times - 1), 5_000);
      await running.workers.at(times === 1 ? 0 : -1)?.terminate();
      await vi.waitFor(() => expect(running.of("thread_ended")).toHaveLength(times), 5_000);
    }
    expect(running.of("thread_ended").map(({ retryMs }) => retryMs)).toEqual([200, 400, 800]);
    expect(running.workers).toHaveLength(4);
  });

  it("does not keep a relay from stopping", async () => {
    const running = await startThreads();
    for (const worker of running.workers) await worker.terminate();
    await running.relay.stop();
    expect(running.of("thread_restarted")).toEqual([]);
  });
});
