// The session machine: streams over it, and what it repeats.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FixedRate } from "../../../../relay/udpack/congestion/fixed.ts";
import { writeAck } from "../../../../relay/udpack/wire/frame-writers.ts";
import { decodeFrames, FRAME, type FrameVisitor } from "../../../../relay/udpack/wire/frames.ts";
import { UDPACK_STREAM_LIMITS } from "../../../../shared/limits.ts";
import { End, framesOf, PARAMETERS, type Packet, pair, settle, withStream } from "./pair.ts";

describe("Session: streams", () => {
  it("carries bytes both ways, half-closes, and forgets the stream when all is acknowledged", () => {
    const { client, server, id } = withStream();
    let now = settle({ client, server }, 0);
    expect(server.news()).toEqual([`opened ${id}`, `readable ${id}`]);
    expect(server.read(id)).toBe("hello");
    client.session.end(id);
    now = settle({ client, server }, now);
    expect(server.read(id)).toBe("$");
    server.session.write(id, Buffer.from("answer"));
    server.session.end(id);
    now = settle({ client, server }, now);
    expect(client.read(id)).toBe("answer$");
    settle({ client, server }, now);
    expect(client.news()).toEqual([`readable ${id}`, `finished ${id}`]);
    expect(server.news()).toEqual([`readable ${id}`, `finished ${id}`]);
    expect(client.session.stats().streams + server.session.stats().streams).toBe(0);
  });

  it("opens even ids for the client and odd ones for the server, and all lower ones with a higher one", () => {
    const { client, server } = pair();
    expect([client.session.openStream(), client.session.openStream()]).toEqual([0, 2]);
    expect(server.session.openStream()).toBe(1);
    client.session.write(2, Buffer.from("x"));
    settle({ client, server }, 0);
    expect(server.news()).toEqual(["opened 0", "opened 2", "readable 2"]);
  });

  it("opens no more streams than allowed, and tells when one more is", () => {
    const { client, server } = pair();
    const ids = Array.from({ length: 10 }, () => client.session.openStream());
    expect(client.session.openStream()).toBeUndefined();
    for (const id of ids) client.session.reset(id ?? -1, 0);
    for (const id of ids) client.session.stop(id ?? -1, 0);
    let now = settle({ client, server }, 0);
    for (const id of ids) server.session.end(id ?? -1);
    now = settle({ client, server }, now);
    expect(client.news()).toContain("available");
    expect(client.session.openStream()).toBe(20);
  });

  it("takes no more than has room, and tells when there is some again", () => {
    const { client, server, id } = withStream("");
    const large = Buffer.alloc(2 * UDPACK_STREAM_LIMITS.UNSENT_BYTES_MAX);
    const taken = client.session.write(id, large);
    expect(taken).toBe(UDPACK_STREAM_LIMITS.UNSENT_BYTES_MAX);
    expect(client.session.write(id, large)).toBe(0);
    let now = 0;
    for (let i = 0; i < 100 && !client.told.includes(`writable ${id}`); i++) {
      now = settle({ client, server }, now);
      server.read(id);
    }
    expect(client.news()).toContain(`writable ${id}`);
    expect(client.session.write(id, large)).toBeGreaterThan(0);
  });

  it("does not let a stream that nobody reads hold up the others", () => {
    const { client, server } = pair();
    const [a = -1, b = -1] = [client.session.openStream(), client.session.openStream()];
    client.session.write(a, Buffer.alloc(200_000));
    let now = settle({ client, server }, 0);
    let got = 0;
    for (let i = 0; i < 20; i++) {
      client.session.write(b, Buffer.alloc(50_000));
      now = settle({ client, server }, now);
      got += server.read(b).length;
    }
    expect(got).toBe(20 * 50_000);
    expect(server.read(a)).toHaveLength(65_536);
  });

  it("never lets the window of a slow reader grow, though nothing comes while it waits", () => {
    const { client, server, id } = withStream("");
    let now = 0;
    for (let i = 0; i < 10; i++) {
      client.session.write(id, Buffer.alloc(200_000));
      now = settle({ client, server }, now);
      expect(server.read(id).length).toBeLessThanOrEqual(65_536);
      now += 10_000;
    }
  });

  it("ends a direction by RESET, and answers STOP with one", () => {
    const { client, server, id } = withStream();
    let now = settle({ client, server }, 0);
    server.session.stop(id, 5);
    now = settle({ client, server }, now);
    expect(client.news()).toEqual([`stopped ${id} 5`]);
    expect(client.session.write(id, Buffer.from("more"))).toBe(0);
    server.session.reset(id, 6);
    settle({ client, server }, now);
    expect(client.news()).toEqual([`reset ${id} 6`, `finished ${id}`]);
    expect(server.news()).toContain(`finished ${id}`);
  });

  it("lets new streams go first, and then each have its turn", () => {
    const { client, server } = pair();
    const [a = -1, b = -1] = [client.session.openStream(), client.session.openStream()];
    client.session.write(a, Buffer.alloc(60_000));
    server.take(client.pull(0), 10);
    client.take(server.pull(10), 20);
    const now = 20;
    client.session.write(b, Buffer.alloc(10));
    const ids: number[] = [];
    const visitor = new Proxy({} as FrameVisitor, {
      get: (_target, name) => (id: number) => name === "stream" && ids.push(id),
    });
    for (const { payload } of client.pull(now)) decodeFrames(payload, visitor);
    expect(ids[0]).toBe(b);
    expect(ids).toContain(a);
  });
});

describe("Session: a peer that leaves out acknowledgements", () => {
  it("is not sent more than can be kept, however much credit it grants", () => {
    const peer = { ...PARAMETERS, maxStreamData: 2 ** 31, maxData: 2 ** 40 };
    const client = new End({
      role: "client",
      peer,
      controller: () => new FixedRate({ rate: Number.POSITIVE_INFINITY }),
    });
    const id = client.session.openStream() ?? -1;
    const chunk = Buffer.alloc(64 * 1024);
    const largest = () => client.number - 1;
    // Acknowledges everything but the first packet, which is repeated again and again as the first of a batch.
    let now = 0;
    for (let i = 0; i < 3_000; i++) {
      while (client.session.write(id, chunk) === chunk.length);
      const first = client.number;
      const sent = client.pull(now);
      if (sent.length < 3) break;
      now += 1;
      const ack = Buffer.alloc(12 + 8);
      const source = { ranges: 1, start: () => first + 1, end: largest };
      client.take([{ number: i, payload: ack.subarray(0, writeAck(ack, 0, source, 0)) }], now);
    }
    const { bytesSent } = client.session.stats();
    expect(bytesSent).toBeGreaterThan(UDPACK_STREAM_LIMITS.HELD_BYTES_MAX);
    expect(bytesSent).toBeLessThan(1.1 * UDPACK_STREAM_LIMITS.HELD_BYTES_MAX);
  });
});

describe("Session: a peer that wants to cost time and memory", () => {
  it("has one ACK of a packet looked at, and no more", () => {
    const { client, server, id } = withStream("x".repeat(30_000));
    const sent = client.pull(0);
    const ack = Buffer.alloc(100);
    const acks = (numbers: number[]) => {
      let at = 0;
      for (const number of numbers)
        at = writeAck(ack, at, { ranges: 1, start: () => number, end: () => number }, 0);
      return ack.subarray(0, at);
    };
    expect(sent.length).toBeGreaterThan(20);
    client.take([{ number: 0, payload: acks([0, 1, 2]) }], 20);
    expect(client.session.stats().bytesDelivered).toBe(1_200);
    // Not even one for what was never sent, for which the first would end the session.
    client.take([{ number: 1, payload: acks([1, 5_000]) }], 20);
    expect(client.news()).toEqual([]);
    client.take([{ number: 2, payload: acks([5_000]) }], 20);
    expect(client.news()).toEqual(["closed ack_invalid "]);
    expect(server.session.stats().streams).toBe(0);
    expect(id).toBe(0);
  });

  it("makes nothing be kept for frames without data, wherever they say that they belong", () => {
    const own = { ...PARAMETERS, maxStreamData: 64 * 1024 * 1024, maxData: 640 * 1024 * 1024, maxStreams: 2 };
    const server = new End({ role: "server", own });
    const payload = Buffer.alloc(80 * 13);
    const before = process.memoryUsage().arrayBuffers;
    for (let number = 0; number < 12; number++) {
      for (let i = 0; i < 80; i++) {
        payload[i * 13] = FRAME.stream;
        payload.writeUIntBE((number * 80 + i) * 65_536 + 1, i * 13 + 5, 6);
      }
      server.take([{ number, payload }], 0);
    }
    expect(server.news()).toEqual(["opened 0"]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * 1024 * 1024);
  });
});

describe("Session: loss", () => {
  it("delivers everything once, whatever is lost and reordered", () => {
    const fate = fc.constantFrom("arrives", "arrives", "arrives", "lost", "late");
    fc.assert(
      fc.property(
        fc.array(fate, { minLength: 200, maxLength: 200 }),
        fc.integer({ min: 1, max: 4 }),
        (fates, count) => {
          const { client, server } = pair();
          const texts = Array.from({ length: count }, (_, i) => `${i}`.repeat(15_000 + i));
          const ids = texts.map((text) => {
            const id = client.session.openStream() ?? -1;
            client.session.write(id, Buffer.from(text));
            client.session.end(id);
            return id;
          });
          const got = new Map(ids.map((id) => [id, ""]));
          let late: Packet[] = [];
          let sent = 0;
          // From the 200th packet on nothing is lost, so that the end is certain.
          const through = (packets: Packet[]) => {
            const arriving = [...late];
            late = [];
            for (const packet of packets) {
              const what = fates[sent++] ?? "arrives";
              if (what === "late") late.push(packet);
              else if (what !== "lost") arriving.push(packet);
            }
            return arriving;
          };
          let now = 0;
          for (let i = 0; i < 5_000 && ![...got.values()].every((text) => text.endsWith("$")); i++) {
            const [up, down] = [client.pull(now), server.pull(now)];
            now += 5;
            server.take(through(up), now);
            client.take(down, now);
            for (const id of ids) got.set(id, (got.get(id) ?? "") + server.read(id));
            for (const { session } of [client, server])
              if (session.deadline(now) <= now) session.onTimeout(now);
          }
          expect([...got.values()]).toEqual(texts.map((text) => `${text}$`));
        },
      ),
      { numRuns: 40 },
    );
  });

  it("repeats RESET, STOP and the newest credit, but neither PING nor datagrams", () => {
    const { client, server, id } = withStream();
    let now = settle({ client, server }, 0);
    server.read(id);
    client.session.sendDatagram(id, undefined, Buffer.alloc(10));
    client.session.reset(id, 1);
    client.session.stop(id, 2);
    const lost = client.pull(now).flatMap(framesOf);
    expect(lost).toEqual(["reset", "stop", "datagram"]);
    now = client.session.deadline(now);
    client.session.onTimeout(now);
    expect(
      client
        .pull(now)
        .flatMap(framesOf)
        .filter((name) => name !== "ping"),
    ).toEqual(["reset", "stop"]);
  });

  it("refuses packets with more gaps than it can keep, so that they are sent again", () => {
    const own = { ...PARAMETERS, maxStreamData: 4 * 1024 * 1024, maxData: 40 * 1024 * 1024 };
    const server = new End({ role: "server", own });
    const { GAPS_MAX } = UDPACK_STREAM_LIMITS;
    const packet = (number: number): Packet => {
      // 80 segments of one byte with a hole before each.
      const payload = Buffer.alloc(80 * 14);
      for (let i = 0; i < 80; i++) {
        payload[i * 14] = FRAME.stream;
        payload.writeUIntBE(2 * (number * 80 + i) + 1, i * 14 + 5, 6);
        payload.writeUInt16BE(1, i * 14 + 11);
      }
      return { number, payload };
    };
    const count = Math.ceil(GAPS_MAX / 80) + 10;
    for (let number = 0; number < count; number++) server.take([packet(number)], 0);
    expect(server.news()).toEqual(["opened 0"]);
    let largest = -1;
    const visitor = new Proxy({} as FrameVisitor, {
      get: (_target, name) => (view: { largest: number }) => {
        if (name === "ack") largest = view.largest;
      },
    });
    for (const { payload } of server.pull(1)) decodeFrames(payload, visitor);
    expect(largest).toBe(Math.floor(GAPS_MAX / 80) - 1);
  });
});
