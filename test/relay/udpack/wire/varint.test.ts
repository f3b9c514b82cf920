// Varints: the examples of RFC 9000 appendix A.1, round trips, and bounds.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readVarint, varintLength, varintSize, writeVarint } from "../../../../relay/udpack/wire/varint.ts";

describe("readVarint", () => {
  it("reads the examples of RFC 9000", () => {
    const examples: [string, number][] = [
      ["9d7f3e7d", 494_878_333],
      ["7bbd", 15_293],
      ["25", 37],
      ["4025", 37],
      ["c00000000000ffff", 65_535],
    ];
    for (const [hex, value] of examples) {
      const bytes = Buffer.from(hex, "hex");
      expect(readVarint(bytes, 0, bytes.length)).toBe(value);
      expect(varintLength(bytes[0] ?? 0)).toBe(bytes.length);
    }
  });

  it("refuses what is cut off, and values of 2^48 and more", () => {
    expect(readVarint(Buffer.from("c2197c5eff14e88c", "hex"), 0, 8)).toBe(-1);
    expect(readVarint(Buffer.from("c001000000000000", "hex"), 0, 8)).toBe(-1);
    expect(readVarint(Buffer.from("7bbd", "hex"), 0, 1)).toBe(-1);
    expect(readVarint(Buffer.from("", "hex"), 0, 0)).toBe(-1);
  });

  it("reads what writeVarint wrote, in the shortest form", () => {
    const values = fc.oneof(fc.nat(100), fc.nat(20_000), fc.nat(2 ** 31), fc.nat(2 ** 48 - 1));
    fc.assert(
      fc.property(values, (value) => {
        const bytes = new Uint8Array(varintSize(value));
        expect(writeVarint(bytes, 0, value)).toBe(bytes.length);
        expect(readVarint(bytes, 0, bytes.length)).toBe(value);
        expect(writeVarint(bytes, 1, value)).toBe(-1);
      }),
    );
  });
});
