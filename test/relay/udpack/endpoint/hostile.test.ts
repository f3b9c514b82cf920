// A stranger sends a server whatever it likes, with what it saw of others' packets: nothing of it may change anything, and
// it may cost only so much. The threats are those of docs/UDPACK.md section 12.

import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { LossyLink } from "../../../support/lossy-link.ts";
import { digest, echo, testClient, testServer, upload } from "../../../support/udpack.ts";

const DATAGRAMS = 100_000;
const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

/** Deterministic bytes, many at once. */
function noise(seed: number) {
  let state = seed;
  return (bytes: number): Buffer => {
    const out = Buffer.allocUnsafe(bytes);
    for (let at = 0; at < bytes; at += 1) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      out[at] = state >>> 24;
    }
    return out;
  };
}

async function stranger(): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  opened.push(socket);
  return socket;
}

/** The n-th datagram of an attack on a session of which `seen` was recorded. */
function attack(n: number, seen: readonly Buffer[], random: (bytes: number) => Buffer): Buffer {
  const packet = Buffer.from(seen[n % seen.length] ?? Buffer.alloc(1));
  switch (n % 5) {
    case 0:
      return random(1 + (n % 1_400));
    case 1:
      return packet;
    case 2:
      return packet.subarray(0, n % packet.length);
    case 3:
      packet[n % packet.length] = (packet[n % packet.length] ?? 0) ^ 0x20;
      return packet;
    default:
      // A number that was never used, under a tag that is not right.
      packet.writeUInt32BE(n, Math.min(15, packet.length - 4));
      return packet;
  }
}

describe("a hostile sender", () => {
  it(`changes nothing with ${DATAGRAMS} datagrams, random, replayed, cut and forged`, async () => {
    const server = await testServer();
    const link = await LossyLink.open({ targetPort: server.address.port });
    const client = testClient(link.port);
    opened.push(server, link, client);
    echo(server);
    const seen: Buffer[] = [];
    link.watch((data, up) => {
      if (up && seen.length < 2_000) seen.push(Buffer.from(data));
    });
    const first = client.openStream();
    const recorded = digest(first);
    await upload(first, 2 * 1024 * 1024);
    await recorded;
    const session = server.sessions[0];
    const { remote } = session ?? {};
    const before = process.memoryUsage().heapUsed;
    const answers: number[] = [];
    const socket = await stranger();
    socket.on("message", (data) => answers.push(data.length));
    const random = noise(7);
    let sentBytes = 0;
    const stream = client.openStream();
    const back = digest(stream);
    const writing = upload(stream, 4 * 1024 * 1024);
    const since = process.cpuUsage();
    for (let n = 0; n < DATAGRAMS; n++) {
      const datagram = attack(n, seen, random);
      sentBytes += datagram.length;
      socket.send(datagram, server.address.port, "127.0.0.1");
      if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const spent = process.cpuUsage(since);
    expect((await back).hash).toBe(await writing);
    expect(server.sessions).toEqual([session]);
    expect(session?.remote).toEqual(remote);
    expect(client.session?.endedBy).toBeUndefined();
    expect(answers.every((bytes) => bytes <= 68)).toBe(true);
    expect(answers.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(sentBytes / 10);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(150 * 1024 * 1024);
    // Sender, link, client and server together: some 50 us for each datagram on a slow machine.
    expect((spent.user + spent.system) / DATAGRAMS).toBeLessThan(300);
  }, 30_000);

  it("cannot end a session with resets, nor make the client follow another address", async () => {
    const server = await testServer();
    const link = await LossyLink.open({ targetPort: server.address.port });
    opened.push(server, link);
    echo(server);
    const client = testClient(link.port);
    opened.push(client);
    const stream = client.openStream();
    stream.write("x");
    await once(stream, "data");
    const established = client.session?.established;
    const local = client.session?.engine.local;
    const socket = await stranger();
    for (let n = 0; n < 500; n++) {
      const reset = Buffer.concat([Buffer.of(0x50), established?.peerId ?? Buffer.alloc(8), noise(n)(16)]);
      socket.send(reset, local?.port ?? 0, "127.0.0.1");
    }
    stream.write("y");
    await once(stream, "data");
    expect(client.session?.endedBy).toBeUndefined();
    expect(client.session?.remote.port).toBe(link.port);
  });

  it("gets at most three times what it sent to an address that is not proven", async () => {
    const server = await testServer();
    const link = await LossyLink.open({ targetPort: server.address.port });
    opened.push(server, link);
    server.on("session", (session) => {
      session.on("stream", (stream) => stream.resume().write(Buffer.alloc(8 * 1024 * 1024)));
    });
    const client = testClient(link.port);
    opened.push(client);
    const stream = client.openStream();
    stream.write("much, please");
    await once(stream, "data");
    // The client's next packet is caught and comes from the stranger's address instead.
    link.block(true);
    const caught = new Promise<Buffer>((resolve) => {
      link.watch((data, up) => {
        if (up) resolve(Buffer.from(data));
      });
    });
    stream.resume();
    stream.write("z".repeat(300));
    const packet = await caught;
    const socket = await stranger();
    let got = 0;
    socket.on("message", (data) => {
      got += data.length;
    });
    socket.send(packet, server.address.port, "127.0.0.1");
    await once(socket, "message");
    const session = server.sessions[0];
    expect(session?.remote.port).toBe(socket.address().port);
    // Until the server gives the address up, having asked it in vain, and is back at the old one.
    await expect.poll(() => session?.remote.port, { timeout: 10_000 }).not.toBe(socket.address().port);
    expect(got).toBeGreaterThan(0);
    expect(got).toBeLessThanOrEqual(3 * packet.length);
  }, 20_000);
});
