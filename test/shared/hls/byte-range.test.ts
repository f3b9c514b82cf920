import { describe, expect, it } from "vitest";
import { contentRange, formatByteRange, parseByteRange, sliceOf } from "../../../shared/hls/byte-range.ts";

describe("parseByteRange", () => {
  it.each([
    ["bytes=0-99", "bytes=0-99"],
    ["Bytes = 5-", "bytes=5-"],
    ["bytes=-5", "bytes=-5"],
  ])("reads %s", (header, expected) => {
    const range = parseByteRange(header);
    expect(range && formatByteRange(range)).toBe(expected);
  });

  it.each([
    null,
    "",
    "bytes=-",
    "bytes=5-4",
    "bytes=0-1,3-4",
    "items=0-1",
    "bytes=a-b",
    "bytes=0-9999999999999999",
  ])("ignores %s", (header) => {
    expect(parseByteRange(header)).toBeUndefined();
  });
});

describe("sliceOf", () => {
  const slice = (header: string, length: number) => {
    const range = parseByteRange(header);
    const found = range && sliceOf(range, length);
    return found && contentRange(found, length);
  };

  it("cuts at the end of the body", () => {
    expect(slice("bytes=0-99", 10)).toBe("bytes 0-9/10");
    expect(slice("bytes=9-", 10)).toBe("bytes 9-9/10");
    expect(slice("bytes=-99", 10)).toBe("bytes 0-9/10");
  });

  it("is undefined outside of the body", () => {
    expect(slice("bytes=10-", 10)).toBeUndefined();
    expect(slice("bytes=-0", 10)).toBeUndefined();
    expect(slice("bytes=0-", 0)).toBeUndefined();
  });
});
