import { describe, expect, it } from "vitest";
import { shiftDirectives, withoutDirectives } from "../../../worker/hls/directives.ts";

const NUMBERING = { from: 50, offset: -40, discontinuity: 1 };

describe("shiftDirectives", () => {
  it("asks the origin in its own numbers", () => {
    expect(shiftDirectives("a=1&_HLS_msn=12&_HLS_part=3", NUMBERING)).toBe("a=1&_HLS_msn=52&_HLS_part=3");
  });

  it("asks for no delta, whose skipped segments viewers know under other numbers", () => {
    expect(shiftDirectives("_HLS_msn=12&_HLS_skip=YES", NUMBERING)).toBe("_HLS_msn=52");
  });

  it("drops what the origin cannot have, and everything while the numbers are not known", () => {
    expect(shiftDirectives("_HLS_msn=12&_HLS_part=1", { ...NUMBERING, offset: 13 })).toBe("");
    expect(shiftDirectives("_HLS_msn=x&_HLS_part=1", NUMBERING)).toBe("");
    expect(shiftDirectives("a=1&_HLS_msn=12", undefined)).toBe("a=1");
  });
});

describe("withoutDirectives", () => {
  it("leaves what makes another playlist", () => {
    expect(withoutDirectives("lang=de&_HLS_msn=1")).toBe("lang=de");
  });
});
