// The pipe over real sockets: two of them are joined, their far ends are driven by the test.

import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { PassThrough } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { type PipeOptions, pipe } from "../../relay/pipe.ts";
import type { CloseReason } from "../../shared/flow/flow.ts";
import { listenForTest, RawClient } from "./harness.ts";

const MIB = 1024 * 1024;

/** A connected pair: what the pipe holds, and what the test drives. */
async function socketPair(): Promise<{ inner: Socket; outer: Socket }> {
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
  const port = await listenForTest(server);
  const outer = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
  onTestFinished(() => void outer.destroy());
  const [[inner]] = await Promise.all([
    once(server, "connection") as Promise<[Socket]>,
    once(outer, "connect"),
  ]);
  return { inner, outer };
}

interface Joined {
  readonly client: Socket;
  readonly target: Socket;
  readonly flow: { up: number; down: number };
  readonly ended: Promise<CloseReason>;
}

async function join(options: Partial<PipeOptions> = {}): Promise<Joined> {
  const client = await socketPair();
  const target = await socketPair();
  const flow = { up: 0, down: 0 };
  const ended = pipe(client.inner, target.inner, { flow, idleTimeoutMs: 60_000, ...options });
  return { client: client.outer, target: target.outer, flow, ended };
}

/** Writes `blocks` times a changing block, honouring back-pressure, then half-closes; resolves to the hash. */
async function sendAll(socket: Socket, blocks: number): Promise<string> {
  const hash = createHash("sha256");
  const block = randomBytes(MIB);
  for (let index = 0; index < blocks; index++) {
    block.writeUInt32BE(index, (index * 7919) % (MIB - 4));
    const copy = Buffer.from(block);
    hash.update(copy);
    if (!socket.write(copy)) await once(socket, "drain");
  }
  socket.end();
  return hash.digest("hex");
}

/** Reads to the end, stopping for a moment now and then so that writes towards it stay pending. */
async function receiveAll(socket: Socket, pauses: boolean): Promise<{ bytes: number; hash: string }> {
  const hash = createHash("sha256");
  let bytes = 0;
  let untilPause = MIB;
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    untilPause -= (chunk as Buffer).length;
    if (pauses && untilPause < 0) {
      untilPause = Math.random() * 6 * MIB;
      await delay(Math.random() * 8);
    }
  }
  return { bytes, hash: hash.digest("hex") };
}

describe("pipe", () => {
  it.each([
    ["", false],
    [" to readers that pause at random", true],
  ])("moves 64 MiB each way at once%s, unchanged and counted exactly", async (_, pauses) => {
    const { client, target, flow, ended } = await join();
    const [sentUp, sentDown, down, up] = await Promise.all([
      sendAll(client, 64),
      sendAll(target, 64),
      receiveAll(client, pauses),
      receiveAll(target, pauses),
    ]);
    expect(up).toEqual({ bytes: 64 * MIB, hash: sentUp });
    expect(down).toEqual({ bytes: 64 * MIB, hash: sentDown });
    expect(await ended).toBe("done");
    expect(flow).toEqual({ up: 64 * MIB, down: 64 * MIB });
  });

  it("keeps bytes whose write is pending, even where the stream would still take more", async () => {
    const { client, target } = await join();
    target.pause();
    const sent = createHash("sha256");
    // Pieces below the high-water mark, one per turn, until both hops' socket buffers are full and beyond.
    for (let index = 0; index < 600; index++) {
      const piece = randomBytes(30_000);
      sent.update(piece);
      client.write(piece);
      await new Promise((resolve) => setImmediate(resolve));
    }
    client.end();
    const received = await receiveAll(target, false);
    expect(received).toEqual({ bytes: 600 * 30_000, hash: sent.digest("hex") });
  });

  it("passes a half-close of the client and still brings the answer", async () => {
    const { client, target, ended } = await join();
    const asking = new RawClient(client);
    const answering = new RawClient(target);
    client.end("question");
    expect((await answering.rest()).toString()).toBe("question");
    target.end("answer");
    expect((await asking.rest()).toString()).toBe("answer");
    expect(await ended).toBe("done");
  });

  it("passes a half-close of the target and still takes the client's bytes", async () => {
    const { client, target, ended } = await join();
    const first = new RawClient(client);
    target.end("greeting");
    expect((await first.rest()).toString()).toBe("greeting");
    const second = new RawClient(target);
    client.end("late");
    expect((await second.rest()).toString()).toBe("late");
    expect(await ended).toBe("done");
  });

  it("sends the head and what the sockets had read already, in order", async () => {
    const client = await socketPair();
    const target = await socketPair();
    client.inner.pause();
    client.outer.write("buffered ");
    await once(client.inner.resume(), "data").then(([chunk]) =>
      client.inner.pause().unshift(chunk as Buffer),
    );
    const flow = { up: 0, down: 0 };
    void pipe(client.inner, target.inner, { flow, idleTimeoutMs: 60_000, head: Buffer.from("head ") });
    client.outer.end("live");
    expect((await new RawClient(target.outer).rest()).toString()).toBe("head buffered live");
    expect(flow.up).toBe(18);
  });

  it("passes on an end that came before it began", async () => {
    const client = await socketPair();
    const target = await socketPair();
    client.outer.end();
    client.inner.resume();
    await once(client.inner, "end");
    const ended = pipe(client.inner, target.inner, {
      flow: { up: 0, down: 0 },
      idleTimeoutMs: 60_000,
      head: Buffer.from("all"),
    });
    expect((await new RawClient(target.outer).rest()).toString()).toBe("all");
    target.outer.end();
    client.outer.resume();
    expect(await ended).toBe("done");
  });

  it("resets the target when the client resets, and calls it aborted", async () => {
    const { client, target, ended } = await join();
    const far = new RawClient(target);
    client.write("x");
    await far.take(1);
    client.resetAndDestroy();
    expect((await far.closed())?.code).toBe("ECONNRESET");
    expect(await ended).toBe("aborted");
  });

  it("resets the client when the target resets, and calls it failed", async () => {
    const { client, target, ended } = await join();
    const far = new RawClient(client);
    target.write("x");
    await far.take(1);
    target.resetAndDestroy();
    expect((await far.closed())?.code).toBe("ECONNRESET");
    expect(await ended).toBe("failed");
  });

  it("breaks both sides off when nothing moves for the idle timeout", async () => {
    const { client, target, ended } = await join({ idleTimeoutMs: 120 });
    const sides = [new RawClient(client), new RawClient(target)];
    expect(await ended).toBe("idle");
    for (const side of sides) expect((await side.closed())?.code).toBe("ECONNRESET");
  });

  it("goes on past the idle timeout while bytes move one way", async () => {
    const { client, target, ended } = await join({ idleTimeoutMs: 200 });
    const far = new RawClient(target);
    new RawClient(client);
    for (let sent = 0; sent < 10; sent++) {
      client.write("x");
      await delay(50);
    }
    expect((await far.take(10)).toString()).toBe("xxxxxxxxxx");
    client.end();
    target.end();
    expect(await ended).toBe("done");
  });

  it("ends with the reason closed when told to", async () => {
    const controller = new AbortController();
    const { client, target, ended } = await join({ signal: controller.signal });
    const sides = [new RawClient(client), new RawClient(target)];
    controller.abort();
    expect(await ended).toBe("closed");
    for (const side of sides) expect((await side.closed())?.code).toBe("ECONNRESET");
  });

  it("ends at once when told to, though the far side does not read what is pending", async () => {
    const controller = new AbortController();
    const { client, target, ended } = await join({ signal: controller.signal });
    target.pause();
    const near = new RawClient(client);
    for (let index = 0; index < 32; index++) client.write(Buffer.alloc(MIB));
    await delay(100);
    controller.abort();
    expect(await ended).toBe("closed");
    expect((await near.closed())?.code).toMatch(/ECONNRESET|EPIPE/);
    target.resume();
    expect((await new RawClient(target).closed())?.code).toBe("ECONNRESET");
  });

  it("holds the source back while the sink does not read", async () => {
    const { client, target, flow } = await join();
    target.pause();
    const block = Buffer.alloc(MIB);
    let drained = 0;
    client.on("drain", () => drained++);
    for (let index = 0; index < 64; index++) client.write(block);
    await delay(300);
    // Socket buffers of both hops take a few MiB; the rest stays with the sender.
    expect(flow.up).toBeLessThan(32 * MIB);
    expect(client.writableLength).toBeGreaterThan(0);
    expect(drained).toBe(0);
  });

  it("carries streams that are no sockets as well", async () => {
    const { inner, outer } = await socketPair();
    const loop = new PassThrough();
    const ended = pipe(inner, loop, { flow: { up: 0, down: 0 }, idleTimeoutMs: 60_000 });
    const far = new RawClient(outer);
    outer.end("round trip");
    expect((await far.rest()).toString()).toBe("round trip");
    expect(await ended).toBe("done");
  });
});
