// SOCKS BIND over real sockets: who is waited for, where, and for how long.

import { once } from "node:events";
import { connect } from "node:net";
import { SocksClient } from "socks";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { namedPort } from "../../support/named-port.ts";
import { failingOutbound, RawClient, socksRequest, startRelay } from "../harness.ts";

/** Asks for a connection of `host`; the client and the port that was opened. */
async function bind(
  port: number,
  host: string,
): Promise<{ client: RawClient; reply: Buffer; bound: number }> {
  const client = await RawClient.open(port);
  client.send([5, 1, 0]);
  await client.take(2);
  client.send(socksRequest(host, 21, 2));
  const reply = await client.take(10);
  return { client, reply, bound: reply.readUInt16BE(8) };
}

/** Connects to `port` from an address of 127/8. */
async function connectFrom(localAddress: string, port: number): Promise<RawClient> {
  const socket = connect({ port, host: "127.0.0.1", localAddress, allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  const client = new RawClient(socket);
  await once(socket, "connect");
  return client;
}

describe("SOCKS5 BIND", () => {
  it("says where it listens, then who has connected, and carries the connection", async () => {
    const running = await startRelay();
    const { client, reply, bound } = await bind(running.port, "127.0.0.1");
    expect([...reply.subarray(0, 8)]).toEqual([5, 0, 0, 1, 127, 0, 0, 1]);
    const peer = await connectFrom("127.0.0.1", bound);
    const second = await client.take(10);
    expect([...second.subarray(0, 8)]).toEqual([5, 0, 0, 1, 127, 0, 0, 1]);
    expect(second.readUInt16BE(8)).toBe(peer.socket.localPort);
    peer.send("from peer");
    expect((await client.take(9)).toString()).toBe("from peer");
    client.socket.end("to peer");
    expect((await peer.rest()).toString()).toBe("to peer");
    peer.socket.end();
    expect(await running.event("connection_closed")).toMatchObject({ kind: "socks", up: 7, down: 9 });
  });

  it("listens nowhere for a peer that this machine has no way to", async () => {
    const running = await startRelay();
    const client = await RawClient.open(running.port);
    client.send([5, 1, 0]);
    await client.take(2);
    // A link-local address that names no link.
    client.send([5, 2, 0, 4, 0xfe, 0x80, ...new Array(13).fill(0), 1, 0, 21]);
    expect([...(await client.take(10))]).toEqual([5, 1, 0, 1, 0, 0, 0, 0, 0, 0]);
    expect(await running.event("dial_failed")).toMatchObject({ target: "[fe80::1]:21" });
  });

  it("lets nobody in but the named peer, and that one still", async () => {
    const running = await startRelay();
    const { client, bound } = await bind(running.port, "127.0.0.1");
    const stranger = await connectFrom("127.0.0.2", bound);
    expect(await stranger.rest()).toHaveLength(0);
    expect(await running.event("source_refused")).toMatchObject({ client: "127.0.0.2" });
    await connectFrom("127.0.0.1", bound);
    expect((await client.take(10))[1]).toBe(0);
  });

  it("takes one connection only", async () => {
    const running = await startRelay();
    const { client, bound } = await bind(running.port, "127.0.0.1");
    await connectFrom("127.0.0.1", bound);
    await client.take(10);
    const late = connect({ port: bound, host: "127.0.0.1" });
    const [error] = (await once(late, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNREFUSED");
  });

  it("listens on the address that faces the peer, and on no other", async () => {
    const running = await startRelay();
    const { reply, bound } = await bind(running.port, "127.0.0.3");
    const address = [...reply.subarray(4, 8)].join(".");
    const elsewhere = address === "127.0.0.1" ? "127.0.0.9" : "127.0.0.1";
    const socket = connect({ port: bound, host: elsewhere });
    const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNREFUSED");
  });

  it("resolves a named peer", async () => {
    const running = await startRelay();
    const { client, bound } = await bind(running.port, "localhost");
    await connectFrom("127.0.0.1", bound);
    expect((await client.take(10))[1]).toBe(0);
  });

  it("answers 6 when nobody comes in time", async () => {
    const running = await startRelay({ parts: { bindTimeoutMs: 50 } });
    const { client, bound } = await bind(running.port, "127.0.0.1");
    expect((await client.take(10))[1]).toBe(6);
    expect(await client.rest()).toHaveLength(0);
    const late = connect({ port: bound, host: "127.0.0.1" });
    await once(late, "error");
    expect(running.relay.ledger.seal(Date.now())?.services).toMatchObject([{ kind: "socks", errors: 1 }]);
  });

  it("closes the port when the client leaves", async () => {
    const running = await startRelay();
    const { client, bound } = await bind(running.port, "127.0.0.1");
    client.socket.destroy();
    await vi.waitFor(async () => {
      const socket = connect({ port: bound, host: "127.0.0.1" });
      onTestFinished(() => void socket.destroy());
      await Promise.race([
        once(socket, "error"),
        once(socket, "connect").then(() => Promise.reject(new Error("it is still open"))),
      ]);
    });
    expect(running.of("dial_failed")).toHaveLength(0);
  });

  it("takes its ports from bind_ports and answers 1 when they are all taken", async () => {
    const port = await namedPort();
    const running = await startRelay({ inbound: { bind_ports: `${port}` } });
    expect((await bind(running.port, "127.0.0.1")).bound).toBe(port);
    expect((await bind(running.port, "127.0.0.1")).reply[1]).toBe(1);
  });

  it("tells clients the advertised address", async () => {
    const running = await startRelay({ inbound: { advertise: "198.51.100.7" } });
    const { reply } = await bind(running.port, "127.0.0.1");
    expect([...reply.subarray(4, 8)]).toEqual([198, 51, 100, 7]);
  });

  it("refuses a peer that the policy denies", async () => {
    const running = await startRelay();
    expect((await bind(running.port, "169.254.169.254")).reply[1]).toBe(2);
    expect(await running.event("policy_denied")).toMatchObject({ target: "169.254.169.254:21" });
  });

  it("answers 7 where the way out cannot wait for a peer", async () => {
    const running = await startRelay({ parts: { outbound: failingOutbound("not_carried") } });
    expect((await bind(running.port, "192.0.2.1")).reply[1]).toBe(7);
  });

  it("serves the npm client, also when it names nobody: then anybody on this machine may come", async () => {
    const running = await startRelay();
    const client = new SocksClient({
      proxy: { host: "127.0.0.1", port: running.port, type: 5 },
      destination: { host: "0.0.0.0", port: 0 },
      command: "bind",
    });
    const established = once(client, "established");
    client.connect();
    const [{ remoteHost }] = (await once(client, "bound")) as [
      { remoteHost: { host: string; port: number } },
    ];
    expect(remoteHost.host).toBe("127.0.0.1");
    const peer = await connectFrom("127.0.0.2", remoteHost.port);
    const [{ socket }] = (await established) as [{ socket: import("node:net").Socket }];
    onTestFinished(() => void socket.destroy());
    socket.resume();
    socket.write("bound");
    expect((await peer.take(5)).toString()).toBe("bound");
  });
});

describe("SOCKS4 BIND", () => {
  it("replies twice with the address in the reply", async () => {
    const running = await startRelay();
    const client = await RawClient.open(running.port);
    client.send([4, 2, 0, 21, 127, 0, 0, 1, 0x6d, 0x65, 0]);
    const first = await client.take(8);
    expect([first[0], first[1], ...first.subarray(4)]).toEqual([0, 90, 127, 0, 0, 1]);
    const peer = await connectFrom("127.0.0.1", first.readUInt16BE(2));
    const second = await client.take(8);
    expect([second[1], second.readUInt16BE(2)]).toEqual([90, peer.socket.localPort]);
  });
});
