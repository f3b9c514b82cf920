import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PacketReader } from "../../../shared/ts/sync.ts";
import { concat, StreamMaker } from "../../support/transport-stream.ts";

const stream = concat([new StreamMaker().group(), new StreamMaker().group()]);

/** The packets found in these pieces, put together. */
function read(...pieces: Uint8Array[]): Uint8Array {
  const reader = new PacketReader();
  const found: Uint8Array[] = [];
  for (const piece of pieces) reader.push(piece, (packet) => found.push(packet.slice()));
  return concat(found);
}

/** With `before` and `after` filling bytes around each packet. */
function spread(before: number, after: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < stream.byteLength; at += 188)
    parts.push(new Uint8Array(before).fill(9), stream.subarray(at, at + 188), new Uint8Array(after).fill(7));
  return concat(parts);
}

describe("PacketReader", () => {
  it("finds the packets of a stream", () => {
    expect(read(stream)).toEqual(stream);
  });

  it("leaves time stamps of 4 bytes and parity of 16 out", () => {
    expect(read(spread(4, 0))).toEqual(stream);
    expect(read(spread(0, 16))).toEqual(stream);
  });

  it("finds the same in whatever pieces the bytes come", () => {
    const bytes = concat([new Uint8Array(500).fill(0x47, 100, 104), spread(4, 0)]);
    expect(read(...Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(stream);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 30 }), (sizes) => {
        const pieces: Uint8Array[] = [];
        for (let at = 0, index = 0; at < bytes.byteLength; index++) {
          const size = sizes[index % sizes.length] ?? 1;
          pieces.push(bytes.subarray(at, at + size));
          at += size;
        }
        expect(read(...pieces)).toEqual(stream);
      }),
      { numRuns: 30 },
    );
  });

  it("goes on behind garbage, with nothing of it", () => {
    const garbage = new Uint8Array(333).fill(0x20);
    const cut = stream.subarray(0, 188 * 4 + 100);
    const found = read(cut, garbage, stream);
    expect(found.subarray(0, 188 * 4)).toEqual(stream.subarray(0, 188 * 4));
    expect(found.subarray(-stream.byteLength)).toEqual(stream);
  });

  it("counts bytes that are no packets, until there is one", () => {
    const reader = new PacketReader();
    reader.push(
      new TextEncoder().encode(`<!doctype html><title>GG</title>${"Nothing is here. ".repeat(500)}`),
      () => expect.unreachable(),
    );
    expect(reader.garbageBytes).toBeGreaterThan(3_000);
    reader.push(stream, () => undefined);
    expect(reader.garbageBytes).toBe(0);
  });

  it("takes any bytes without throwing, and gives out whole packets only", () => {
    const bytes = fc.uint8Array({ maxLength: 3_000 });
    fc.assert(
      fc.property(
        fc.array(fc.oneof(bytes, fc.constant(stream), fc.constant(new Uint8Array(900).fill(0x47)))),
        (parts) => {
          const reader = new PacketReader();
          for (const part of parts)
            reader.push(part, (packet) => expect([packet.byteLength, packet[0]]).toEqual([188, 0x47]));
        },
      ),
    );
  });
});
