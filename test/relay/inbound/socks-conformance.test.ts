// SOCKS5 over real sockets, against the address of a relay.

import { beforeEach, describe, expect, it } from "vitest";
import type { ErrorCode } from "../../../shared/errors.ts";
import {
  closedPort,
  failingOutbound,
  openSocks,
  RawClient,
  type RunningRelay,
  socksRequest,
  startEcho,
  startRelay,
  startTarget,
  startWithUser,
} from "../harness.ts";

async function replyTo(port: number, request: readonly number[]): Promise<number | undefined> {
  const client = await RawClient.open(port);
  client.send([5, 1, 0]);
  expect([...(await client.take(2))]).toEqual([5, 0]);
  client.send(request);
  const reply = (await client.take(10))[1];
  if (reply !== 0) expect(await client.rest()).toHaveLength(0);
  return reply;
}

describe("SOCKS5 without authentication", () => {
  let running: RunningRelay;
  beforeEach(async () => {
    running = await startRelay();
  });

  it("connects to an IPv4 address and names the address it dials from", async () => {
    const echo = await startTarget((socket) => socket.end(String(socket.remotePort)));
    const client = await RawClient.open(running.port);
    client.send([5, 1, 0]);
    await client.take(2);
    client.send(socksRequest("127.0.0.1", echo));
    const reply = await client.take(10);
    expect([...reply.subarray(0, 8)]).toEqual([5, 0, 0, 1, 127, 0, 0, 1]);
    expect((await client.rest()).toString()).toBe(String(reply.readUInt16BE(8)));
  });

  it("connects to an IPv6 address", async () => {
    const echo = await startEcho("::1");
    const client = await RawClient.open(running.port);
    client.send([5, 1, 0]);
    await client.take(2);
    client.send([5, 1, 0, 4, ...new Array(15).fill(0), 1, echo >> 8, echo & 0xff]);
    const reply = await client.take(22);
    expect([reply[1], reply[3]]).toEqual([0, 4]);
    client.send("six");
    expect((await client.take(3)).toString()).toBe("six");
  });

  it("resolves a name on the relay", async () => {
    const client = await openSocks(running.port, "localhost", await startEcho());
    client.send("named");
    expect((await client.take(5)).toString()).toBe("named");
  });

  it("takes the handshake one byte at a time", async () => {
    const echo = await startEcho();
    const client = await RawClient.open(running.port);
    for (const byte of [5, 1, 0, ...socksRequest("127.0.0.1", echo)]) {
      client.send([byte]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await client.take(12))[3]).toBe(0);
    client.send("x");
    expect((await client.take(1)).toString()).toBe("x");
  });

  it("passes on what was pipelined behind the request, and the half-close with it", async () => {
    const echo = await startEcho();
    const client = await RawClient.open(running.port);
    client.socket.end(
      Buffer.concat([Buffer.from([5, 1, 0, ...socksRequest("127.0.0.1", echo)]), Buffer.from("early")]),
    );
    expect((await client.rest()).subarray(12).toString()).toBe("early");
    const closed = await running.event("connection_closed");
    expect(closed).toMatchObject({ up: 5, down: 5, reason: "done" });
  });

  it("answers 5 when the target refuses", async () => {
    expect(await replyTo(running.port, socksRequest("127.0.0.1", await closedPort()))).toBe(5);
    expect(await running.event("dial_failed")).toMatchObject({ code: "connection_refused" });
  });

  it("answers 2 when the policy denies the target", async () => {
    expect(await replyTo(running.port, socksRequest("169.254.169.254", 80))).toBe(2);
    expect(await running.event("policy_denied")).toMatchObject({ target: "169.254.169.254:80" });
  });

  it("answers 2 for the relay's own listener", async () => {
    expect(await replyTo(running.port, socksRequest("127.0.0.1", running.port))).toBe(2);
    expect(await replyTo(running.port, socksRequest("localhost", running.port))).toBe(2);
  });

  it("answers 7 to an unknown command", async () => {
    expect(await replyTo(running.port, socksRequest("127.0.0.1", 80, 9))).toBe(7);
  });

  it("answers 8 to an unknown address type", async () => {
    expect(await replyTo(running.port, [5, 1, 0, 2, 0, 0])).toBe(8);
  });

  it("closes on garbage without an answer", async () => {
    const client = await RawClient.open(running.port);
    client.send([0x16, 3, 1, 2, 0]);
    expect(await client.rest()).toHaveLength(0);
    expect((await running.event("handshake_failed")).why).toContain("22");
  });
});

describe("SOCKS5 replies to failed dials", () => {
  it.each([
    ["network_unreachable", 3],
    ["target_unreachable", 4],
    ["name_unknown", 4],
    ["connection_refused", 5],
    ["dial_timeout", 6],
    ["dial_failed", 1],
    ["name_unresolved", 1],
    ["not_carried", 7],
  ] as const)("tell %s by %i", async (code: ErrorCode, reply) => {
    const { port, relay } = await startRelay({ parts: { outbound: failingOutbound(code) } });
    expect(await replyTo(port, socksRequest("a.example", 80))).toBe(reply);
    expect(relay.ledger.seal(Date.now())?.services).toMatchObject([
      { service: "test/mixed", kind: "socks", requests: 1, errors: 1, aborted: 0 },
    ]);
  });
});

describe("SOCKS5 with user names and passwords", () => {
  async function signIn(port: number, user: string, password: string): Promise<RawClient> {
    const client = await RawClient.open(port);
    client.send([5, 2, 0, 2]);
    expect([...(await client.take(2))]).toEqual([5, 2]);
    return client.send([1, user.length, ...Buffer.from(user), password.length, ...Buffer.from(password)]);
  }

  it("lets the right password through and counts the user", async () => {
    const running = await startWithUser();
    const echo = await startEcho();
    const client = await signIn(running.port, "alice", "secret");
    expect([...(await client.take(2))]).toEqual([1, 0]);
    client.send(socksRequest("127.0.0.1", echo));
    expect((await client.take(10))[1]).toBe(0);
    expect(await running.event("connection_opened")).toMatchObject({ user: "alice" });
  });

  it.each([
    ["alice", "wrong"],
    ["mallory", "secret"],
  ])("answers %s with the password %s by failure and closes", async (user, password) => {
    const running = await startWithUser();
    const client = await signIn(running.port, user, password);
    expect([...(await client.rest())]).toEqual([1, 1]);
    expect(await running.event("auth_failed")).toMatchObject({ user, code: "proxy_auth_required" });
  });

  it("refuses a client that offers no password", async () => {
    const running = await startWithUser();
    const client = await RawClient.open(running.port);
    client.send([5, 1, 0]);
    expect([...(await client.rest())]).toEqual([5, 0xff]);
  });
});

describe("a slow handshake", () => {
  it.each([
    ["nothing", []],
    ["half a greeting", [5, 2, 0]],
    ["a greeting only", [5, 1, 0]],
  ])("of %s is ended within its bound", async (_, bytes) => {
    const { port, event } = await startRelay({ parts: { handshakeTimeoutMs: 100 } });
    const client = await RawClient.open(port);
    if (bytes.length > 0) client.send(bytes);
    await client.rest();
    expect((await event("handshake_failed")).why).toContain("too long");
  });
});
