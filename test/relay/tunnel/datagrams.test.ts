// Datagrams through the tunnel, as SOCKS5 UDP ASSOCIATE and as the far end see them.

import { describe, expect, it } from "vitest";
import { UDPACK_STREAM_LIMITS } from "../../../shared/limits.ts";
import { RawClient, socksRequest } from "../harness.ts";
import { startUdpEcho, UdpPeer } from "../udp.ts";
import { startPair } from "./pair.ts";

describe("datagrams through the tunnel", () => {
  async function associate(port: number) {
    const control = await RawClient.open(port);
    control.send([5, 1, 0]);
    await control.take(2);
    control.send(socksRequest("0.0.0.0", 0, 3));
    const reply = await control.take(10);
    return { control, relayPort: reply.readUInt16BE(8), peer: await UdpPeer.open() };
  }

  function datagram(host: string, port: number, data: Uint8Array): Buffer {
    const name = /^[\d.]+$/.test(host)
      ? [1, ...host.split(".").map(Number)]
      : [3, host.length, ...Buffer.from(host)];
    return Buffer.from([0, 0, 0, ...name, port >> 8, port & 255, ...data]);
  }

  it("ride SOCKS5 UDP ASSOCIATE, by address and by name, small and large", async () => {
    const echo = await startUdpEcho();
    const { client, server } = await startPair();
    const { peer, relayPort, control } = await associate(client.port);
    for (const [host, size] of [
      ["127.0.0.1", 5],
      ["localhost", 1_200],
      ["127.0.0.1", 8_000],
      // The largest that a client can wrap into SOCKS5's own datagram.
      ["127.0.0.1", 65_497],
    ] as const) {
      const data = Buffer.alloc(size, "x");
      const sent = datagram(host, echo, data);
      peer.send(sent, relayPort);
      // Datagrams may be lost, large ones the sooner.
      const again = setInterval(() => peer.send(sent, relayPort), 500);
      let answer = (await peer.take()).data;
      while (answer.length !== datagram("127.0.0.1", echo, data).length) answer = (await peer.take()).data;
      clearInterval(again);
      expect(answer).toEqual(datagram("127.0.0.1", echo, data));
    }
    control.socket.end();
    for (const relay of [server, client]) {
      const { kind, up, down } = await relay.event("connection_closed");
      expect(kind).toBe("udp");
      expect(Math.min(up, down)).toBeGreaterThanOrEqual(74_702);
    }
  });

  it("pass after a silence that is longer than one may wait to be sent", async () => {
    const echo = await startUdpEcho();
    const { client } = await startPair();
    const { peer, relayPort } = await associate(client.port);
    for (let i = 0; i < 6; i++) {
      const sent = datagram("127.0.0.1", echo, Buffer.from(`number ${i}`));
      peer.send(sent, relayPort);
      expect((await peer.take()).data).toEqual(sent);
      // Nothing else may wake the session up.
      await new Promise((resolve) => setTimeout(resolve, 2 * UDPACK_STREAM_LIMITS.DATAGRAMS_WAITING_MS));
    }
  });

  it("go on by a new association after the server was gone", async () => {
    const echo = await startUdpEcho();
    const { client, server, restart } = await startPair();
    const { peer, relayPort } = await associate(client.port);
    peer.send(datagram("127.0.0.1", echo, Buffer.from("one")), relayPort);
    await peer.take();
    await server.relay.stop();
    await restart();
    const again = setInterval(
      () => peer.send(datagram("127.0.0.1", echo, Buffer.from("two")), relayPort),
      100,
    );
    const { data } = await peer.take();
    clearInterval(again);
    expect(data.subarray(-3).toString()).toBe("two");
  });

  it("are refused by a rule of the far end like connections", async () => {
    const rules = [{ domains: ["denied.example"], outbound: "reject" }];
    const { client, server } = await startPair({ server: { rules } });
    const { peer, relayPort } = await associate(client.port);
    peer.send(datagram("denied.example", 53, Buffer.from("x")), relayPort);
    expect(await server.event("policy_denied")).toMatchObject({ target: "denied.example:53" });
  });

  it("are not offered where every way is a proxy's at the far end", async () => {
    const outbounds = [{ kind: "socks", name: "far", server: "127.0.0.1:1" }];
    const { client, server } = await startPair({ server: { outbounds, rules: [{ outbound: "far" }] } });
    const { peer, relayPort } = await associate(client.port);
    peer.send(datagram("127.0.0.1", 53, Buffer.from("x")), relayPort);
    expect(await server.event("dial_failed")).toMatchObject({ code: "not_carried" });
    expect(await client.event("dial_failed")).toMatchObject({ code: "not_carried" });
  });
});
