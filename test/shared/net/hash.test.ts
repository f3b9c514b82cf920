import { describe, expect, it } from "vitest";
import { hash32, shortName } from "../../../shared/net/hash.ts";

describe("hash32", () => {
  it("is 32 bits without a sign, the same for the same text and seed", () => {
    for (const text of ["", "a", "192.0.2.1", "ü☃"]) {
      const hash = hash32(text);
      expect(Number.isInteger(hash) && hash >= 0 && hash <= 0xffffffff).toBe(true);
      expect(hash32(text)).toBe(hash);
    }
    expect(hash32("a", 1)).not.toBe(hash32("a", 2));
  });
});

describe("shortName", () => {
  it("is 16 hex digits, and another one for each of many similar texts", () => {
    const texts = Array.from({ length: 50_000 }, (_, i) => `["direct","http://10.0.0.${i}"]`);
    const names = new Set(texts.map(shortName));
    expect(names.size).toBe(texts.length);
    for (const name of names) expect(name).toMatch(/^[0-9a-f]{16}$/);
  });
});
