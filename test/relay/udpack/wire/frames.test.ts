// Frames of UDPack: what is written is read again, and no bytes throw.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  encodeDatagramAddress,
  readDatagramAddress,
} from "../../../../relay/udpack/wire/datagram-address.ts";
import {
  NO_ROOM,
  writeAck,
  writeClose,
  writeDatagram,
  writeMaxData,
  writeMaxStreamData,
  writeMaxStreams,
  writePath,
  writePing,
  writeReset,
  writeStop,
  writeStreamHeader,
} from "../../../../relay/udpack/wire/frame-writers.ts";
import { decodeFrames, FRAME, type FrameVisitor } from "../../../../relay/udpack/wire/frames.ts";

/** A visitor that notes every call as plain data. */
function recorder(): { visitor: FrameVisitor; calls: unknown[] } {
  const calls: unknown[] = [];
  const visitor: FrameVisitor = {
    ping: () => calls.push(["ping"]),
    ack: (ack) => {
      const ranges = Array.from({ length: ack.ranges }, (_, i) => [ack.start(i), ack.end(i)]);
      calls.push(["ack", ack.largest, ack.delayMs, ranges]);
    },
    reset: (...args) => calls.push(["reset", ...args]),
    stop: (...args) => calls.push(["stop", ...args]),
    maxData: (...args) => calls.push(["maxData", ...args]),
    maxStreamData: (...args) => calls.push(["maxStreamData", ...args]),
    maxStreams: (...args) => calls.push(["maxStreams", ...args]),
    datagram: ({ association, packetId, fragment, fragments, address, data }) =>
      calls.push([
        "datagram",
        association,
        packetId,
        fragment,
        fragments,
        readDatagramAddress(address),
        [...data],
      ]),
    pathChallenge: (data) => calls.push(["challenge", [...data]]),
    pathResponse: (data) => calls.push(["response", [...data]]),
    close: (...args) => calls.push(["close", ...args]),
    stream: (id, offset, data, fin) => calls.push(["stream", id, offset, [...data], fin]),
  };
  return { visitor, calls };
}

function read(bytes: Uint8Array): unknown[] | "malformed" {
  const { visitor, calls } = recorder();
  return decodeFrames(bytes, visitor) ? calls : "malformed";
}

/** Writes one frame into a buffer of just its size, after checking that one byte less is refused. */
function written(write: (into: Uint8Array, at: number) => number): Uint8Array {
  const large = new Uint8Array(2_000);
  const end = write(large, 3);
  expect(write(new Uint8Array(end - 1), 3)).toBe(NO_ROOM);
  return large.subarray(3, end);
}

const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffff_ffff);
const u48 = fc.nat(2 ** 48 - 1);
const eight = fc.uint8Array({ minLength: 8, maxLength: 8 });

describe("frame writers and decodeFrames", () => {
  it("agree on every control frame", () => {
    fc.assert(
      fc.property(u32, u16, u48, eight, (id, code, size, data) => {
        expect(read(written((b, at) => writeReset(b, at, id, code, size)))).toEqual([
          ["reset", id, code, size],
        ]);
        expect(read(written((b, at) => writeStop(b, at, id, code)))).toEqual([["stop", id, code]]);
        expect(read(written((b, at) => writeMaxData(b, at, size)))).toEqual([["maxData", size]]);
        expect(read(written((b, at) => writeMaxStreamData(b, at, id, size)))).toEqual([
          ["maxStreamData", id, size],
        ]);
        expect(read(written((b, at) => writeMaxStreams(b, at, id)))).toEqual([["maxStreams", id]]);
        expect(read(written((b, at) => writePath(b, at, FRAME.path_challenge, data)))).toEqual([
          ["challenge", [...data]],
        ]);
        expect(read(written((b, at) => writePath(b, at, FRAME.path_response, data)))).toEqual([
          ["response", [...data]],
        ]);
        expect(read(written(writePing))).toEqual([["ping"]]);
      }),
    );
  });

  it("agree on STREAM frames behind each other, with padding between", () => {
    fc.assert(
      fc.property(u32, u48, fc.uint8Array({ maxLength: 200 }), fc.boolean(), (id, offset, data, fin) => {
        const bytes = new Uint8Array(1_000);
        let at = 0;
        for (let i = 0; i < 2; i++) {
          at = writeStreamHeader(bytes, at, id, offset, data.length, fin);
          bytes.set(data, at);
          at += data.length + 1;
        }
        const frame = ["stream", id, offset, [...data], fin];
        expect(read(bytes)).toEqual([frame, frame]);
      }),
    );
  });

  it("agree on ACK ranges, and leave out the oldest that have no room", () => {
    const gaps = fc.array(fc.record({ gap: fc.nat(100_000), length: fc.nat(70_000) }), {
      minLength: 1,
      maxLength: 256,
    });
    fc.assert(
      fc.property(gaps, fc.integer({ min: 30, max: 1_165 }), fc.nat(200), (list, room, delayMs) => {
        let end = 2 ** 47;
        const ranges = list.map(({ gap, length }) => {
          const range = [end - length, end] as const;
          end -= length + gap + 2;
          return range;
        });
        const source = {
          ranges: ranges.length,
          start: (i: number) => ranges[i]?.[0] ?? 0,
          end: (i: number) => ranges[i]?.[1] ?? 0,
        };
        const bytes = new Uint8Array(room);
        const length = writeAck(bytes, 0, source, delayMs);
        const frames = read(bytes.subarray(0, length));
        expect(frames).toHaveLength(1);
        const told = frames[0]?.[3 as never] as unknown as unknown[];
        expect(frames[0]).toEqual(["ack", 2 ** 47, delayMs, ranges.slice(0, told.length)]);
        if (room > 2_000) expect(told).toHaveLength(ranges.length);
      }),
    );
  });

  it("refuse ACKs without ranges, with too many, and with ranges below zero", () => {
    const ack = (largest: number, count: number, ...varints: number[]) =>
      Uint8Array.of(FRAME.ack, 0, 0, 0, 0, 0, largest, 0, 0, 0, count >> 8, count & 0xff, ...varints);
    expect(read(ack(5, 0))).toBe("malformed");
    expect(read(ack(5, 1, 6))).toBe("malformed");
    expect(read(ack(5, 1, 5))).toEqual([["ack", 5, 0, [[0, 5]]]]);
    expect(read(ack(5, 2, 0, 4, 0))).toBe("malformed");
    expect(read(ack(5, 2, 0, 3, 0))).toEqual([
      [
        "ack",
        5,
        0,
        [
          [5, 5],
          [0, 0],
        ],
      ],
    ]);
    expect(read(ack(5, 257, ...new Array(513).fill(0)))).toBe("malformed");
    expect(read(ack(5, 2, 0, 1))).toBe("malformed");
  });

  it("agree on DATAGRAM frames with every kind of address", () => {
    const addresses = [
      undefined,
      { host: "192.0.2.7", port: 53 },
      { host: "2001:db8::1", port: 65_535 },
      { host: "name.example", port: 1 },
    ];
    for (const address of addresses) {
      const encoded = encodeDatagramAddress(address) ?? new Uint8Array();
      const header = { association: 7, packetId: 9, fragment: 1, fragments: 3, address: encoded };
      const bytes = written((b, at) => writeDatagram(b, at, header, Uint8Array.of(1, 2, 3)));
      expect(read(bytes)).toEqual([["datagram", 7, 9, 1, 3, address, [1, 2, 3]]]);
    }
  });

  it("refuse fragments outside of their set, and sets of none or more than 64", () => {
    const datagram = (fragment: number, fragments: number) =>
      Uint8Array.of(FRAME.datagram, 0, 0, 0, 1, 0, 1, fragment, fragments, 0, 0, 0);
    expect(read(datagram(0, 1))).toHaveLength(1);
    expect(read(datagram(63, 64))).toHaveLength(1);
    for (const bad of [datagram(0, 0), datagram(1, 1), datagram(0, 65)]) expect(read(bad)).toBe("malformed");
  });

  it("cut a CLOSE's reason at a character", () => {
    const bytes = new Uint8Array(10);
    expect(writeClose(bytes, 0, 4, "äöüß")).toBe(10);
    expect(read(bytes)).toEqual([["close", 4, "äöü"]]);
    expect(read(written((b, at) => writeClose(b.subarray(0, at + 4), at, 9, "")))).toEqual([
      ["close", 9, ""],
    ]);
  });

  it("refuse frames that are cut off, and unknown ones", () => {
    const whole = Uint8Array.of(FRAME.stream, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2);
    expect(read(whole)).toHaveLength(1);
    for (let length = 1; length < whole.length; length++)
      expect(read(whole.subarray(0, length))).toBe("malformed");
    for (const unknown of [0x0c, 0x0f, 0x12, 0xff])
      expect(read(Uint8Array.of(unknown, 0, 0, 0))).toBe("malformed");
  });

  it("never throw on any bytes, and tell nothing that lies beyond them", () => {
    const type = fc.constantFrom(...Object.values(FRAME));
    const bytes = fc.array(fc.tuple(type, fc.uint8Array({ maxLength: 40 })), { maxLength: 8 });
    fc.assert(
      fc.property(bytes, (parts) => {
        const payload = Buffer.concat(parts.flatMap(([first, rest]) => [Uint8Array.of(first), rest]));
        const { visitor } = recorder();
        const inside = (data: Uint8Array) =>
          expect(data.byteOffset + data.length).toBeLessThanOrEqual(payload.byteOffset + payload.length);
        decodeFrames(payload, { ...visitor, stream: (_id, _offset, data) => inside(data) });
      }),
      { numRuns: 2_000 },
    );
  });
});
