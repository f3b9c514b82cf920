import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TS_LIMITS } from "../../../shared/limits.ts";
import { StreamWindow } from "../../../shared/ts/window.ts";

const { BLOCK_BYTES, WINDOW_BYTES_MAX, WINDOW_MS_MAX } = TS_LIMITS;

/** All bytes from `place` on. */
function readAll(window: StreamWindow, from: number): number[] {
  const bytes: number[] = [];
  for (let piece = window.read(from); piece; piece = window.read(from + bytes.length)) bytes.push(...piece);
  return bytes;
}

describe("StreamWindow", () => {
  it("gives back what was put in, from any place on", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 500 }), { maxLength: 20 }),
        fc.nat(500),
        (parts, place) => {
          const window = new StreamWindow();
          for (const part of parts) window.append(part, 0);
          const all = parts.flatMap((part) => [...part]);
          expect(window.end).toBe(all.length);
          expect(readAll(window, place)).toEqual(all.slice(place));
        },
      ),
    );
  });

  it("keeps what is needed and drops what is not", () => {
    const window = new StreamWindow();
    for (let index = 0; index < 10; index++) window.append(new Uint8Array(BLOCK_BYTES).fill(index), 0);
    window.trim(4 * BLOCK_BYTES + 7, 0);
    expect(window.start).toBe(4 * BLOCK_BYTES);
    expect(window.read(4 * BLOCK_BYTES + 7)?.[0]).toBe(4);
    expect(window.read(9 * BLOCK_BYTES + 5)?.[0]).toBe(9);
    expect(window.read(3)).toBeUndefined();
  });

  it("keeps no more than its bounds in bytes and in time, whoever needs it", () => {
    const window = new StreamWindow();
    for (let bytes = 0; bytes < 2 * WINDOW_BYTES_MAX; bytes += BLOCK_BYTES) {
      window.append(new Uint8Array(BLOCK_BYTES), 0);
      window.trim(0, 0);
      expect(window.end - window.start).toBeLessThanOrEqual(WINDOW_BYTES_MAX);
    }
    window.append(new Uint8Array(10), WINDOW_MS_MAX);
    window.trim(0, 2 * WINDOW_MS_MAX);
    expect(window.end - window.start).toBe(10);
  });

  it("leaves bytes that were handed out as they are", () => {
    const window = new StreamWindow();
    window.append(Uint8Array.of(1, 2, 3), 0);
    const piece = window.read(0);
    window.append(new Uint8Array(BLOCK_BYTES).fill(9), 0);
    window.trim(window.end, 0);
    expect(piece).toEqual(Uint8Array.of(1, 2, 3));
  });
});
