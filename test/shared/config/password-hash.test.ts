import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatPasswordHash,
  isCheapEnough,
  PASSWORD_COST,
  parsePasswordHash,
} from "../../../shared/config/password-hash.ts";

const HASH = { ...PASSWORD_COST, salt: new Uint8Array(16).fill(1), hash: new Uint8Array(32).fill(2) };

describe("parsePasswordHash", () => {
  it("reads what formatPasswordHash writes", () => {
    expect(parsePasswordHash(formatPasswordHash(HASH))).toEqual(HASH);
  });

  it("never throws, and takes no costs beyond the schema's", () => {
    fc.assert(fc.property(fc.string(), (text) => parsePasswordHash(text) === undefined));
    expect(parsePasswordHash(formatPasswordHash({ ...HASH, log2n: 18 }))).toBeUndefined();
    expect(parsePasswordHash(formatPasswordHash({ ...HASH, p: 9 }))).toBeUndefined();
  });
});

describe("isCheapEnough", () => {
  it("bounds memory and time by what 'causeway hash' asks for", () => {
    expect(isCheapEnough(PASSWORD_COST)).toBe(true);
    expect(isCheapEnough({ log2n: 14, r: 8, p: 5 })).toBe(true);
    expect(isCheapEnough({ log2n: 16, r: 8, p: 1 })).toBe(false);
    expect(isCheapEnough({ log2n: 15, r: 8, p: 8 })).toBe(false);
  });
});
