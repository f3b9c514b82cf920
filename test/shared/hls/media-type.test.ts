import { describe, expect, it } from "vitest";
import { safeMediaType } from "../../../shared/hls/media-type.ts";

describe("safeMediaType", () => {
  it.each([
    ["video/mp2t", "a.ts", "video/mp2t"],
    ["VIDEO/MP4; codecs=x", "a.mp4", "video/mp4"],
    [null, "a.ts", "video/mp2t"],
    ["application/octet-stream", "a.M4S", "video/iso.segment"],
    [null, "a.bin", "application/octet-stream"],
    ["text/html", "a.ts", "application/octet-stream"],
    ["image/svg+xml", "a.ts", "application/octet-stream"],
    ["text/javascript", "a.ts", "application/octet-stream"],
    ["application/xhtml+xml", "a.ts", "application/octet-stream"],
    ["text/xml", "a.ts", "application/octet-stream"],
    ["video/\u00e4", "a.ts", "application/octet-stream"],
  ])("%s at %s is %s", (header, path, expected) => {
    expect(safeMediaType(header, path)).toBe(expected);
  });
});
