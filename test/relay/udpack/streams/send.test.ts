// Sending streams: what is cut into frames, lost and sent again arrives as it was written.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SendStream } from "../../../../relay/udpack/streams/send.ts";
import { STREAM_HEADER_BYTES } from "../../../../relay/udpack/wire/frames.ts";

const content = Buffer.from(Uint8Array.from({ length: 30_000 }, (_, i) => (i * 17 + (i >> 7)) & 0xff));

interface Piece {
  offset: number;
  length: number;
  fin: boolean;
}

/** Writes one frame of at most `room` bytes; its piece and data. */
function frame(
  stream: SendStream,
  room: number,
  newMax = Number.POSITIVE_INFINITY,
): (Piece & { data: Buffer }) | undefined {
  const into = Buffer.alloc(room);
  const piece = { offset: 0, length: 0, fin: false };
  const end = stream.write(into, 0, newMax, piece);
  if (end < 0) return undefined;
  expect(end).toBe(STREAM_HEADER_BYTES + piece.length);
  return { ...piece, data: into.subarray(STREAM_HEADER_BYTES, end) };
}

describe("SendStream", () => {
  it("sends every byte once more for each loss, and nothing that is acknowledged", () => {
    const step = fc.record({
      write: fc.nat(2_000),
      room: fc.integer({ min: STREAM_HEADER_BYTES + 1, max: 1_165 }),
      fate: fc.constantFrom("acked", "lost", "late"),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 80 }), (steps) => {
        const stream = new SendStream(4, Number.POSITIVE_INFINITY);
        const arrived = Buffer.alloc(content.length);
        const late: Piece[] = [];
        let written = 0;
        const take = (room: number): Piece | undefined => {
          const piece = frame(stream, room);
          piece?.data.copy(arrived, piece.offset);
          return piece;
        };
        for (const { write, room, fate } of steps) {
          const end = Math.min(content.length, written + write);
          if (end > written) stream.push(content.subarray(written, end));
          written = end;
          const piece = take(room);
          if (piece === undefined) continue;
          if (fate === "acked") stream.acked(piece.offset, piece.length, piece.fin);
          else if (fate === "late") late.push(piece);
          else {
            arrived.fill(0, piece.offset, piece.offset + piece.length);
            const again = stream.lost(piece.offset, piece.length, piece.fin);
            expect(again).toBe(piece.length);
          }
        }
        for (const { offset, length, fin } of late.reverse()) stream.acked(offset, length, fin);
        stream.end();
        for (let i = 0; !stream.done; i++) {
          expect(i).toBeLessThan(1_000);
          const piece = take(1_165);
          if (piece) stream.acked(piece.offset, piece.length, piece.fin);
        }
        expect(arrived.subarray(0, written).equals(content.subarray(0, written))).toBe(true);
        expect(frame(stream, 1_165)).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  it("stops at its credit and at what the session allows, repeats without either, and ends without credit", () => {
    const stream = new SendStream(0, 100);
    stream.push(content.subarray(0, 120));
    expect(frame(stream, 1_165, 60)).toMatchObject({ offset: 0, length: 60 });
    expect(frame(stream, 1_165)).toMatchObject({ offset: 60, length: 40 });
    expect(frame(stream, 1_165)).toBeUndefined();
    stream.lost(0, 60, false);
    expect(frame(stream, 1_165, 0)).toMatchObject({ offset: 0, length: 60 });
    stream.credit = 120;
    expect(frame(stream, 1_165)).toMatchObject({ offset: 100, length: 20, fin: false });
    stream.end();
    expect(frame(stream, 1_165, 0)).toMatchObject({ offset: 120, length: 0, fin: true });
    stream.lost(120, 0, true);
    expect(frame(stream, 1_165, 0)).toMatchObject({ offset: 120, length: 0, fin: true });
  });

  it("has nothing to send after its reset, and is done when that is acknowledged", () => {
    const stream = new SendStream(0, 1_000);
    stream.push(content.subarray(0, 500));
    frame(stream, 200);
    stream.reset(3);
    expect(stream.sendable).toBe(0);
    expect(stream.lost(0, 187, false)).toBe(0);
    expect(stream.hasLost).toBe(false);
    expect(stream.sent).toBe(187);
    expect(stream.done).toBe(false);
    stream.resetAcked = true;
    expect(stream.done).toBe(true);
  });

  it("keeps large writes by reference and copies small ones", () => {
    const stream = new SendStream(0, 10_000);
    const [small, large] = [Buffer.alloc(100, 1), Buffer.alloc(2_000, 2)];
    stream.push(small);
    stream.push(large);
    small.fill(9);
    large.fill(8);
    const data = frame(stream, 1_165)?.data;
    expect(data?.[0]).toBe(1);
    expect(data?.[100]).toBe(8);
  });
});
