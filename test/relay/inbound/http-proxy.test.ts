// CONNECT, authentication and bad heads over real sockets, against the address of a relay.

import { createServer } from "node:http";
import { describe, expect, it } from "vitest";
import type { ErrorCode } from "../../../shared/errors.ts";
import {
  failingOutbound,
  listenForTest,
  RawClient,
  startEcho,
  startRelay,
  startWithUser,
  takeResponse,
} from "../harness.ts";

const BASIC = `Proxy-Authorization: Basic ${Buffer.from("alice:secret").toString("base64")}\r\n`;

describe("CONNECT", () => {
  it("opens a tunnel and keeps what was pipelined behind it", async () => {
    const running = await startRelay();
    const echo = await startEcho();
    const client = await RawClient.open(running.port);
    client.socket.end(`CONNECT 127.0.0.1:${echo} HTTP/1.1\r\nHost: 127.0.0.1:${echo}\r\n\r\nearly`);
    expect((await client.rest()).toString()).toBe("HTTP/1.1 200 Connection Established\r\n\r\nearly");
    const closed = await running.event("connection_closed");
    expect(closed).toMatchObject({
      kind: "connect",
      up: 5,
      down: 5,
      reason: "done",
      target: `127.0.0.1:${echo}`,
    });
  });

  it("takes its head one byte at a time", async () => {
    const { port } = await startRelay();
    const client = await RawClient.open(port);
    for (const character of `CONNECT localhost:${await startEcho()} HTTP/1.1\r\nHost: x\r\n\r\n`) {
      client.send(character);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await client.takeThrough("\r\n\r\n")).toContain(" 200 ");
    client.send("live");
    expect((await client.take(4)).toString()).toBe("live");
  });

  it.each([
    ["name_unknown", 502, "dns_error"],
    ["connection_refused", 502, "connection_refused"],
    ["network_unreachable", 502, "destination_ip_unroutable"],
    ["dial_timeout", 504, "connection_timeout"],
    ["target_refused", 403, "destination_ip_prohibited"],
  ] as const)("answers %s with %i and its code", async (code: ErrorCode, status, proxyStatus) => {
    const { port } = await startRelay({ parts: { outbound: failingOutbound(code) } });
    const client = await RawClient.open(port);
    client.send("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n");
    const answer = (await client.rest()).toString();
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toContain(`Proxy-Status: causeway; error=${proxyStatus}`);
    expect(JSON.parse(answer.split("\r\n\r\n")[1] ?? "").error.code).toBe(code);
  });

  it.each(["a.example", "a.example:0", "a.example:65536", "http://a.example:80", "a b:80", ":80"])(
    "answers 400 to the target %j",
    async (target) => {
      const { port } = await startRelay();
      const client = await RawClient.open(port);
      client.send(`CONNECT ${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
      expect((await client.rest()).toString()).toMatch(/^HTTP\/1.1 400 /);
    },
  );
});

describe("Basic authentication", () => {
  it("answers 407 with a challenge to CONNECT and to plain requests without it", async () => {
    const { port, of } = await startWithUser();
    const tunnel = await RawClient.open(port);
    tunnel.send("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n");
    expect((await tunnel.rest()).toString()).toMatch(
      /^HTTP\/1.1 407 [\s\S]*Proxy-Authenticate: Basic realm=/,
    );
    const plain = await RawClient.open(port);
    plain.send("GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n");
    expect((await takeResponse(plain)).head).toMatch(
      /^HTTP\/1.1 407 [\s\S]*Proxy-Authenticate: Basic realm=/,
    );
    expect(of("auth_failed")).toHaveLength(0);
  });

  it("answers 407 to a wrong password and reports it", async () => {
    const { port, event } = await startWithUser();
    const client = await RawClient.open(port);
    const wrong = Buffer.from("alice:nope").toString("base64");
    client.send(`GET http://a.example/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic ${wrong}\r\n\r\n`);
    expect((await takeResponse(client)).head).toMatch(/^HTTP\/1.1 407 /);
    expect(await event("auth_failed")).toMatchObject({ user: "alice", client: "127.0.0.1" });
  });

  it("lets the right password through and keeps it from the origin", async () => {
    const origin = await listenForTest(
      createServer((req, res) => res.end(String(req.headers["proxy-authorization"]))),
    );
    const { port, event } = await startWithUser();
    const client = await RawClient.open(port);
    client.send(`GET http://127.0.0.1:${origin}/ HTTP/1.1\r\nHost: x\r\n${BASIC}\r\n`);
    expect((await takeResponse(client)).body).toBe("undefined");
    expect(await event("connection_opened")).toMatchObject({ user: "alice", kind: "proxy" });
    const tunnel = await RawClient.open(port);
    tunnel.send(`CONNECT 127.0.0.1:${await startEcho()} HTTP/1.1\r\nHost: x\r\n${BASIC}\r\n`);
    expect(await tunnel.takeThrough("\r\n\r\n")).toContain(" 200 ");
  });
});

describe("a malformed or oversize head", () => {
  it.each([
    ["garbage", "GARBAGE\r\n\r\n", 400],
    ["a missing Host", "GET http://a.example/ HTTP/1.1\r\n\r\n", 400],
    [
      "two lengths",
      "POST http://a.example/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      400,
    ],
    [
      "length and chunks (request smuggling)",
      "POST http://a.example/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      400,
    ],
    [
      "64 KiB of fields",
      `GET http://a.example/ HTTP/1.1\r\nHost: x\r\nX: ${"a".repeat(65_536)}\r\n\r\n`,
      431,
    ],
  ])("%s is refused and the connection closed", async (_, head, status) => {
    const { port } = await startRelay();
    const client = await RawClient.open(port);
    client.send(head);
    expect((await client.rest()).toString()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });

  it("that comes too slowly is refused within its bound", async () => {
    const { port } = await startRelay({ parts: { handshakeTimeoutMs: 200 } });
    const client = await RawClient.open(port);
    client.send("GET http://a.example/ HTTP/1.1\r\nHost:");
    expect((await client.rest()).toString()).toMatch(/^HTTP\/1.1 408 /);
  });
});
