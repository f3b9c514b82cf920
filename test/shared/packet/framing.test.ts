import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PACKET_LIMITS } from "../../../shared/limits.ts";
import { DATA_BYTES_MAX, type ReadPacket } from "../../../shared/packet/codec.ts";
import { frameDataHead, framePacket, PacketReader } from "../../../shared/packet/framing.ts";

/** What a reader found: runs of data as one text, other packets by cmd and code. */
function recording() {
  const found: string[] = [];
  let data = "";
  const flush = (): void => {
    if (data !== "") found.push(`data ${data}`);
    data = "";
  };
  const reader = new PacketReader({
    data: (bytes) => {
      data += Buffer.from(bytes).toString("hex");
    },
    packet: ({ cmd, code, authority }: ReadPacket) => {
      flush();
      found.push(`${cmd} ${code} ${authority?.domain ?? ""}`);
    },
  });
  const all = (): string[] => {
    flush();
    return found;
  };
  return { reader, found: all };
}

function dataFrame(bytes: Uint8Array): Uint8Array {
  return Uint8Array.of(...frameDataHead(bytes.length), ...bytes);
}

const frames = fc.array(
  fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 300 }).map(dataFrame),
    fc.uint8Array({ maxLength: 20 }).map((buf) => framePacket({ cmd: "data", buf, sid: "1" })),
    fc.uint8Array({ maxLength: 20 }).map((buf) => framePacket({ cmd: "data", buf })),
    fc.string({ maxLength: 60 }).map((code) => framePacket({ cmd: "terminate", code })),
    fc.string({ maxLength: 8 }).map((code) => framePacket({ code })),
    fc.string({ maxLength: 60 }).map((domain) => framePacket({ cmd: "connect", authority: { domain } })),
  ),
  { maxLength: 8 },
);

function fedAs(bytes: Uint8Array, pieces: readonly number[]): string[] {
  const { reader, found } = recording();
  let at = 0;
  for (const piece of pieces) {
    expect(reader.feed(bytes.subarray(at, at + piece))).toBe(true);
    at += piece;
  }
  expect(reader.feed(bytes.subarray(at))).toBe(true);
  expect(reader.isBetween).toBe(true);
  return found();
}

describe("PacketReader", () => {
  it("finds the same in a stream whole, in pieces and byte by byte", () => {
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 40 }), (list, pieces) => {
        const bytes = Uint8Array.from(Buffer.concat(list));
        const whole = fedAs(bytes, []);
        expect(fedAs(bytes, pieces)).toEqual(whole);
        expect(
          fedAs(
            bytes,
            Array.from(bytes, () => 1),
          ),
        ).toEqual(whole);
      }),
      { numRuns: 300 },
    );
  });

  it("never throws on any bytes, whatever the pieces", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 20 }), (pieces) => {
        const { reader } = recording();
        for (const piece of pieces) reader.feed(piece);
      }),
      { numRuns: 1_000 },
    );
  });

  it("hands content on before all of its packet is there, without copying it", () => {
    const seen: Uint8Array[] = [];
    const reader = new PacketReader({ data: (bytes) => seen.push(bytes), packet: () => undefined });
    const chunk = dataFrame(new Uint8Array(1_000)).subarray(0, 500);
    reader.feed(chunk);
    expect(seen.reduce((sum, { length }) => sum + length, 0)).toBe(500 - frameDataHead(1_000).length);
    expect(seen[0]?.buffer).toBe(chunk.buffer);
    expect(reader.isBetween).toBe(false);
  });

  it("takes packets of every legal size and none above", () => {
    const { reader, found } = recording();
    expect(reader.feed(frameDataHead(DATA_BYTES_MAX))).toBe(true);
    expect(reader.feed(new Uint8Array(DATA_BYTES_MAX))).toBe(true);
    expect(reader.isBetween).toBe(true);
    expect(found()).toHaveLength(1);
    const over = PACKET_LIMITS.PACKET_BYTES_MAX + 1;
    expect(reader.feed(Uint8Array.of(over >>> 24, over >>> 16, over >>> 8, over))).toBe(false);
  });

  it("finds nothing any more after something malformed", () => {
    const { reader, found } = recording();
    expect(reader.feed(Uint8Array.of(0, 0, 0, 2, 0xff, 0xff))).toBe(false);
    expect(reader.feed(framePacket({ cmd: "terminate" }))).toBe(false);
    expect(found()).toEqual([]);
  });
});
