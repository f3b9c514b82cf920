// SOCKS5 UDP ASSOCIATE over real sockets: to whom datagrams go, from whom they are taken, and when it ends.

import { once } from "node:events";
import type { Socket } from "node:net";
import { SocksClient } from "socks";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { encodeAddress } from "../../../relay/inbound/socks-address.ts";
import { parseConfig } from "../../../shared/config/parse.ts";
import { RawClient, type RunningRelay, socksRequest, startRelay } from "../harness.ts";
import { startUdpEcho, UdpPeer } from "../udp.ts";

interface Associated {
  readonly control: RawClient;
  readonly peer: UdpPeer;
  /** The relay's UDP port. */
  readonly port: number;
  readonly reply: Buffer;
}

async function associate({ port }: RunningRelay): Promise<Associated> {
  const control = await RawClient.open(port);
  control.send([5, 1, 0]);
  await control.take(2);
  control.send(socksRequest("0.0.0.0", 0, 3));
  const reply = await control.take(10);
  return { control, reply, port: reply.readUInt16BE(8), peer: await UdpPeer.open() };
}

/** A datagram for a literal address. */
function datagram(address: string, port: number, data: string, fragment = 0): Buffer {
  return Buffer.from([0, 0, fragment, ...encodeAddress({ address, port }), ...Buffer.from(data)]);
}

function named(name: string, port: number, data: string): Buffer {
  return Buffer.from([
    0,
    0,
    0,
    3,
    name.length,
    ...Buffer.from(name),
    port >> 8,
    port & 255,
    ...Buffer.from(data),
  ]);
}

/** What a datagram of the relay carries, and from where: `127.0.0.1` in its header takes ten bytes. */
function payload(data: Buffer): string {
  return data.subarray(data[3] === 4 ? 22 : 10).toString();
}

describe("UDP ASSOCIATE", () => {
  it("carries datagrams to an address and back with where they came from", async () => {
    const running = await startRelay();
    const echo = await startUdpEcho();
    const { peer, port, reply, control } = await associate(running);
    expect([...reply.subarray(0, 8)]).toEqual([5, 0, 0, 1, 127, 0, 0, 1]);
    peer.send(datagram("127.0.0.1", echo, "hello"), port);
    const { data } = await peer.take();
    expect(data).toEqual(datagram("127.0.0.1", echo, "hello"));
    control.socket.end();
    expect(await running.event("connection_closed")).toMatchObject({
      kind: "udp",
      target: `127.0.0.1:${echo}`,
      up: 5,
      down: 5,
      reason: "done",
    });
  });

  it("resolves names and reaches IPv6", async () => {
    const running = await startRelay();
    const echo = await startUdpEcho();
    const six = await startUdpEcho("", "::1");
    const { peer, port } = await associate(running);
    peer.send(named("localhost", echo, "by name"), port);
    expect(payload((await peer.take()).data)).toBe("by name");
    peer.send(datagram("::1", six, "six"), port);
    const { data } = await peer.take();
    expect([data[3], payload(data)]).toEqual([4, "six"]);
  });

  it("puts fragments together", async () => {
    const running = await startRelay();
    const echo = await startUdpEcho();
    const { peer, port } = await associate(running);
    peer.send(datagram("127.0.0.1", echo, "frag", 1), port);
    peer.send(datagram("127.0.0.1", echo, "ments", 0x82), port);
    expect(payload((await peer.take()).data)).toBe("fragments");
  });

  it("drops what is for port 0, and goes on", async () => {
    const running = await startRelay();
    const echo = await startUdpEcho();
    const { peer, port } = await associate(running);
    for (const text of ["before", "after"]) {
      for (let i = 0; i < 3; i++) peer.send(datagram("127.0.0.1", 0, "nowhere"), port);
      peer.send(datagram("127.0.0.1", echo, text), port);
      expect(payload((await peer.take()).data)).toBe(text);
    }
  });

  it("is pinned to the first port that sends", async () => {
    const running = await startRelay();
    const echo = await startUdpEcho();
    const { peer, port } = await associate(running);
    peer.send(datagram("127.0.0.1", echo, "first"), port);
    await peer.take();
    const other = await UdpPeer.open();
    other.send(datagram("127.0.0.1", echo, "intruder"), port);
    peer.send(datagram("127.0.0.1", echo, "again"), port);
    expect(payload((await peer.take()).data)).toBe("again");
    expect(peer.pending + other.pending).toBe(0);
  });

  it("takes nothing from another address than the connection's", async () => {
    const running = await startRelay();
    const echo = await startUdpEcho();
    const { peer, port } = await associate(running);
    const other = await UdpPeer.open("127.0.0.2");
    other.send(datagram("127.0.0.1", echo, "intruder"), port);
    await new Promise((resolve) => setTimeout(resolve, 30));
    peer.send(datagram("127.0.0.1", echo, "mine"), port);
    expect(payload((await peer.take()).data)).toBe("mine");
    expect(other.pending).toBe(0);
  });

  it("passes nothing on from whom the client has not sent to", async () => {
    const running = await startRelay();
    const target = await UdpPeer.open();
    const { peer, port } = await associate(running);
    peer.send(datagram("127.0.0.1", target.port, "out"), port);
    const { from } = await target.take();
    const stranger = await UdpPeer.open("127.0.0.2");
    stranger.send("unasked", from.port);
    target.send("asked", from.port);
    expect(payload((await peer.take()).data)).toBe("asked");
    expect(peer.pending).toBe(0);
  });

  it("judges every datagram's target", async () => {
    const running = await startRelay();
    const echo = await startUdpEcho();
    const { peer, port } = await associate(running);
    peer.send(datagram("169.254.169.254", 80, "metadata"), port);
    expect(await running.event("policy_denied")).toMatchObject({ target: "169.254.169.254:80" });
    peer.send(datagram("127.0.0.1", echo, "fine"), port);
    expect(payload((await peer.take()).data)).toBe("fine");
    expect(running.of("connection_opened")).toMatchObject([{ target: `127.0.0.1:${echo}` }]);
  });

  it("passes over garbage", async () => {
    const running = await startRelay();
    const echo = await startUdpEcho();
    const { peer, port } = await associate(running);
    for (const bytes of [[], [0], [0, 0, 0, 9, 1], [0, 0, 0, 3, 255, 1]]) peer.send(Buffer.from(bytes), port);
    peer.send(datagram("127.0.0.1", echo, "after"), port);
    expect(payload((await peer.take()).data)).toBe("after");
  });

  it("ends with its connection, whichever way that ends", async () => {
    for (const end of [(socket: Socket) => socket.end(), (socket: Socket) => socket.resetAndDestroy()]) {
      const running = await startRelay();
      const echo = await startUdpEcho();
      const { peer, port, control } = await associate(running);
      peer.send(datagram("127.0.0.1", echo, "x"), port);
      await peer.take();
      end(control.socket);
      await running.event("connection_closed");
      peer.send(datagram("127.0.0.1", echo, "late"), port);
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect(peer.pending).toBe(0);
    }
  });

  it("ends its connection when nothing moves for the idle timeout", async () => {
    const running = await startRelay({ config: { idle_timeout: 100 } });
    const { control, peer, port } = await associate(running);
    peer.send(datagram("127.0.0.1", await startUdpEcho(), "x"), port);
    await peer.take();
    expect(await control.rest()).toHaveLength(0);
    expect(await running.event("connection_closed")).toMatchObject({ reason: "idle" });
  });

  it("is broken off at the drain's deadline", async () => {
    const running = await startRelay({ config: { drain_timeout: 50 } });
    const { control } = await associate(running);
    await running.relay.stop();
    expect(await control.rest()).toHaveLength(0);
  });

  it("takes its port from udp_ports, tells the advertised address, and answers 1 when all are taken", async () => {
    const probe = await UdpPeer.open();
    const free = probe.port;
    await probe.close();
    const running = await startRelay({ inbound: { udp_ports: `${free}`, advertise: "198.51.100.7" } });
    const { reply } = await associate(running);
    expect([...reply.subarray(4)]).toEqual([198, 51, 100, 7, free >> 8, free & 255]);
    expect((await associate(running)).reply[1]).toBe(1);
  });

  it("keeps datagrams of a size that UDP can carry whole", async () => {
    const running = await startRelay();
    const echo = await startUdpEcho();
    const { peer, port } = await associate(running);
    const large = "x".repeat(60_000);
    peer.send(datagram("127.0.0.1", echo, large), port);
    expect(payload((await peer.take()).data)).toBe(large);
  });

  it("is answered by 7 where every way out leads through a proxy", async () => {
    const proxy = { kind: "socks", name: "up", server: "127.0.0.1:9" };
    const everything = { relay: { outbounds: [proxy], rules: [{ outbound: "up" }] } };
    const parsed = parseConfig(everything);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    const { outbounds = [], rules = [] } = parsed.config.relay ?? {};
    const { reply } = await associate(await startRelay({ config: { outbounds, rules } }));
    expect(reply[1]).toBe(7);
    const some = rules.map((rule) => ({ ...rule, ports: [{ first: 1, last: 2 }] }));
    expect((await associate(await startRelay({ config: { outbounds, rules: some } }))).reply[1]).toBe(0);
  });

  it("serves the npm client", async () => {
    const running = await startRelay();
    const echo = await startUdpEcho();
    const client = new SocksClient({
      proxy: { host: "127.0.0.1", port: running.port, type: 5 },
      destination: { host: "0.0.0.0", port: 0 },
      command: "associate",
    });
    client.connect();
    const [{ remoteHost, socket }] = (await once(client, "established")) as [
      { remoteHost: { host: string; port: number }; socket: Socket },
    ];
    onTestFinished(() => void socket.destroy());
    const peer = await UdpPeer.open();
    const frame = SocksClient.createUDPFrame({
      remoteHost: { host: "127.0.0.1", port: echo },
      data: Buffer.from("framed"),
    });
    peer.send(frame, remoteHost.port);
    const answer = SocksClient.parseUDPFrame((await peer.take()).data);
    expect(answer.data.toString()).toBe("framed");
    await vi.waitFor(() => expect(running.relay.ledger.active).toBe(1));
  });
});
