import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PACKET_LIMITS } from "../../../shared/limits.ts";
import {
  DATA_BYTES_MAX,
  dataHeadBytes,
  decodePacket,
  encodePacket,
  type PacketFields,
  writeDataHead,
} from "../../../shared/packet/codec.ts";
import { CODEC_PATH, generateCodec } from "../../support/packet-codec.ts";

const text = (max: number) => fc.string({ maxLength: max, unit: "grapheme" });
const u32 = fc.integer({ min: 1, max: 0xffff_ffff });

const anyPacket: fc.Arbitrary<PacketFields> = fc.record(
  {
    sid: text(16),
    cmd: fc.constantFrom("connect", "data", "terminate", "request", "response", "window", "datagram"),
    authority: fc.record({ domain: text(255), ip: text(45), port: u32, service: text(63) }),
    connect_res: fc.record({
      succeeded: fc.boolean(),
      local_address: text(45),
      local_port: u32,
      error_code: text(40),
    }),
    buf: fc.uint8Array({ maxLength: 400 }),
    reason: text(80),
    head: fc.record({
      method: text(20),
      url: text(80),
      status: u32,
      headers: fc.array(fc.record({ name: text(20), value: fc.uint8Array({ maxLength: 30 }) }), {
        maxLength: 5,
      }),
      upgrade: fc.boolean(),
    }),
    window: u32,
    code: text(40),
    opcode: u32,
    close_code: u32,
    hello: fc.record({
      version: u32,
      name: text(20),
      services: fc.array(text(20), { maxLength: 4 }),
      window: u32,
    }),
  },
  { requiredKeys: ["cmd"] },
);

/** A packet as data: without what has its default. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return value.length === 0 ? undefined : Buffer.from(value).toString("hex");
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(plain);
  if (typeof value !== "object" || value === null) return value || undefined;
  const entries = Object.entries(value).map(([key, entry]) => [key, plain(entry)] as const);
  return Object.fromEntries(entries.filter(([, entry]) => entry !== undefined));
}

describe("the generated codec", () => {
  it("is what packet.proto makes now", async () => {
    expect(await readFile(CODEC_PATH, "utf8")).toBe(await generateCodec());
  });
});

describe("decodePacket", () => {
  it("reads every packet that encodePacket writes", () => {
    fc.assert(
      fc.property(anyPacket, (packet) => {
        expect(plain(decodePacket(encodePacket(packet)))).toEqual(plain(packet));
      }),
      { numRuns: 300 },
    );
  });

  it("is undefined for what is no packet, and never throws", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decodePacket(bytes);
      }),
      { numRuns: 2_000 },
    );
    expect(decodePacket(Uint8Array.of(0x12, 200))).toBeUndefined();
    expect(decodePacket(Uint8Array.of(0x12, 1, 0xff))).toBeUndefined();
  });

  it("never throws for packets with one byte changed", () => {
    fc.assert(
      fc.property(anyPacket, fc.nat(), fc.integer({ min: 1, max: 255 }), (packet, place, change) => {
        const bytes = Uint8Array.from(encodePacket(packet));
        const at = place % bytes.length;
        bytes[at] = (bytes[at] ?? 0) ^ change;
        decodePacket(bytes);
      }),
      { numRuns: 2_000 },
    );
  });

  it("drops fields of later versions", () => {
    const later = Uint8Array.of(...encodePacket({ cmd: "terminate", code: "closed" }), 0xf8, 0x06, 0x01);
    expect(plain(decodePacket(later))).toEqual({ cmd: "terminate", code: "closed" });
  });

  it("takes a plain data packet as a view of its bytes", () => {
    const bytes = encodePacket({ cmd: "data", buf: Uint8Array.of(1, 2, 3) });
    const packet = decodePacket(bytes);
    expect(packet).toMatchObject({ cmd: "data", sid: "", authority: null });
    expect(packet?.buf.buffer).toBe(bytes.buffer);
    expect([...(packet?.buf ?? [])]).toEqual([1, 2, 3]);
  });

  it("refuses more than a packet may have", () => {
    const bytes = new Uint8Array(PACKET_LIMITS.PACKET_BYTES_MAX + 1);
    expect(decodePacket(bytes)).toBeUndefined();
    expect(() => encodePacket({ cmd: "data", buf: bytes })).toThrow(RangeError);
  });

  it("does not follow messages in messages without end", () => {
    let bytes: Uint8Array = Uint8Array.of();
    for (let depth = 0; depth < 2_000; depth++) bytes = Uint8Array.of(0xfb, 0x06, ...bytes);
    expect(decodePacket(bytes)).toBeUndefined();
  });
});

describe("writeDataHead", () => {
  it("writes what the generated codec writes before the content", () => {
    for (const length of [1, 127, 128, 16_383, 16_384, DATA_BYTES_MAX]) {
      const whole = encodePacket({ cmd: "data", buf: new Uint8Array(length).fill(9) });
      const into = new Uint8Array(20);
      const end = writeDataHead(into, 3, length);
      expect(end - 3).toBe(dataHeadBytes(length));
      expect(into.subarray(3, end)).toEqual(new Uint8Array(whole.subarray(0, whole.length - length)));
    }
  });
});
