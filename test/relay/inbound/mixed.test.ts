// Which protocols an inbound serves, SOCKS4 over real sockets, and who is let in at all.

import { describe, expect, it } from "vitest";
import { closedPort, openSocks, RawClient, startEcho, startRelay, startWithUser } from "../harness.ts";

function socks4(port: number, ...more: number[]): number[] {
  return [4, 1, port >> 8, port & 255, 127, 0, 0, 1, ...more, 0];
}

describe("SOCKS4", () => {
  it("connects to an address, whatever the user id says, with data right behind", async () => {
    const running = await startRelay();
    const client = await RawClient.open(running.port);
    client.send([...socks4(await startEcho(), 0x6d, 0x65), ...Buffer.from("early")]);
    expect((await client.take(8))[1]).toBe(90);
    expect((await client.take(5)).toString()).toBe("early");
    expect(await running.event("connection_opened")).toMatchObject({ kind: "socks", user: "" });
  });

  it("resolves a name of 4a on the relay, one byte at a time", async () => {
    const { port } = await startRelay();
    const echo = await startEcho();
    const client = await RawClient.open(port);
    for (const byte of [4, 1, echo >> 8, echo & 255, 0, 0, 0, 1, 0, ...Buffer.from("localhost"), 0]) {
      client.send([byte]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await client.take(8))[1]).toBe(90);
    expect((await client.send("x").take(1)).toString()).toBe("x");
  });

  it("answers 91 to what fails, and closes", async () => {
    const { port } = await startRelay();
    for (const request of [socks4(await closedPort()), [4, 9, 0, 1, 127, 0, 0, 1, 0]]) {
      const client = await RawClient.open(port);
      client.send(request);
      expect([...(await client.rest())]).toEqual([0, 91, 0, 0, 0, 0, 0, 0]);
    }
  });

  it("is off where a password is needed", async () => {
    const running = await startWithUser();
    const client = await RawClient.open(running.port);
    client.send(socks4(await startEcho(), 0x61));
    expect([...(await client.rest())]).toEqual([0, 91, 0, 0, 0, 0, 0, 0]);
    expect((await running.event("handshake_failed")).why).toContain("password");
  });
});

describe("inbounds of one protocol", () => {
  it("socks serves SOCKS and nothing else", async () => {
    const running = await startRelay({ inbound: { kind: "socks" } });
    const client = await openSocks(running.port, "127.0.0.1", await startEcho());
    expect((await client.send("x").take(1)).toString()).toBe("x");
    const other = await RawClient.open(running.port);
    other.send("GET http://127.0.0.1/ HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(await other.rest()).toHaveLength(0);
    expect(running.relay.inbounds).toMatchObject([{ kind: "socks" }]);
    expect(await running.event("connection_opened")).toMatchObject({ inbound: "test/socks" });
  });

  it("http serves HTTP and nothing else", async () => {
    const running = await startRelay({ inbound: { kind: "http", name: "web" } });
    const client = await RawClient.open(running.port);
    client.send(`CONNECT 127.0.0.1:${await startEcho()} HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect(await client.takeThrough("\r\n\r\n")).toMatch(/^HTTP\/1.1 200 /);
    for (const first of [4, 5]) {
      const other = await RawClient.open(running.port);
      other.send([first, 1, 0]);
      expect(await other.rest()).toHaveLength(0);
    }
    expect(await running.event("connection_opened")).toMatchObject({ inbound: "test/web" });
  });
});

describe("the source list of a proxy", () => {
  it("turns others away before they say anything", async () => {
    const running = await startRelay({ inbound: { allow: ["203.0.113.0/24", "::1"] } });
    const client = await RawClient.open(running.port);
    expect(await client.rest()).toHaveLength(0);
    expect(await running.event("source_refused")).toMatchObject({ client: "127.0.0.1" });
  });
});

describe("BIND beyond loopback", () => {
  const USER = Buffer.from("alice");
  const PASSWORD = Buffer.from("secret");
  const SIGN_IN = [5, 1, 2, 1, USER.length, ...USER, PASSWORD.length, ...PASSWORD];

  async function replyToBind(port: number): Promise<number | undefined> {
    const client = await RawClient.open(port);
    client.send([...SIGN_IN, 5, 2, 0, 1, 8, 8, 8, 8, 0, 21]);
    return (await client.take(2 + 2 + 10))[5];
  }

  it("is off without ports for it", async () => {
    const { port } = await startWithUser({}, { listen: "0.0.0.0:0" });
    expect(await replyToBind(port)).toBe(7);
  });

  it("names no peer by 0.0.0.0: the policy refuses it", async () => {
    const { port } = await startWithUser({}, { listen: "0.0.0.0:0", bind_ports: "40000-40100" });
    const client = await RawClient.open(port);
    client.send([...SIGN_IN, 5, 2, 0, 1, 0, 0, 0, 0, 0, 21]);
    expect((await client.take(14))[5]).toBe(2);
  });
});
