import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maskPath, parseViewerPath, splitToken } from "../../../shared/viewers/address.ts";

describe("splitToken", () => {
  it("takes one token off and leaves the rest as it is", () => {
    expect(splitToken("t.a.b.c/b/id/seg%201.ts")).toEqual({ token: "a.b.c", rest: "b/id/seg%201.ts" });
    expect(splitToken("t.a/t.b/x.ts")).toEqual({ token: "a", rest: "t.b/x.ts" });
    expect(splitToken("t./x.ts")).toEqual({ token: "", rest: "x.ts" });
  });

  it.each(["stream.m3u8", "t.only", "T.a/x.ts", "b/t.a/x.ts", ""])("finds none in %j", (rest) =>
    expect(splitToken(rest)).toBeUndefined(),
  );
});

describe("parseViewerPath", () => {
  it("knows a subscriber's list and guide", () => {
    expect(parseViewerPath("/v.0123456789abcdef/playlist.m3u")).toEqual({
      secret: "0123456789abcdef",
      name: "playlist.m3u",
    });
    expect(parseViewerPath("/v.0123456789abcdef/epg.xml")?.name).toBe("epg.xml");
  });

  it.each([
    "/v.short/playlist.m3u",
    "/v.0123456789abcdef/",
    "/v.0123456789abcdef/playlist.m3u/x",
    "/playlist.m3u",
  ])("is nothing else: %s", (path) => expect(parseViewerPath(path)).toBeUndefined());
});

describe("maskPath", () => {
  it("hides tokens of channels and secrets of subscribers, and nothing else", () => {
    expect(maskPath("/proxy/ch_a/t.k.p.m/b/x/s.ts")).toBe("/proxy/ch_a/t.***/b/x/s.ts");
    expect(maskPath("/proxy/ch_a/t.k.p.m")).toBe("/proxy/ch_a/t.***");
    expect(maskPath("/v.0123456789abcdef/playlist.m3u")).toBe("/v.***/playlist.m3u");
    expect(maskPath("/v.short/epg.xml")).toBe("/v.***/epg.xml");
    expect(maskPath("/proxy/ch_a/stream.m3u8")).toBe("/proxy/ch_a/stream.m3u8");
    expect(maskPath("/static/t.js")).toBe("/static/t.js");
  });

  it("leaves no token of a channel's path behind", () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[A-Za-z0-9_.-]{8,40}$/),
        fc.stringMatching(/^[a-z/.]{0,20}$/),
        (token, rest) => {
          expect(maskPath(`/proxy/ch_x/t.${token}/${rest}`)).toBe(`/proxy/ch_x/t.***/${rest}`);
        },
      ),
    );
  });
});
