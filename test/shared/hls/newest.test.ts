import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatByteRange } from "../../../shared/hls/byte-range.ts";
import { lastSequence, newestSegments } from "../../../shared/hls/newest.ts";

function newest(text: string, count: number): string[] {
  return newestSegments(text, count).map(({ uri, range }) =>
    range ? `${uri} ${formatByteRange(range)}` : uri,
  );
}

const PLAIN =
  "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\na.ts\n#EXTINF:2,\r\nb.ts?t=1\r\n#EXTINF:2,\n\nc.ts\n";

describe("newestSegments", () => {
  it("reads as many from the end as are wanted", () => {
    expect(newest(PLAIN, 2)).toEqual(["b.ts?t=1", "c.ts"]);
    expect(newest(PLAIN, 9)).toEqual(["a.ts", "b.ts?t=1", "c.ts"]);
    expect(newest(PLAIN, 0)).toEqual([]);
  });

  it("leaves out gaps, wherever their tag stands", () => {
    expect(newest(`${PLAIN}#EXT-X-GAP\n#EXTINF:2,\nd.ts\n`, 2)).toEqual(["c.ts"]);
    expect(newest(`${PLAIN}#EXTINF:2,\n#EXT-X-GAP\nd.ts\n`, 1)).toEqual([]);
  });

  it("asks for byte ranges as players do", () => {
    const text =
      "#EXTM3U\n#EXT-X-BYTERANGE:10@5\n#EXTINF:2,\nall.ts\n#EXTINF:2,\n#EXT-X-BYTERANGE:20\nall.ts\n#EXTINF:2,\n#EXT-X-BYTERANGE:3\nother.ts\n#EXTINF:2,\nplain.ts\n";
    expect(newest(text, 4)).toEqual([
      "all.ts bytes=5-14",
      "all.ts bytes=15-34",
      "other.ts bytes=0-2",
      "plain.ts",
    ]);
  });

  it("passes over parts and hints", () => {
    expect(
      newest(`${PLAIN}#EXT-X-PART:DURATION=1,URI="d.1.ts"\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI="d.2.ts"\n`, 1),
    ).toEqual(["c.ts"]);
  });

  it("puts variables in", () => {
    const text = '#EXTM3U\n#EXT-X-DEFINE:NAME="v",VALUE="x"\n#EXTINF:2,\n{$v}.ts\n';
    expect(newestSegments(text, 1, new Map([["v", "x"]]))).toEqual([{ uri: "x.ts", range: undefined }]);
  });

  it("throws on no text", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("#EXTINF:2,\n", "#EXT-X-BYTERANGE:", "5@", "\n", "a.ts", "#EXT-X-GAP\n")),
        (bits) => {
          newestSegments(bits.join(""), 3);
        },
      ),
    );
  });
});

describe("lastSequence", () => {
  it("counts segments from the first number", () => {
    const text =
      '#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:41\n#EXTINF:1,\na.ts\n#EXT-X-PART:URI="p"\n#EXTINF:1,\nb.ts\n';
    expect(lastSequence(text)).toBe(42);
    expect(lastSequence("#EXTM3U\n#EXTINF:1,\na.ts\n")).toBe(0);
    expect(lastSequence("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:7\n")).toBeUndefined();
  });

  it("counts by microseconds, and not by what no number is exact for", () => {
    const from = (first: string) =>
      lastSequence(`#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:${first}\n#EXTINF:1,\na.ts\n`);
    expect(from("1790000000000000")).toBe(1_790_000_000_000_000);
    expect(from("18446744073709551615")).toBeUndefined();
  });
});
