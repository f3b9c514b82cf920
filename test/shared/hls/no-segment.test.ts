import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  beginsAsJson,
  beginsAsPlaylist,
  isDocumentBody,
  isNamedMedia,
} from "../../../shared/hls/no-segment.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("beginsAsPlaylist", () => {
  it.each(["#EXTM3U", "\ufeff#EXTM3U\r\n", "\r\n \n#EXTM3U", "#EXTINF:1,"])("knows %j", (text) => {
    expect(beginsAsPlaylist(bytes(text))).toBe(true);
  });

  it.each(["", "WEBVTT", "# EXTM3U", "G#EXTM3U", "{}"])("leaves %j alone", (text) => {
    expect(beginsAsPlaylist(bytes(text))).toBe(false);
  });
});

describe("isDocumentBody", () => {
  it.each([
    '{"ASSETS":[]}',
    '\ufeff\n {"a":1, "RELOAD-URI" : "x"}',
    '{"PATHWAY-PRIORITY":["A"]}',
    '{"PATHWAY-CLONES":[]}',
  ])("knows %j", (text) => {
    expect(isDocumentBody(bytes(text))).toBe(true);
  });

  it.each(["", "{}", '{"assets":[]}', '["ASSETS"]', '"ASSETS":1', '{"a":"ASSETS"}'])(
    "leaves %j alone",
    (text) => {
      expect(isDocumentBody(bytes(text))).toBe(false);
    },
  );
});

describe("beginsAsJson", () => {
  it("takes any bytes, and blanks without end", () => {
    fc.assert(fc.property(fc.uint8Array(), (some) => void beginsAsJson(some)));
    expect(beginsAsJson(new Uint8Array(1_000).fill(0x20))).toBe(false);
    expect(beginsAsJson(new Uint8Array(3))).toBe(false);
  });
});

describe("isNamedMedia", () => {
  it.each(["http://o/1.ts", "http://o/a/1.M4S?x=.php", "http://o/a.b.mp4#f"])("takes %j for media", (url) => {
    expect(isNamedMedia(url)).toBe(true);
  });

  it.each([
    "http://o/get.php?f=1.ts",
    "http://o/x.m3u8",
    "http://o/x.m3u8;.ts",
    "http://o/x.m3u8.ts",
    "http://o/x.json",
    "http://o/ts",
    "http://o.ts/",
  ])("is not sure of %j", (url) => {
    expect(isNamedMedia(url)).toBe(false);
  });
});
