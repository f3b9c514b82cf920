// Receiving streams: order, credit, final sizes, and bounded memory whatever a peer sends.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ReceiveStream } from "../../../../relay/udpack/streams/receive.ts";
import { ReceiveCredit } from "../../../../relay/udpack/streams/receive-credit.ts";
import { UDPACK_STREAM_LIMITS } from "../../../../shared/limits.ts";

function creditOf(maxStreamData = 65_536, maxStreams = 1): ReceiveCredit {
  return new ReceiveCredit({ maxData: maxStreamData * maxStreams, maxStreamData, maxStreams });
}

function readAll(stream: ReceiveStream): { bytes: Buffer; ended: boolean } {
  const parts: Uint8Array[] = [];
  for (;;) {
    const part = stream.read();
    if (part === undefined || part === null) return { bytes: Buffer.concat(parts), ended: part === null };
    parts.push(part);
  }
}

/** A content that shows where each byte belongs. */
const content = Buffer.from(Uint8Array.from({ length: 20_000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff));

describe("ReceiveStream", () => {
  it("delivers exactly the stream, whatever way its segments are cut, repeated, overlapped and reordered", () => {
    const segment = fc.record({ at: fc.nat(content.length), length: fc.nat(3_000) });
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 30 }), fc.nat(5), (segments, readEvery) => {
        const stream = new ReceiveStream(creditOf());
        const got: Buffer[] = [];
        const give = (at: number, length: number) => {
          const end = Math.min(content.length, at + length);
          // The packet's memory is used again right after the call.
          const data = new Uint8Array(content.subarray(at, end));
          expect(stream.receive(at, data, end === content.length, 0)).toBeUndefined();
          data.fill(0xee);
        };
        segments.forEach(({ at, length }, i) => {
          give(at, length);
          if (i % 6 === readEvery) got.push(readAll(stream).bytes);
        });
        for (let at = 0; at < content.length; at += 1_152) give(at, 1_152);
        const { bytes, ended } = readAll(stream);
        got.push(bytes);
        expect(ended).toBe(true);
        expect(stream.done).toBe(true);
        expect(Buffer.concat(got).equals(content)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it("never changes bytes that were read, whatever the peer repeats", () => {
    const stream = new ReceiveStream(creditOf());
    stream.receive(0, Uint8Array.of(1, 2, 3), false, 0);
    const first = stream.read();
    stream.receive(0, Uint8Array.of(9, 9, 9, 4), false, 0);
    expect(first).toEqual(Uint8Array.of(1, 2, 3));
    expect(stream.read()).toEqual(Uint8Array.of(4));
  });

  it("refuses data beyond its credit, and beyond that of the session", () => {
    const stream = new ReceiveStream(creditOf(1_000));
    expect(stream.receive(990, new Uint8Array(10), false, 0)).toBeUndefined();
    expect(stream.receive(990, new Uint8Array(11), false, 0)).toBe("flow_control");
    const credit = creditOf(1_000, 1);
    credit.advertised = 1_500;
    const [a, b] = [new ReceiveStream(credit), new ReceiveStream(credit)];
    expect(a.receive(0, new Uint8Array(1_000), false, 0)).toBeUndefined();
    expect(b.receive(0, new Uint8Array(501), false, 0)).toBe("flow_control");
  });

  it("refuses another end than the first one, and data behind it", () => {
    const stream = new ReceiveStream(creditOf());
    expect(stream.receive(5, new Uint8Array(5), true, 0)).toBeUndefined();
    expect(stream.receive(5, new Uint8Array(4), true, 0)).toBe("final_size");
    expect(stream.receive(10, new Uint8Array(1), false, 0)).toBe("final_size");
    expect(stream.reset(1, 11)).toBe("final_size");
    const late = new ReceiveStream(creditOf());
    late.receive(0, new Uint8Array(10), false, 0);
    expect(late.receive(0, new Uint8Array(5), true, 0)).toBe("final_size");
  });

  it("ends by RESET without delivering what is left, unless everything had come", () => {
    const stream = new ReceiveStream(creditOf());
    stream.receive(0, new Uint8Array(10), false, 0);
    expect(stream.reset(7, 20)).toBeUndefined();
    expect(stream.resetCode).toBe(7);
    expect(stream.read()).toBeUndefined();
    expect(stream.done).toBe(true);
    const whole = new ReceiveStream(creditOf());
    whole.receive(0, new Uint8Array(10), true, 0);
    whole.reset(7, 10);
    expect(readAll(whole)).toEqual({ bytes: Buffer.alloc(10), ended: true });
  });

  it("refuses to keep more gaps than the session allows, but always takes what comes next in order", () => {
    const credit = creditOf(4 * 1024 * 1024);
    const stream = new ReceiveStream(credit);
    const one = Uint8Array.of(1);
    let refused = 0;
    for (let i = 1; i < 2 * UDPACK_STREAM_LIMITS.GAPS_MAX; i++)
      if (stream.receive(2 * i, one, false, 0) === "refused") refused++;
    expect(refused).toBe(UDPACK_STREAM_LIMITS.GAPS_MAX - 1);
    expect(credit.gapsLeft).toBe(0);
    expect(stream.receive(0, new Uint8Array(3), false, 0)).toBeUndefined();
    expect(credit.gapsLeft).toBe(1);
    expect(readAll(stream).bytes).toHaveLength(3);
    stream.discard();
    expect(credit.gapsLeft).toBe(UDPACK_STREAM_LIMITS.GAPS_MAX);
  });

  it("takes memory in proportion to its credit when bytes come far apart", () => {
    const stream = new ReceiveStream(creditOf(1024 * 1024));
    const before = process.memoryUsage().arrayBuffers;
    for (let at = 1; at < 1024 * 1024; at += 1_024) stream.receive(at, Uint8Array.of(1), false, 0);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1.5 * 1024 * 1024);
  });
});

describe("ReceiveStream.renew", () => {
  /** Fills and reads `bytes` of a stream at `now`; whether more was granted. */
  function consume(stream: ReceiveStream, state: { at: number }, bytes: number, now: number): boolean {
    stream.receive(state.at, new Uint8Array(bytes), false, now);
    state.at += bytes;
    readAll(stream);
    const { limit } = stream;
    stream.renew(now, 50);
    return stream.limit > limit;
  }

  it("grants more when half of the window is read, and more still where that took little time", () => {
    const stream = new ReceiveStream(creditOf());
    const state = { at: 0 };
    expect(consume(stream, state, 20_000, 0)).toBe(false);
    expect(stream.limit).toBe(65_536);
    expect(consume(stream, state, 20_000, 50)).toBe(true);
    expect(stream.limit).toBe(40_000 + 4 * 65_536);
    for (let i = 1; i <= 200; i++) consume(stream, state, 10_000, i * 1_000);
    expect(stream.limit - state.at).toBeLessThanOrEqual(4 * 65_536);
  });

  it("grants more still where a loss held the reader up, but not the peer", () => {
    const stream = new ReceiveStream(creditOf());
    stream.receive(1, new Uint8Array(65_000), false, 0);
    stream.receive(0, new Uint8Array(1), false, 1_000);
    readAll(stream);
    stream.renew(1_001, 50);
    expect(stream.limit).toBe(65_001 + 4 * 65_536);
  });

  it("leaves the window of a slow reader as it is, and grants nothing while nothing is read", () => {
    const stream = new ReceiveStream(creditOf());
    stream.receive(0, new Uint8Array(60_000), false, 0);
    readAll(stream);
    stream.renew(10_000, 50);
    expect(stream.limit).toBe(60_000 + 65_536);
    stream.receive(60_000, new Uint8Array(65_000), false, 10_000);
    expect(stream.wantsRenewal).toBe(false);
    stream.renew(10_001, 50);
    expect(stream.limit).toBe(60_000 + 65_536);
  });

  it("never grants a session more than its bound", () => {
    const credit = creditOf(65_536, 100);
    const streams = Array.from({ length: 100 }, () => ({
      stream: new ReceiveStream(credit),
      at: 0,
      limit: 0,
    }));
    for (let round = 0; round < 14; round++)
      for (const entry of streams) {
        const bytes = Math.min(entry.stream.limit - entry.at, 400_000);
        entry.stream.receive(entry.at, new Uint8Array(bytes), false, round);
        entry.at += bytes;
        readAll(entry.stream);
        entry.stream.renew(round, 50);
      }
    const outstanding = streams.reduce((sum, { stream, at }) => sum + stream.limit - at, 0);
    expect(outstanding).toBeGreaterThan(UDPACK_STREAM_LIMITS.GROWN_BYTES_MAX / 2);
    expect(outstanding).toBeLessThanOrEqual(UDPACK_STREAM_LIMITS.GROWN_BYTES_MAX + 100 * 65_536);
    expect(credit.advertised).toBeGreaterThanOrEqual(
      streams.reduce((sum, { stream }) => sum + stream.limit, 0),
    );
  });
});
