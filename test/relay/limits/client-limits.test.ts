// Limits of client addresses, and of what is no tunnel: datagrams and plain HTTP. Over real sockets.

import { mkdtemp } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { encodeDatagram } from "../../../relay/inbound/udp-datagram.ts";
import type { RelayConfig } from "../../../shared/config/schema.ts";
import {
  listenForTest,
  openSocks,
  RawClient,
  type RunningRelay,
  socksRequest,
  startEcho,
  startRelay,
  startTarget,
} from "../harness.ts";
import { startUdpEcho, UdpPeer } from "../udp.ts";

const MB = 1_000_000;

async function startBounded(per_client: RelayConfig["per_client"]): Promise<RunningRelay> {
  const state = await mkdtemp(join(tmpdir(), "causeway-clients-"));
  return startRelay({ config: { per_client, state } });
}

/** An association with a peer that sends through it. */
async function associate(port: number): Promise<{ control: RawClient; peer: UdpPeer; through: number }> {
  const control = await RawClient.open(port);
  control.send([5, 1, 0]);
  await control.take(2);
  control.send(socksRequest("0.0.0.0", 0, 3));
  const reply = await control.take(10);
  return { control, peer: await UdpPeer.open(), through: reply.readUInt16BE(8) };
}

describe("a client address's rate", () => {
  it("holds for all its connections together", async () => {
    const { port } = await startBounded({ rate: 4 * MB });
    const block = Buffer.alloc(65_536);
    const flood = await startTarget((socket) => {
      const send = (): void => {
        while (!socket.destroyed && socket.write(block));
      };
      socket.on("drain", send);
      send();
    });
    let received = 0;
    for (let n = 0; n < 3; n++) {
      const { socket } = await openSocks(port, "127.0.0.1", flood);
      socket.removeAllListeners("data");
      socket.on("data", (chunk: Buffer) => {
        received += chunk.length;
      });
    }
    await delay(300);
    const [before, from] = [received, performance.now()];
    await delay(2_000);
    const rate = ((received - before) * 1_000) / (performance.now() - from);
    expect(rate / (4 * MB)).toBeGreaterThan(0.9);
    expect(rate / (4 * MB)).toBeLessThan(1.1);
  });

  it("holds for plain HTTP both ways", async () => {
    const { port } = await startBounded({ rate: 2 * MB });
    const origin = await listenForTest(
      createServer((req, res) => {
        req.resume();
        req.on("end", () => res.end(Buffer.alloc(MB)));
      }),
    );
    const client = await RawClient.open(port);
    const from = performance.now();
    client.send(
      `POST http://127.0.0.1:${origin}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${MB}\r\n\r\n`,
    );
    client.socket.write(Buffer.alloc(MB));
    expect((await client.rest()).length).toBeGreaterThan(MB);
    const seconds = (performance.now() - from) / 1_000;
    expect(seconds).toBeGreaterThan(0.8);
    expect(seconds).toBeLessThan(2);
  });
});

describe("a client address's quota", () => {
  const quota = { bytes: MB, period: "hour" } as const;

  it("ends its connections when it is used up, and refuses new ones", async () => {
    const { port, event } = await startBounded({ quota });
    const echo = await startEcho();
    const client = await openSocks(port, "127.0.0.1", echo);
    client.send(Buffer.alloc(2 * MB));
    await client.closed();
    expect(await event("account_ended")).toMatchObject({
      account: "client 127.0.0.1",
      code: "traffic_exceeded",
    });
    const { up, down } = await event("connection_closed");
    expect(up + down).toBeLessThanOrEqual(MB);
    await expect(openSocks(port, "127.0.0.1", echo)).rejects.toThrow("reply 2");
  });

  it("counts datagrams, and lets none through once it is used up", async () => {
    const running = await startBounded({ quota });
    const echo = await startUdpEcho();
    const { control, peer, through } = await associate(running.port);
    const datagram = encodeDatagram({ address: "127.0.0.1", port: echo }, Buffer.alloc(10_000));
    let echoed = 0;
    peer.socket.on("message", () => echoed++);
    // 1 MB pays for fifty there and back.
    for (let n = 0; n < 80; n++) {
      peer.send(datagram, through);
      await delay(2);
    }
    await vi.waitFor(() => expect(running.of("account_ended")).toHaveLength(1), { timeout: 5_000 });
    await control.rest();
    expect(echoed).toBeGreaterThan(40);
    expect(echoed).toBeLessThanOrEqual(50);
  });

  it("breaks a plain HTTP reply off that is larger", async () => {
    const { port, event } = await startBounded({ quota });
    const origin = await listenForTest(createServer((_, res) => res.end(Buffer.alloc(3 * MB))));
    const client = await RawClient.open(port);
    client.send(`GET http://127.0.0.1:${origin}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect((await client.rest()).length).toBeLessThan(1.1 * MB);
    expect(await event("connection_closed")).toMatchObject({ kind: "proxy", reason: "closed" });
  });
});
