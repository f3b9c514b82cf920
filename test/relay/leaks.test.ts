// Whatever way connections end, nothing of them stays: no place, no flow, no handle, no memory.

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { closedPort, RawClient, type RunningRelay, socksRequest, startEcho, startRelay } from "./harness.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const ROUNDS = 6;
const PER_ROUND = 60;

/** Not the harness's client, which the test keeps to its end with all that it has received. */
async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

/** A client that has asked for a target on this machine; resolves with the reply. */
async function ask(port: number, target: number): Promise<{ socket: Socket; reply: Buffer }> {
  const socket = await dial(port);
  socket.write(Buffer.from([5, 1, 0]));
  await once(socket, "data");
  socket.write(Buffer.from(socksRequest("127.0.0.1", target)));
  const [reply] = (await once(socket, "data")) as [Buffer];
  return { socket, reply };
}

async function closed(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.closed) await once(socket, "close");
}

/** Each begins one connection and leaves it in its own way. */
const WAYS: Readonly<Record<string, (port: number, echo: number) => Promise<void>>> = {
  async whole(port, echo) {
    const { socket } = await ask(port, echo);
    socket.end("x");
    await closed(socket);
  },
  async "by reset"(port, echo) {
    const { socket } = await ask(port, echo);
    socket.write(Buffer.alloc(100_000));
    await once(socket, "data");
    socket.resetAndDestroy();
  },
  async "half-open, then not at all"(port, echo) {
    const { socket } = await ask(port, echo);
    socket.end("x");
    socket.destroy();
  },
  async "without a word"(port) {
    (await dial(port)).destroy();
  },
  async "within the handshake"(port) {
    const socket = await dial(port);
    socket.write(Buffer.from([5, 1]));
    socket.resetAndDestroy();
  },
  async "as garbage"(port) {
    const socket = await dial(port);
    socket.write(Buffer.from([0xff, 0, 1]));
    await closed(socket);
  },
  async "at a target that refuses"(port) {
    const { socket, reply } = await ask(port, await closedPort());
    expect(reply[1]).toBe(5);
    await closed(socket);
  },
};

async function round(port: number, echo: number): Promise<void> {
  const ways = Object.values(WAYS);
  await Promise.all(Array.from({ length: PER_ROUND }, (_, n) => ways[n % ways.length]?.(port, echo)));
}

async function settled({ relay }: RunningRelay): Promise<void> {
  await expect.poll(() => relay.stats().places.taken, { timeout: 5_000 }).toBe(0);
  expect(relay.ledger.active).toBe(0);
}

describe("a relay after many connections", () => {
  it("holds neither sockets nor timers nor memory of them", async () => {
    const running = await startRelay();
    const echo = await startEcho();
    const sockets = () =>
      process.getActiveResourcesInfo().filter((name) => /TCPSocket|Timeout/.test(name)).length;
    const heap = () => {
      collect();
      return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
    };
    // What is made once and kept, such as compiled code and spare buffers.
    for (let n = 0; n < 2; n++) await round(running.port, echo);
    await settled(running);
    await expect.poll(sockets, { timeout: 5_000 }).toBeLessThan(20);
    const before = heap();
    for (let n = 0; n < ROUNDS; n++) await round(running.port, echo);
    await settled(running);
    await expect.poll(sockets, { timeout: 5_000 }).toBeLessThan(20);
    // Each keeps its events for the test: a kilobyte. Any socket left behind would be many. The engine gives the memory of
    // buffers back on a thread of its own, some time after it has collected them.
    const each = () => (heap() - before) / (ROUNDS * PER_ROUND);
    await expect.poll(each, { timeout: 5_000 }).toBeLessThan(6_000);
  });

  it("ends slow handshakes at their deadline, however busily they drip", async () => {
    const running = await startRelay({ parts: { handshakeTimeoutMs: 300 } });
    const slow = await Promise.all(Array.from({ length: 50 }, () => RawClient.open(running.port)));
    const drip = setInterval(() => {
      for (const { socket } of slow) if (socket.writable) socket.write(Buffer.from([0x47]));
    }, 40);
    await Promise.all(slow.map((client) => client.rest()));
    clearInterval(drip);
    await settled(running);
  });
});
