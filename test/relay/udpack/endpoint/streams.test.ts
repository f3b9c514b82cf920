// Streams of a real client and server over loopback: what a Duplex promises.

import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { UdpackError } from "../../../../relay/udpack/endpoint/api.ts";
import type { UdpackClient } from "../../../../relay/udpack/endpoint/client.ts";
import type { UdpackServer } from "../../../../relay/udpack/endpoint/server.ts";
import {
  digest,
  echo,
  nextSession,
  nextStream,
  testClient,
  testServer,
  text,
  upload,
  whole,
} from "../../../support/udpack.ts";

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

async function pair(): Promise<{ server: UdpackServer<string>; client: UdpackClient }> {
  const server = await testServer();
  const client = testClient(server.address.port);
  opened.push(server, client);
  return { server, client };
}

describe("UdpackStream", () => {
  it("carries bytes both ways and half-closes", async () => {
    const { server, client } = await pair();
    const arriving = nextSession(server).then(nextStream);
    const stream = client.openStream();
    stream.end("question");
    const served = await arriving;
    expect(await text(served)).toBe("question");
    expect(served.writable).toBe(true);
    served.end("answer");
    expect(await text(stream)).toBe("answer");
  });

  it("opens 500 at once and keeps their bytes apart", async () => {
    const { server, client } = await pair();
    echo(server);
    const answers = Array.from({ length: 500 }, async (_, index) => {
      const stream = client.openStream();
      stream.end(`stream ${index} `.repeat(200));
      return text(stream);
    });
    const expected = Array.from({ length: 500 }, (_, index) => `stream ${index} `.repeat(200));
    expect(await Promise.all(answers)).toEqual(expected);
    expect(client.session?.streams).toBe(0);
  });

  it("stops its writer while nobody reads, and goes on when somebody does", async () => {
    const { server, client } = await pair();
    const connecting = nextSession(server);
    const stream = client.openStream();
    const bytes = 24 * 1024 * 1024;
    let accepted = 0;
    const chunk = Buffer.alloc(64 * 1024, 7);
    const writing = (async () => {
      for (; accepted < bytes; accepted += chunk.length)
        if (!stream.write(chunk)) await once(stream, "drain");
      stream.end();
    })();
    const session = await connecting;
    const served = await nextStream(session);
    // Another stream of the session gets through meanwhile, which takes longer than filling all buffers.
    const other = client.openStream();
    const next = nextStream(session);
    other.end(Buffer.alloc(4 * 1024 * 1024));
    expect((await digest(await next)).bytes).toBe(4 * 1024 * 1024);
    expect(accepted).toBeLessThan(2 * 1024 * 1024);
    expect((await digest(served)).bytes).toBe(bytes);
    await writing;
  });

  it("holds at most its credit for a reader that reads a little and stops", async () => {
    const { server, client } = await pair();
    const arriving = nextSession(server).then(nextStream);
    const stream = client.openStream();
    const written = upload(stream, 8 * 1024 * 1024);
    const served = await arriving;
    await once(served, "readable");
    expect(served.readableLength).toBeLessThanOrEqual(256 * 1024);
    const { hash, bytes } = await digest(served);
    expect(bytes).toBe(8 * 1024 * 1024);
    expect(hash).toBe(await written);
    // Some 7,000 packets: numbers were left out, by which ACKs that are made up would have been found out.
    const { session } = client;
    const numbers = session?.established.keys.nextNumber() ?? 0;
    expect(numbers - (session?.stats().packetsSent ?? 0)).toBeGreaterThanOrEqual(3);
  });

  it("does not change bytes whose buffer the writer uses again once they were taken", async () => {
    const { server, client } = await pair();
    echo(server);
    const stream = client.openStream();
    const buffer = Buffer.alloc(20_000);
    const writing = (async () => {
      for (let turn = 0; turn < 50; turn++) {
        buffer.fill(turn);
        await new Promise<void>((resolve) => stream.write(buffer, () => resolve()));
      }
      stream.end();
    })();
    const came = await whole(stream);
    await writing;
    const expected = Buffer.concat(Array.from({ length: 50 }, (_, turn) => Buffer.alloc(20_000, turn)));
    expect(came.equals(expected)).toBe(true);
  });

  it("tells the other end the code with which it was aborted", async () => {
    const { server, client } = await pair();
    const arriving = nextSession(server).then(nextStream);
    const stream = client.openStream();
    stream.write("x");
    const served = await arriving;
    const failed = once(served, "error");
    served.resume();
    stream.abort(5);
    const [error] = (await failed) as [UdpackError];
    expect(error).toBeInstanceOf(UdpackError);
    expect(error).toMatchObject({ code: "stream_reset", streamCode: 5 });
  });

  it("delivers everything up to the end before it says that the peer takes no more", async () => {
    const { server, client } = await pair();
    const arriving = nextSession(server).then(nextStream);
    const stream = client.openStream();
    stream.write("unread");
    const served = await arriving;
    served.end("the whole answer", () => served.destroy());
    const got: string[] = [];
    const failed = once(stream, "error");
    stream.on("data", (data) => got.push(String(data)));
    const [error] = (await failed) as [UdpackError];
    expect(got.join("")).toBe("the whole answer");
    expect(error.code).toBe("stream_stopped");
  });

  it("refuses a stream that the peer may not open", async () => {
    const { server, client } = await pair();
    const seen = nextSession(server);
    client.openStream().write("x");
    const session = await seen;
    // The client announced that it takes none: the wait of five seconds is the server's own.
    const stream = session.openStream();
    const [error] = (await once(stream, "error")) as [UdpackError];
    expect(error.code).toBe("streams_exhausted");
  }, 10_000);

  it("aborts streams where nobody listens for them", async () => {
    const { client } = await pair();
    const stream = client.openStream();
    stream.write("x");
    stream.resume();
    const [error] = (await once(stream, "error")) as [UdpackError];
    expect(error).toMatchObject({ code: "stream_reset", streamCode: 1 });
  });

  it("carries datagrams that belong to a stream, both ways", async () => {
    const { server, client } = await pair();
    const arriving = nextSession(server);
    const stream = client.openStream();
    stream.write("association");
    const session = await arriving;
    await nextStream(session).then((served) => served.resume());
    const at = once(session, "datagram");
    client.session?.sendDatagram(stream.id ?? -1, { host: "192.0.2.1", port: 53 }, Buffer.from("query"));
    const [association, address, data] = await at;
    expect([association, address, String(data)]).toEqual([
      stream.id,
      { host: "192.0.2.1", port: 53 },
      "query",
    ]);
    const back = client.session && once(client.session, "datagram");
    session.sendDatagram(association, undefined, Buffer.alloc(5_000, 3));
    const [, none, large] = (await back) ?? [];
    expect(none).toBeUndefined();
    expect((large as Buffer).equals(Buffer.alloc(5_000, 3))).toBe(true);
    expect(client.session?.sendDatagram(4_000, undefined, Buffer.from("no such stream"))).toBe(false);
  });

  it("ends with the session, and says how that ended", async () => {
    const { server, client } = await pair();
    const arriving = nextSession(server);
    const stream = client.openStream();
    stream.write("x");
    const session = await arriving;
    const failed = once(stream, "error");
    session.close("refused", "not any more");
    const [error] = (await failed) as [UdpackError];
    expect(error).toMatchObject({ code: "session_closed", closeCode: "refused" });
  });
});

describe("UdpackSession.stats", () => {
  it("tells round-trip time, window, rate, loss, repeated bytes, size and engine", async () => {
    const { server, client } = await pair();
    echo(server);
    const stream = client.openStream();
    const reading = digest(stream);
    await upload(stream, 1024 * 1024);
    expect((await reading).bytes).toBe(1024 * 1024);
    const stats = client.session?.stats();
    expect(stats).toMatchObject({ engine: "portable", mtu: 1_200, remote: server.address });
    expect(stats?.rttMs).toBeGreaterThan(0);
    expect(stats?.windowBytes).toBeGreaterThan(0);
    expect(stats?.deliveryRate).toBeGreaterThan(0);
    expect(stats?.bytesSent).toBeGreaterThan(1024 * 1024);
    expect(stats?.bytesReceived).toBeGreaterThan(1024 * 1024);
    expect(stats?.loss).toBeLessThan(0.5);
    expect(stats?.retransmittedBytes).toBeGreaterThanOrEqual(0);
  });
});
