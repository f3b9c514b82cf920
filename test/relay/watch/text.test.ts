import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytes, columnsOf, duration, toWidth, visible } from "../../../relay/watch/text.ts";

describe("visible", () => {
  it.each([
    ["an escape sequence", "a\x1b[2Jb", "a?[2Jb"],
    ["line ends", "a\r\nb", "a??b"],
    ["an 8-bit control", "a\u009bb", "a?b"],
    ["text that would run backwards", "a\u202eb", "a?b"],
    ["half of a pair", "a\ud800b", "a\ufffdb"],
    ["names in any script", "bücher.例え", "bücher.例え"],
  ])("takes %s", (_, text, shown) => {
    expect(visible(text)).toBe(shown);
  });
});

describe("toWidth", () => {
  it("makes exactly so many columns of any visible text", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme" }),
        fc.nat(40),
        fc.constantFrom("left", "right"),
        (text, width, align) => {
          expect(columnsOf(toWidth(visible(text), width, align as "left" | "right"))).toBe(width);
        },
      ),
    );
  });

  it("counts wide characters as two, and cuts before one that does not fit", () => {
    expect(toWidth("例え話", 4)).toBe("例… ");
    expect(toWidth("abcdef", 4)).toBe("abc…");
    expect(toWidth("ab", 4, "right")).toBe("  ab");
  });
});

describe("bytes", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [999.7, "1.00 kB"],
    [1_000, "1.00 kB"],
    [9_996, "10.0 kB"],
    [999_600, "1.00 MB"],
    [123_456_789, "123 MB"],
    [5e18, "5000 PB"],
  ])("says %d as %s", (count, text) => {
    expect(bytes(count)).toBe(text);
  });
});

describe("duration", () => {
  it("names days only when there are some", () => {
    expect(duration(3_723_999)).toBe("01:02:03");
    expect(duration(86_400_000 * 3 + 1_000)).toBe("3 d 00:00:01");
    expect(duration(-5)).toBe("00:00:00");
  });
});
