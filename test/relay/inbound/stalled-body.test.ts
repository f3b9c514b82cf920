// Threat: a client or an origin that stops in the middle of a body and keeps everything open.

import { createServer } from "node:http";
import { describe, expect, it, vi } from "vitest";
import { listenForTest, RawClient, startRelay, startTarget } from "../harness.ts";

const config = { idle_timeout: 600 };

describe("a body that stalls", () => {
  it("of the origin's ends the client's connection after the idle timeout, never as a whole reply", async () => {
    const running = await startRelay({ config });
    const origin = await startTarget((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    });
    const client = await RawClient.open(running.port);
    client.send(`GET http://127.0.0.1:${origin}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
    await client.takeThrough("half");
    expect(await client.rest()).toHaveLength(0);
    const { kind, down, reason } = await running.event("connection_closed");
    expect([kind, down]).toEqual(["proxy", 4]);
    expect(reason).not.toBe("done");
    expect(running.relay.ledger.active).toBe(0);
  });

  it("of the client's ends both connections after the idle timeout", async () => {
    const running = await startRelay({ config });
    let isGone = false;
    const origin = await listenForTest(
      createServer((req) => {
        req.on("close", () => {
          isGone = true;
        });
        req.resume();
      }),
    );
    const client = await RawClient.open(running.port);
    client.send(`POST http://127.0.0.1:${origin}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf`);
    expect(await client.rest()).toHaveLength(0);
    await vi.waitFor(() => expect(isGone).toBe(true));
    await vi.waitFor(() => expect(running.relay.ledger.active).toBe(0));
  });

  it("in a tunnel ends it as idle", async () => {
    const running = await startRelay({ config });
    const origin = await startTarget((socket) => {
      socket.write("half");
    });
    const client = await RawClient.open(running.port);
    client.send(`CONNECT 127.0.0.1:${origin} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await client.takeThrough("half");
    await client.closed();
    expect(await running.event("connection_closed")).toMatchObject({ kind: "connect", reason: "idle" });
  });
});
