// The memory that a session promises its peer: first windows and what they grow by have bounds of their own, so that neither
// keeps the other waiting.

import { describe, expect, it } from "vitest";
import { ReceiveStream } from "../../../../relay/udpack/streams/receive.ts";
import { ReceiveCredit } from "../../../../relay/udpack/streams/receive-credit.ts";
import {
  UDPACK_ENDPOINT_LIMITS,
  UDPACK_STREAM_LIMITS,
  UDPACK_TUNNEL_LIMITS,
} from "../../../../shared/limits.ts";
import { End, framesOf, PARAMETERS, pair, settle } from "../session/pair.ts";

const MAX_STREAM_DATA = 65_536;

/** Credit of a server of the tunnel. */
function tunnelCredit(): ReceiveCredit {
  const maxStreams = UDPACK_TUNNEL_LIMITS.STREAMS_MAX;
  return new ReceiveCredit({
    maxData: MAX_STREAM_DATA * maxStreams,
    maxStreamData: MAX_STREAM_DATA,
    maxStreams,
  });
}

/** Reads `bytes` of a stream as promptly as can be. */
function read(stream: ReceiveStream, bytes: number): void {
  for (let at = 0; at < bytes; ) {
    const length = Math.min(stream.limit - at, bytes - at);
    expect(length).toBeGreaterThan(0);
    stream.receive(at, new Uint8Array(length), false, 0);
    at += length;
    while (stream.read()) stream.renew(0, 50);
    stream.renew(0, 50);
  }
}

describe("ReceiveCredit", () => {
  it("lets windows grow though the peer may open as many streams as the tunnel allows", () => {
    const stream = new ReceiveStream(tunnelCredit());
    read(stream, 8 * 1024 * 1024);
    expect(stream.limit - 8 * 1024 * 1024).toBeGreaterThan(2 * 1024 * 1024);
  });

  it("leaves room for streams of this side, however large windows have grown", () => {
    const credit = tunnelCredit();
    read(new ReceiveStream(credit), 400 * 1024 * 1024);
    for (let i = 0; i < UDPACK_ENDPOINT_LIMITS.OWN_STREAMS_AHEAD; i++) {
      expect(credit.hasRoom).toBe(true);
      credit.addStream();
    }
  });

  it("gets back what a window had grown by when its stream is given up, once", () => {
    const credit = tunnelCredit();
    for (let i = 0; i < 20; i++) {
      const stream = new ReceiveStream(credit);
      if (i > 0) credit.addStream();
      read(stream, 32 * 1024 * 1024);
      expect(stream.limit - 32 * 1024 * 1024).toBeGreaterThan(8 * 1024 * 1024);
      stream.discard();
      stream.reset(1, 32 * 1024 * 1024);
      stream.discard();
    }
    expect(credit.grow(UDPACK_STREAM_LIMITS.GROWN_BYTES_MAX)).toBe(true);
    expect(credit.grow(1)).toBe(false);
  });
});

describe("ReceiveStream.begin", () => {
  const MIB = 1024 * 1024;

  /** How much a stream that begins now may send at first. */
  function firstWindow(credit: ReceiveCredit): number {
    credit.addStream();
    const stream = new ReceiveStream(credit);
    const before = stream.limit;
    expect(stream.begin()).toBe(stream.limit > before);
    return stream.limit;
  }

  it("grants what a reader before it has earned, up to a bound", () => {
    const credit = tunnelCredit();
    expect(firstWindow(credit)).toBe(MAX_STREAM_DATA);
    read(new ReceiveStream(credit), 2 * MAX_STREAM_DATA);
    expect(firstWindow(credit)).toBe(4 * MAX_STREAM_DATA);
    const long = new ReceiveStream(credit);
    read(long, 16 * MIB);
    long.discard();
    expect(firstWindow(credit)).toBe(MIB);
  });

  it("grants less once a reader has left its window unread", () => {
    const credit = tunnelCredit();
    const prompt = new ReceiveStream(credit);
    read(prompt, 16 * MIB);
    prompt.discard();
    const slow = new ReceiveStream(credit);
    slow.begin();
    slow.receive(0, new Uint8Array(MIB), false, 0);
    while (slow.read());
    slow.renew(1_000, 50);
    expect(firstWindow(credit)).toBe(MIB / 2);
    const stream = new ReceiveStream(credit);
    stream.receive(0, new Uint8Array(MAX_STREAM_DATA), false, 0);
    while (stream.read());
    stream.renew(1_000, 50);
    expect(firstWindow(credit)).toBe(MAX_STREAM_DATA);
  });

  it("leaves half of what windows may grow by to those that prove to need it", () => {
    const credit = tunnelCredit();
    read(new ReceiveStream(credit), 2 * MAX_STREAM_DATA);
    let larger = 0;
    for (let i = 0; i < 500; i++) if (firstWindow(credit) > MAX_STREAM_DATA) larger++;
    expect(larger).toBeGreaterThan(100);
    expect(larger).toBeLessThan(500);
    expect(credit.grow(UDPACK_STREAM_LIMITS.GROWN_BYTES_MAX / 2)).toBe(true);
  });

  it("gives back all of it with the stream", () => {
    const credit = tunnelCredit();
    const earning = new ReceiveStream(credit);
    read(earning, 16 * MIB);
    earning.discard();
    for (let i = 0; i < 500; i++) {
      credit.addStream();
      const stream = new ReceiveStream(credit);
      expect(stream.begin(), String(i)).toBe(true);
      stream.discard();
      stream.reset(1, 0);
    }
    expect(credit.grow(UDPACK_STREAM_LIMITS.GROWN_BYTES_MAX)).toBe(true);
  });
});

describe("Session.openStream", () => {
  it("grants what earlier downloads have earned with the stream's first packet", () => {
    const part = new Uint8Array(16 * 1024);
    const left = new Map<number, number>();
    const client = new End(
      { role: "client" },
      {
        streamReadable(id) {
          received += client.read(id).length;
        },
      },
    );
    let received = 0;
    const server = new End(
      { role: "server" },
      {
        streamOpened(id) {
          left.set(id, 1024 * 1024);
          write(id);
        },
        streamWritable: write,
      },
    );
    function write(id: number): void {
      for (;;) {
        const bytes = Math.min(left.get(id) ?? 0, part.length);
        const taken = server.session.write(id, part.subarray(0, bytes));
        left.set(id, (left.get(id) ?? 0) - taken);
        if (taken === 0) break;
      }
      if (left.get(id) === 0) server.session.end(id);
    }
    let now = 0;
    /** The frames of a download's request. */
    function download(): string[] {
      const id = client.session.openStream() ?? -1;
      client.session.write(id, Buffer.from("GET"));
      const request = client.pull(now);
      server.take(request, now);
      now = settle({ client, server }, now);
      return request.flatMap(framesOf);
    }
    expect(download()).toEqual(["stream"]);
    expect(download()).toEqual(["maxStreamData", "stream"]);
    // With the mark of each end.
    expect(received).toBe(2 * (1024 * 1024 + 1));
  });
});

describe("Session: memory that either side's streams may have", () => {
  it("lets the peer open another stream as soon as one of this side's gives its memory back", () => {
    const own = {
      ...PARAMETERS,
      maxStreams: 1,
      maxStreamData: UDPACK_STREAM_LIMITS.FIRST_WINDOWS_BYTES_MAX / 2,
    };
    const { client, server } = pair({ peer: own }, { own });
    const [mine = -1] = [server.session.openStream()];
    const id = client.session.openStream() ?? -1;
    client.session.end(id);
    let now = settle({ client, server }, 0);
    expect(server.read(id)).toBe("$");
    // Takes what the client's stream has just given back.
    expect(server.session.openStream()).toBe(3);
    server.session.end(id);
    now = settle({ client, server }, now);
    expect(client.read(id)).toBe("$");
    now = settle({ client, server }, now);
    expect(client.session.openStream()).toBeUndefined();
    server.session.end(mine);
    now = settle({ client, server }, now);
    client.read(mine);
    client.session.end(mine);
    now = settle({ client, server }, now);
    server.read(mine);
    settle({ client, server }, now);
    expect(client.news()).toContain("available");
    expect(client.session.openStream()).toBe(2);
  });
});

describe("Notices", () => {
  it("tells the other streams' news although a listener throws", () => {
    const heard: number[] = [];
    const server = new End(
      { role: "server" },
      {
        streamOpened: (id) => {
          heard.push(id);
          if (id === 0) throw new Error("mine");
        },
      },
    );
    const client = new End({ role: "client" });
    for (let i = 0; i < 3; i++) client.session.write(client.session.openStream() ?? -1, Buffer.from("x"));
    expect(() => server.take(client.pull(0), 0)).toThrow("mine");
    server.session.batchEnd(1);
    expect(heard).toEqual([0, 2, 4]);
  });
});
