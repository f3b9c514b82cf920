import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contentRange, multipartBody, parseRanges } from "../../../../shared/http/cache/byte-ranges.ts";

describe("parseRanges", () => {
  it("reads both ends, an open end and a suffix", () => {
    expect(parseRanges("bytes=2-4", 10)).toEqual([{ first: 2, last: 4 }]);
    expect(parseRanges("bytes=2-99", 10)).toEqual([{ first: 2, last: 9 }]);
    expect(parseRanges("Bytes=8-", 10)).toEqual([{ first: 8, last: 9 }]);
    expect(parseRanges("bytes=-99", 10)).toEqual([{ first: 0, last: 9 }]);
    expect(parseRanges("bytes=0-0, 9-", 10)).toHaveLength(2);
  });

  it("is empty where nothing lies within", () => {
    expect(parseRanges("bytes=10-", 10)).toEqual([]);
    expect(parseRanges("bytes=-0", 10)).toEqual([]);
    expect(parseRanges("bytes=0-", 0)).toEqual([]);
  });

  it.each([
    null,
    "",
    "lines=0-1",
    "bytes=",
    "bytes=-",
    "bytes=4-2",
    "bytes=a-b",
    "bytes=0-1,x",
    "bytes=0-5,3-9",
  ])("ignores %j", (field) => expect(parseRanges(field, 10)).toBeUndefined());

  it("ignores more parts than anybody needs", () => {
    expect(
      parseRanges(`bytes=${Array.from({ length: 50 }, (_, at) => `${at * 2}-${at * 2}`)}`, 1_000),
    ).toBeUndefined();
  });

  it("gives only parts that lie within the body and not over each other, whatever it is asked", () => {
    const ends = fc.tuple(fc.option(fc.nat(30)), fc.option(fc.nat(30)));
    fc.assert(
      fc.property(fc.array(ends, { maxLength: 6 }), fc.nat(20), (specs, length) => {
        const field = `bytes=${specs.map(([from, to]) => `${from ?? ""}-${to ?? ""}`)}`;
        const covered = new Set<number>();
        for (const { first, last } of parseRanges(field, length) ?? []) {
          expect(first).toBeLessThanOrEqual(last);
          for (let at = first; at <= last; at++) {
            expect(at < length && !covered.has(at)).toBe(true);
            covered.add(at);
          }
        }
      }),
    );
  });
});

describe("multipartBody", () => {
  it("frames each part with its place and type", () => {
    const body = new TextEncoder().encode("0123456789");
    const parts = [
      { first: 0, last: 1 },
      { first: 9, last: 9 },
    ];
    const text = new TextDecoder().decode(multipartBody(body, parts, { boundary: "B", type: "text/plain" }));
    expect(text).toBe(
      "--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n" +
        "--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 9-9/10\r\n\r\n9\r\n--B--\r\n",
    );
    expect(contentRange({ first: 0, last: 1 }, 10)).toBe("bytes 0-1/10");
  });
});
