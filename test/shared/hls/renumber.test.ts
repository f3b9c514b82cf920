import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Blocks, discontinuityOf, readBlocks } from "../../../shared/hls/blocks.ts";
import { entryOf, headOf, renumber } from "../../../shared/hls/renumber.ts";

function blocksOf(text: string): Blocks {
  const blocks = readBlocks(text);
  if (!blocks) throw new Error("no blocks");
  return blocks;
}

function live(first: number, segments: readonly string[], head = ""): string {
  return `#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:${first}\n${head}${segments.join("")}`;
}

function segment(name: string, tags = ""): string {
  return `${tags}#EXTINF:2,\n${name}.ts\n`;
}

describe("readBlocks", () => {
  it("counts segments from EXT-X-MEDIA-SEQUENCE and behind those that a delta update skips", () => {
    expect(blocksOf(live(7, [segment("a"), segment("b")]))).toMatchObject({
      first: 7,
      last: 8,
      targetMs: 2_000,
    });
    const delta = live(7, [segment("a")], "#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n");
    expect(blocksOf(delta)).toMatchObject({ first: 10, last: 10 });
  });

  it("counts discontinuities from EXT-X-DISCONTINUITY-SEQUENCE, a segment's own included", () => {
    const text = live(
      0,
      [segment("a"), segment("b", "#EXT-X-DISCONTINUITY\n")],
      "#EXT-X-DISCONTINUITY-SEQUENCE:4\n",
    );
    expect([0, 1].map((index) => discontinuityOf(blocksOf(text), index))).toEqual([4, 5]);
  });

  it("keeps every line, whatever the text", () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom("#EXTINF:1,", "a.ts", "\n", "\r\n", "\r", "#EXT-X-KEY:", "x", "\uFEFF"),
        }),
        (text) => {
          const { blocks, tail } = blocksOf(text);
          const lines = [...blocks.flatMap((block) => block.lines), ...tail];
          expect(lines.map((line) => line.text + line.end).join("")).toBe(text);
        },
      ),
    );
  });

  it("takes what is counted by microseconds since 1970, and refuses numbers beyond counting", () => {
    expect(readBlocks(live(1.79e15, [segment("a")]))).toMatchObject({ first: 1.79e15, last: 1.79e15 });
    expect(readBlocks(live(2 ** 52, [segment("a")]))).toBeUndefined();
  });
});

describe("entryOf", () => {
  it("leaves three target durations of a live playlist and all of a recording", () => {
    const segments = ["a", "b", "c", "d", "e"].map((name) => segment(name));
    expect(entryOf(blocksOf(live(10, segments)))).toMatchObject({ from: 12, first: 10, last: 14 });
    expect(entryOf(blocksOf(`${live(10, segments)}#EXT-X-ENDLIST\n`))).toMatchObject({ from: 10 });
  });
});

describe("renumber", () => {
  it("leaves out what was before the takeover and puts a discontinuity there", () => {
    const text = live(50, [segment("a"), segment("b"), segment("c")]);
    expect(renumber(blocksOf(text), { from: 51, offset: -41, discontinuity: 1 })).toBe(
      "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:10\n#EXT-X-TARGETDURATION:2\n#EXT-X-DISCONTINUITY\n" +
        "#EXTINF:2,\nb.ts\n#EXTINF:2,\nc.ts\n",
    );
  });

  it("counts the discontinuity once it has left the playlist", () => {
    const text = live(52, [segment("c"), segment("d")]);
    const out = renumber(blocksOf(text), { from: 51, offset: -41, discontinuity: 1 });
    expect(out).toContain("#EXT-X-MEDIA-SEQUENCE:11\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n");
    expect(out).not.toContain("#EXT-X-DISCONTINUITY\n");
  });

  it("does not double a discontinuity that the source has there", () => {
    const text = live(50, [segment("a"), segment("b", "#EXT-X-DISCONTINUITY\n")]);
    const out = renumber(blocksOf(text), { from: 51, offset: 0, discontinuity: 3 });
    expect(out.match(/#EXT-X-DISCONTINUITY\n/g)).toHaveLength(1);
    expect(out).toContain("#EXT-X-DISCONTINUITY-SEQUENCE:3\n");
  });

  it("writes the IV of AES-128 keys that go by the source's numbers, per segment", () => {
    const key = '#EXT-X-KEY:METHOD=AES-128,URI="k.key"\n';
    const text = live(255, [
      segment("a", key),
      segment("b"),
      segment("c", "#EXT-X-KEY:METHOD=NONE\n"),
      segment("d"),
    ]);
    const iv = (number: string) => `#EXT-X-KEY:METHOD=AES-128,URI="k.key",IV=0x${number.padStart(32, "0")}\n`;
    expect(renumber(blocksOf(text), { from: 256, offset: 0, discontinuity: 0 })).toBe(
      `#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:256\n#EXT-X-TARGETDURATION:2\n#EXT-X-DISCONTINUITY\n${iv("100")}#EXTINF:2,\nb.ts\n` +
        "#EXT-X-KEY:METHOD=NONE\n#EXTINF:2,\nc.ts\n#EXTINF:2,\nd.ts\n",
    );
    expect(renumber(blocksOf(text), { from: 1, offset: 5, discontinuity: 0 })).toContain(
      `${iv("ff")}#EXTINF:2,\na.ts\n${iv("100")}#EXTINF:2,\nb.ts\n`,
    );
  });

  it("leaves keys with an IV and of other formats alone", () => {
    const keys =
      '#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0x1\n#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x",KEYFORMAT="com.apple"\n';
    const text = live(1, [segment("a", keys), segment("b")]);
    expect(renumber(blocksOf(text), { from: 0, offset: 3, discontinuity: 0 })).toContain(
      `${keys}#EXTINF:2,\na.ts\n#EXTINF:2,\nb.ts`,
    );
  });

  it("keeps the map and the keys of segments that are left out", () => {
    const tags = '#EXT-X-MAP:URI="i.mp4"\n#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x",KEYFORMAT="com.apple"\n';
    const text = live(1, [segment("a", tags), segment("b")]);
    expect(renumber(blocksOf(text), { from: 2, offset: 0, discontinuity: 0 })).toContain(
      `#EXT-X-DISCONTINUITY\n${tags}#EXTINF:2,\nb.ts`,
    );
  });

  it("says where a byte range begins that was counted from one that is left out", () => {
    const text = live(1, [
      segment("all", "#EXT-X-BYTERANGE:100@50\n"),
      segment("all", "#EXT-X-BYTERANGE:70\n"),
      segment("all", "#EXT-X-BYTERANGE:9\n"),
    ]);
    const out = renumber(blocksOf(text), { from: 2, offset: 0, discontinuity: 0 });
    expect(out.match(/#EXT-X-BYTERANGE:.*/g)).toEqual(["#EXT-X-BYTERANGE:70@150", "#EXT-X-BYTERANGE:9"]);
  });

  it("keeps line ends, CRLF or LF", () => {
    const text = live(1, [segment("a"), segment("b")]).replaceAll("\n", "\r\n");
    expect(
      renumber(blocksOf(text), { from: 2, offset: 0, discontinuity: 0 }).replaceAll("\r\n", ""),
    ).not.toMatch(/[\r\n]/);
  });

  it("drops reports on siblings, whose numbers would be the source's", () => {
    const text = `${live(1, [segment("a")])}#EXT-X-RENDITION-REPORT:URI="v2.m3u8",LAST-MSN=1\n`;
    expect(renumber(blocksOf(text), { from: 1, offset: 9, discontinuity: 0 })).not.toContain("REPORT");
  });

  it("gives the segments that remain consecutive numbers, whatever the playlist", () => {
    const tag = fc.constantFrom(
      "",
      "#EXT-X-DISCONTINUITY\n",
      '#EXT-X-KEY:METHOD=AES-128,URI="k"\n',
      "#EXT-X-GAP\n",
      '#EXT-X-PART:DURATION=1,URI="p"\n',
    );
    fc.assert(
      fc.property(
        fc.array(tag, { minLength: 1, maxLength: 8 }),
        fc.nat(1_000),
        fc.nat(8),
        fc.integer({ min: -20, max: 2_000 }),
        (tags, first, skip, shift) => {
          const source = blocksOf(
            live(
              first,
              tags.map((text, index) => segment(`s${index}`, text)),
            ),
          );
          const from = Math.min(first + skip, source.last);
          const numbering = { from, offset: first + shift - from + 20, discontinuity: 1 };
          const out = blocksOf(renumber(source, numbering));
          expect(out.first).toBe(from + numbering.offset);
          expect(out.last).toBe(source.last + numbering.offset);
          const before = discontinuityOf(source, from - first);
          expect(discontinuityOf(out, 0)).toBe(before + 1);
          expect(headOf(source, numbering)).toEqual({
            segment: out.last,
            discontinuity: discontinuityOf(out, out.blocks.length - 1),
          });
          expect(out.blocks[0]?.breaks).toBe(true);
        },
      ),
    );
  });
});
