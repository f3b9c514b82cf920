// Clients and origins that misbehave: what one connection can cost the relay, and what may never reach the other side.

import { createServer } from "node:http";
import type { Socket } from "node:net";
import { describe, expect, it, vi } from "vitest";
import {
  listenForTest,
  RawClient,
  type RunningRelay,
  socksRequest,
  startEcho,
  startRelay,
  startTarget,
  startWithUser,
  takeResponse,
} from "../harness.ts";

const BASIC = `Proxy-Authorization: Basic ${Buffer.from("alice:secret").toString("base64")}\r\n`;

/** Waits until the relay holds no flow and no place. */
async function untilIdle({ relay }: RunningRelay): Promise<void> {
  await vi.waitFor(() => expect(relay.ledger.active).toBe(0), { timeout: 3_000 });
}

describe("a plain request whose client leaves while its password is checked", () => {
  it("leaves no flow open and asks nothing of the origin", async () => {
    let asked = 0;
    const origin = await listenForTest(
      createServer((_, res) => {
        asked++;
        res.end(Buffer.alloc(1024 * 1024));
      }),
    );
    const running = await startWithUser();
    const client = await RawClient.open(running.port);
    client.send(`GET http://127.0.0.1:${origin}/ HTTP/1.1\r\nHost: x\r\n${BASIC}\r\n`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    client.socket.resetAndDestroy();
    const next = await RawClient.open(running.port);
    next.send(`GET http://127.0.0.1:${origin}/ HTTP/1.1\r\nHost: x\r\n${BASIC}\r\n`);
    await next.takeThrough("\r\n\r\n");
    await next.take(1024 * 1024);
    await untilIdle(running);
    expect(asked).toBe(1);
  });
});

describe("pipelined requests", () => {
  it("are asked of origins one at a time and answered in order", async () => {
    let open = 0;
    let most = 0;
    const origin = await listenForTest(
      createServer((req, res) => {
        most = Math.max(most, ++open);
        setTimeout(() => {
          open--;
          res.end(req.url);
        }, 5);
      }),
    );
    const { port } = await startRelay();
    const client = await RawClient.open(port);
    const paths = Array.from({ length: 10 }, (_, index) => `/${index}`);
    client.send(
      paths.map((path) => `GET http://127.0.0.1:${origin}${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(""),
    );
    for (const path of paths) expect((await takeResponse(client)).body).toBe(path);
    expect(most).toBe(1);
  });

  it("beyond the bound end the connection", async () => {
    const origin = await listenForTest(createServer(() => undefined));
    const running = await startRelay();
    const client = await RawClient.open(running.port);
    client.send(`GET http://127.0.0.1:${origin}/ HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(1_000));
    await client.rest();
    expect((await running.event("handshake_failed")).why).toContain("pipelined");
    await untilIdle(running);
  });

  it("may not hide a CONNECT, whose tunnel would carry their answers", async () => {
    const origin = await listenForTest(createServer((_, res) => void setTimeout(() => res.end("late"), 100)));
    const running = await startRelay();
    const client = await RawClient.open(running.port);
    client.send(
      `GET http://127.0.0.1:${origin}/ HTTP/1.1\r\nHost: x\r\n\r\n` +
        `CONNECT 127.0.0.1:${await startEcho()} HTTP/1.1\r\nHost: x\r\n\r\n`,
    );
    expect((await client.rest()).toString()).not.toContain("200 Connection Established");
    await untilIdle(running);
  });
});

describe("an origin that answers before it has the body", () => {
  it("does not hold up the client, who gets the answer and then the end", async () => {
    const origin = await listenForTest(
      createServer((_, res) => res.writeHead(413, { "Content-Length": 0 }).end()),
    );
    const running = await startRelay();
    const client = await RawClient.open(running.port);
    client.send(`POST http://127.0.0.1:${origin}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n`);
    const timer = setInterval(() => client.socket.write(Buffer.alloc(64 * 1024)), 5);
    expect((await takeResponse(client)).head).toMatch(/^HTTP\/1.1 413 /);
    await Promise.race([
      client.closed(),
      new Promise((_, reject) => setTimeout(() => reject(new Error("the connection hangs")), 5_000)),
    ]);
    clearInterval(timer);
    await untilIdle(running);
  });
});

describe("an origin whose answer has two lengths (response splitting)", () => {
  it.each([
    ["length, then chunks", "Content-Length: 5\r\nTransfer-Encoding: chunked"],
    ["chunks, then length", "Transfer-Encoding: chunked\r\nContent-Length: 5"],
    ["two lengths", "Content-Length: 5\r\nContent-Length: 30"],
  ])("by %s is answered 502", async (_, fields) => {
    const body = "5\r\nHTTP/\r\n10\r\n1.1 200 OK and mo\r\n0\r\n\r\n";
    const origin = await startTarget((socket: Socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n${body}`);
    });
    const { port } = await startRelay();
    const client = await RawClient.open(port);
    client.send(`GET http://127.0.0.1:${origin}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect((await takeResponse(client)).head).toMatch(/^HTTP\/1.1 502 /);
  });
});

describe("a client that leaves while its target is dialled", () => {
  /** A relay whose dials last until they are given up, and what it was asked. */
  async function startDialling() {
    const dials: AbortSignal[] = [];
    const outbound = {
      connect: (_: unknown, { signal }: { signal: AbortSignal }) => {
        dials.push(signal);
        return new Promise<Socket>((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason));
        });
      },
      reach: () => Promise.reject(new Error("nothing is reached")),
    };
    const running = await startRelay({ parts: { outbound } });
    return { running, dials };
  }

  const REQUESTS = [
    ["SOCKS5", [5, 1, 0, ...socksRequest("a.example", 80)]],
    ["CONNECT", Buffer.from("CONNECT a.example:443 HTTP/1.1\r\nHost: x\r\n\r\n")],
  ] as const;

  const LEAVING = [
    ["a reset", (socket: Socket) => socket.resetAndDestroy()],
    ["an end, with nothing to pass on", (socket: Socket) => socket.end()],
  ] as const;

  for (const [how, leave] of LEAVING) {
    it.each(REQUESTS)(`by ${how} ends the dial (%s)`, async (_, request) => {
      const { running, dials } = await startDialling();
      const client = await RawClient.open(running.port);
      client.send(Uint8Array.from(request));
      await vi.waitFor(() => expect(dials).toHaveLength(1));
      leave(client.socket);
      await vi.waitFor(() => expect(dials[0]?.aborted).toBe(true));
      expect(running.of("dial_failed")).toHaveLength(0);
    });
  }

  it.each(REQUESTS)("by an end behind data goes on: that is a half-close (%s)", async (_, request) => {
    const { running, dials } = await startDialling();
    const client = await RawClient.open(running.port);
    client.socket.end(Buffer.concat([Uint8Array.from(request), Buffer.from("data")]));
    await vi.waitFor(() => expect(dials).toHaveLength(1));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(dials[0]?.aborted).toBe(false);
  });
});

describe("while the relay drains", () => {
  it("a refused request ends its connection, too", async () => {
    const running = await startWithUser({ drain_timeout: 20_000 });
    const client = await RawClient.open(running.port);
    const wrong = Buffer.from("alice:wrong").toString("base64");
    client.send(`GET http://a.example/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic ${wrong}\r\n\r\n`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const stopped = running.relay.stop();
    expect((await takeResponse(client)).head).toMatch(/^HTTP\/1.1 407 /);
    await stopped;
    expect(running.of("drain_expired")).toHaveLength(0);
  }, 10_000);
});
