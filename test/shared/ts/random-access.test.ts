import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Codec, codecOf, RandomAccessFinder } from "../../../shared/ts/random-access.ts";
import { StreamMaker, type UnitOptions } from "../../support/transport-stream.ts";

/** Whether a unit counts as one to begin with, and how often that was said. */
function said(codec: Codec, options: UnitOptions): number {
  const finder = new RandomAccessFinder(codec);
  const unit = new StreamMaker().unit(options);
  let count = 0;
  for (let at = 0; at < unit.byteLength; at += 188) if (finder.push(unit.subarray(at, at + 188))) count++;
  return count;
}

describe("RandomAccessFinder", () => {
  const cases: [Codec, string, number[], number][] = [
    ["h264", "an IDR picture behind a delimiter", [0, 0, 1, 0x09, 0xf0, 0, 0, 1, 0x65], 1],
    ["h264", "a parameter set", [0, 0, 0, 1, 0x67, 1, 2], 1],
    ["h264", "another picture", [0, 0, 1, 0x09, 0xf0, 0, 0, 1, 0x41, 9, 0, 0, 1, 0x65], 0],
    ["h264", "only extra information", [0, 0, 1, 0x06, 5, 1], 0],
    ["h265", "an IDR picture", [0, 0, 1, 0x26, 1], 1],
    ["h265", "a clean random access picture", [0, 0, 1, 0x2a, 1], 1],
    ["h265", "a parameter set", [0, 0, 1, 0x40, 1], 1],
    ["h265", "a trailing picture", [0, 0, 1, 0x02, 1, 0, 0, 1, 0x26], 0],
    ["mpeg2", "a sequence header", [0, 0, 1, 0xb3], 1],
    ["mpeg2", "a picture", [0, 0, 1, 0x00, 0, 0, 1, 0xb3], 0],
    ["mpeg4", "a video object", [0, 0, 1, 0xb0], 1],
    ["mpeg4", "a picture", [0, 0, 1, 0xb6], 0],
    ["video", "what only a flag could tell", [0, 0, 1, 0x65], 0],
    ["audio", "any unit", [], 1],
  ];
  for (const [codec, what, payload, times] of cases)
    it(`${times ? "takes" : "does not take"} ${what} of ${codec}`, () => {
      expect(said(codec, { payload })).toBe(times);
    });

  it("takes what the packet's flag says, whatever the codec", () => {
    for (const codec of ["h264", "video", "mpeg2"] as const)
      expect(said(codec, { flagged: true, payload: [] })).toBe(1);
  });

  it("sees a start code that lies across packets", () => {
    const finder = new RandomAccessFinder("h264");
    const maker = new StreamMaker();
    expect(finder.push(maker.packet(256, [...new Array(181).fill(9), 0, 0, 1], { starts: true }))).toBe(
      false,
    );
    expect(finder.push(maker.packet(256, [0x65]))).toBe(true);
  });

  it("takes any packets without throwing", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 255 }),
        fc.array(fc.uint8Array({ maxLength: 188 }), { maxLength: 20 }),
        (type, packets) => {
          const finder = new RandomAccessFinder(codecOf(type));
          for (const packet of packets) finder.push(packet);
        },
      ),
    );
  });
});
