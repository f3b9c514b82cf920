// Threat: a client or an origin that stops in the middle of a body and keeps everything open.

import { createServer, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { CausewayError } from "../../../shared/errors.ts";
import { closedPort, listenForTest, RawClient, startRelay, startTarget, takeResponse } from "../harness.ts";

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
    expect([kind, down, reason]).toEqual(["proxy", 4, "idle"]);
    expect(running.relay.ledger.active).toBe(0);
  });

  it("of the client's is answered 408 and ends both connections after the idle timeout", async () => {
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
    expect(String(await client.rest())).toMatch(
      /^HTTP\/1\.1 408 [\s\S]*connection: close[\s\S]*"request_timeout"/i,
    );
    await vi.waitFor(() => expect(isGone).toBe(true));
    expect(await running.event("connection_closed")).toMatchObject({ up: 4, reason: "idle" });
    expect(running.relay.ledger.active).toBe(0);
  });

  it("of the client's that its target does not take is answered 504", async () => {
    const running = await startRelay({ config });
    const origin = await startTarget((socket) => void socket.pause());
    const client = await RawClient.open(running.port);
    // More than the system keeps on the way.
    const body = Buffer.alloc(32 * 1024 * 1024);
    client.send(
      `POST http://127.0.0.1:${origin}/ HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    client.send(body);
    const reply = await takeResponse(client);
    expect(reply.head).toMatch(/^HTTP\/1\.1 504 /);
    expect(JSON.parse(reply.body).error.code).toBe("upstream_timeout");
  });

  it("of the client's counts as refused where its target has not been reached yet", async () => {
    const late = () =>
      delay(2 * config.idle_timeout).then(() => Promise.reject(new CausewayError("dial_timeout")));
    const running = await startRelay({ config, parts: { outbound: { connect: late, reach: late } } });
    const client = await RawClient.open(running.port);
    client.send("POST http://a.example/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf");
    expect(String(await client.rest())).toMatch(/^HTTP\/1\.1 408 /);
    expect(running.relay.ledger.seal(Date.now())?.services).toMatchObject([
      { kind: "proxy", requests: 1, errors: 1, aborted: 0 },
    ]);
  });

  it("before it has a head is answered 504, and the client's connection lives on", async () => {
    const running = await startRelay({ config });
    const silent = await startTarget(() => undefined);
    const origin = await listenForTest(createServer((_, res) => res.end("fine")));
    const client = await RawClient.open(running.port);
    client.send(`GET http://127.0.0.1:${silent}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
    const { head, body } = await takeResponse(client);
    expect(head).toMatch(/^HTTP\/1\.1 504 /);
    expect(JSON.parse(body).error.code).toBe("upstream_timeout");
    client.send(`GET http://127.0.0.1:${origin}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect((await takeResponse(client)).body).toBe("fine");
  });

  it("of an error's answer, which the client does not take, ends the connection after the idle timeout", async () => {
    const running = await startRelay({ config });
    const end = vi.spyOn(ServerResponse.prototype, "end").mockImplementation(function (this: ServerResponse) {
      // As far as there is room on the way.
      this.write("{");
      return this;
    });
    onTestFinished(() => end.mockRestore());
    const client = await RawClient.open(running.port);
    client.send(`GET http://127.0.0.1:${await closedPort()}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect(await client.takeThrough("{")).toMatch(/^HTTP\/1\.1 502 /);
    expect(await client.rest()).toHaveLength(0);
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
