import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { directivesOf, isDelta, readDelivery } from "../../../shared/hls/delivery.ts";

describe("directivesOf", () => {
  it.each([
    ["", ""],
    ["a=b", ""],
    ["_HLS_msn=5", "_HLS_msn=5"],
    ["_HLS_msn=5&_HLS_part=0", "_HLS_msn=5&_HLS_part=0"],
    ["_HLS_skip=YES", "_HLS_skip=YES"],
    ["_HLS_skip=v2&a=b&_HLS_msn=1", "_HLS_msn=1&_HLS_skip=v2"],
    ["%5FHLS_part=%32&_HLS_msn=%31", "_HLS_msn=1&_HLS_part=2"],
    ["_HLS_msn=18446744073709551615", "_HLS_msn=18446744073709551615"],
    ["_HLS_other=x", ""],
  ])("takes %j, in one spelling", (query, expected) => {
    expect(directivesOf(query)).toBe(expected);
  });

  it.each([
    "_HLS_part=1",
    "_HLS_msn=",
    "_HLS_msn=-1",
    "_HLS_msn=1.5",
    "_HLS_msn=1e3",
    "_HLS_msn=07",
    "_HLS_msn=999999999999999999999",
    "_HLS_msn=1&_HLS_msn=2",
    "_HLS_msn=1&_HLS_part=x",
    "_HLS_skip=no",
    "%5FHLS_msn=x&_HLS_",
  ])("refuses %j", (query) => {
    expect(directivesOf(query)).toBeUndefined();
  });

  it("throws on no text", () => {
    fc.assert(fc.property(fc.string(), (text) => void directivesOf(`_HLS_msn=1&${text}`)));
  });
});

describe("readDelivery", () => {
  it("finds what the playlist is without directives", () => {
    expect(readDelivery("http://o/x.m3u8?a=1&_HLS_msn=5&_HLS_part=2&b=2")).toEqual({
      plainUrl: "http://o/x.m3u8?a=1&b=2",
      awaited: 6,
    });
    expect(readDelivery("http://o/x.m3u8?_HLS_skip=YES")).toEqual({
      plainUrl: "http://o/x.m3u8",
      awaited: undefined,
    });
  });

  it("says which segment is waited for", () => {
    expect(readDelivery("http://o/x.m3u8?_HLS_msn=5&_HLS_skip=YES")?.awaited).toBe(5);
  });

  it("leaves alone what has none", () => {
    expect(readDelivery("http://o/x.m3u8")).toBeUndefined();
    expect(readDelivery("http://o/_HLS_msn=1.m3u8")).toBeUndefined();
    expect(readDelivery("http://o/x.m3u8?_HLS_pathway=A")).toBeUndefined();
  });
});

describe("isDelta", () => {
  it("tells by the tag, whatever was asked for", () => {
    expect(isDelta("#EXTM3U\n#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n")).toBe(true);
    expect(isDelta("#EXTM3U\n#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=12\n")).toBe(false);
  });
});
