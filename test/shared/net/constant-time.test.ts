import { describe, expect, it } from "vitest";
import { timingSafeEqual } from "../../../shared/net/constant-time.ts";

describe("timingSafeEqual", () => {
  it("accepts equal texts and equal bytes, also one of each", () => {
    expect(timingSafeEqual("secret", "secret")).toBe(true);
    expect(timingSafeEqual(new Uint8Array([1, 2]), new Uint8Array([1, 2]))).toBe(true);
    expect(timingSafeEqual("A", new Uint8Array([65]))).toBe(true);
  });

  it("refuses a difference in any one place", () => {
    for (let place = 0; place < 6; place++) {
      const other = [..."secret"].with(place, "#").join("");
      expect(timingSafeEqual("secret", other)).toBe(false);
    }
  });

  it("refuses prefixes and longer texts", () => {
    expect(timingSafeEqual("secret", "secre")).toBe(false);
    expect(timingSafeEqual("secret", "secrets")).toBe(false);
    expect(timingSafeEqual("", "\0")).toBe(false);
  });

  it("compares UTF-8 bytes, not code units", () => {
    expect(timingSafeEqual("é", new Uint8Array([0xc3, 0xa9]))).toBe(true);
    expect(timingSafeEqual("é", "e\u0301")).toBe(false);
  });
});
