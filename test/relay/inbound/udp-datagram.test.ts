import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type DatagramPart,
  decodeDatagram,
  encodeDatagram,
  Reassembly,
} from "../../../relay/inbound/udp-datagram.ts";
import { RELAY_LIMITS } from "../../../shared/limits.ts";

function part(position: number, data: string, more: Partial<DatagramPart> = {}): DatagramPart {
  return { host: "192.0.2.1", port: 53, position, last: false, data: Buffer.from(data), ...more };
}

describe("decodeDatagram", () => {
  it.each([
    ["IPv4", [0, 0, 0, 1, 192, 0, 2, 1, 0, 53], "192.0.2.1"],
    ["IPv6", [0, 0, 0, 4, 0x20, 1, 0xd, 0xb8, ...new Array(11).fill(0), 1, 0, 53], "2001:db8::1"],
    ["a name", [0, 0, 0, 3, 3, 0x61, 0x2e, 0x62, 0, 53], "a.b"],
  ])("reads a datagram to %s", (_, header, host) => {
    expect(decodeDatagram(Buffer.from([...header, 7, 8]))).toEqual({
      host,
      port: 53,
      position: 0,
      last: false,
      data: Buffer.from([7, 8]),
    });
  });

  it("tells a fragment's position and end", () => {
    const header = [0, 0, 0x83, 1, 192, 0, 2, 1, 0, 53];
    expect(decodeDatagram(Buffer.from(header))).toMatchObject({ position: 3, last: true });
  });

  it("refuses every header that is cut short, and unknown address types", () => {
    const whole = [0, 0, 0, 3, 3, 0x61, 0x2e, 0x62, 0, 53];
    for (let length = 0; length < whole.length; length++) {
      expect(decodeDatagram(Buffer.from(whole.slice(0, length)))).toBeUndefined();
    }
    expect(decodeDatagram(Buffer.from([0, 0, 0, 2, 1, 1, 1, 1, 0, 53]))).toBeUndefined();
    expect(decodeDatagram(Buffer.from([0, 0, 0, 3, 0, 0, 53]))).toBeUndefined();
  });

  it("never throws, and reads what `encodeDatagram` wrote", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => void decodeDatagram(Buffer.from(bytes))),
    );
    const address = fc.oneof(
      fc.ipV4(),
      fc.ipV6().filter((text) => !text.includes(".")),
    );
    fc.assert(
      fc.property(address, fc.nat(65_535), fc.uint8Array({ maxLength: 100 }), (host, port, bytes) => {
        const data = Buffer.from(bytes);
        const read = decodeDatagram(encodeDatagram({ address: host, port }, data));
        expect(read).toMatchObject({ port, data, position: 0 });
      }),
      { numRuns: 200 },
    );
  });
});

describe("Reassembly", () => {
  it("passes whole datagrams through, even in the middle of a sequence", () => {
    const reassembly = new Reassembly();
    reassembly.add(part(1, "a"), 0);
    expect(reassembly.add(part(0, "whole"), 0)).toMatchObject({ data: Buffer.from("whole") });
    expect(reassembly.add(part(2, "b", { last: true }), 0)).toMatchObject({ data: Buffer.from("ab") });
  });

  it("puts a sequence together in order", () => {
    const reassembly = new Reassembly();
    expect(reassembly.add(part(1, "one "), 0)).toBeUndefined();
    expect(reassembly.add(part(2, "two "), 0)).toBeUndefined();
    expect(reassembly.add(part(3, "three", { last: true }), 0)).toEqual({
      host: "192.0.2.1",
      port: 53,
      data: Buffer.from("one two three"),
    });
    expect(reassembly.add(part(1, "alone", { last: true }), 0)).toMatchObject({ data: Buffer.from("alone") });
  });

  it.each([
    ["a gap", [part(1, "a"), part(3, "c", { last: true })]],
    ["a step back", [part(1, "a"), part(2, "b"), part(3, "c"), part(2, "b"), part(4, "d", { last: true })]],
    ["another target", [part(1, "a"), part(2, "b", { port: 54, last: true })]],
    ["a middle without a beginning", [part(2, "b", { last: true })]],
    ["position 0 marked as the end", [part(0, "x", { last: true })]],
  ])("gives a sequence up after %s", (_, parts) => {
    const reassembly = new Reassembly();
    expect(parts.map((each) => reassembly.add(each, 0)).filter((each) => each !== undefined)).toEqual([]);
  });

  it("passes over a repeated fragment", () => {
    const reassembly = new Reassembly();
    for (const each of [part(1, "a"), part(1, "a"), part(2, "b"), part(2, "b")]) reassembly.add(each, 0);
    expect(reassembly.add(part(3, "c", { last: true }), 0)?.data.toString()).toBe("abc");
  });

  it("forgets a sequence that takes longer than its time", () => {
    const reassembly = new Reassembly();
    reassembly.add(part(1, "a"), 1_000);
    const late = 1_001 + RELAY_LIMITS.FRAGMENTS_TIMEOUT_MS;
    expect(reassembly.add(part(2, "b", { last: true }), late)).toBeUndefined();
  });

  it("never makes more than a datagram can hold", () => {
    const reassembly = new Reassembly();
    const data = "x".repeat(1_000);
    for (let position = 1; position < 100; position++) reassembly.add(part(position, data), 0);
    expect(reassembly.add(part(100, data, { last: true }), 0)).toBeUndefined();
  });

  it("never throws, whatever comes in whatever order", () => {
    const piece = fc.record({
      position: fc.nat(127),
      last: fc.boolean(),
      port: fc.nat(2),
      now: fc.nat(20_000),
    });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const reassembly = new Reassembly();
        for (const { position, last, port, now } of pieces) {
          const whole = reassembly.add(part(position, "xy", { last, port }), now);
          expect((whole?.data.length ?? 0) % 2).toBe(0);
        }
      }),
    );
  });
});
