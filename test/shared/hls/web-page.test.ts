import { describe, expect, it } from "vitest";
import { isWebPage, isWebPageType } from "../../../shared/hls/web-page.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("isWebPage", () => {
  it.each([
    "<!DOCTYPE html><p>",
    "<html lang=en>",
    "\ufeff\r\n\t <HTML>",
    "<head>",
    "<script src=x>",
    "<body/>",
  ])("knows %j for one", (text) => {
    expect(isWebPage(bytes(text))).toBe(true);
  });

  it.each([
    "",
    "WEBVTT",
    '<?xml version="1.0"?><tt>',
    "<tt xmlns=x>",
    "<htmlish>",
    '{"ASSETS":[]}',
    "G@\u0011",
  ])("leaves %j alone", (text) => {
    expect(isWebPage(bytes(text))).toBe(false);
  });
});

describe("isWebPageType", () => {
  it("reads the type without its parameters", () => {
    expect(["text/html", "Text/HTML; charset=utf-8", "application/xhtml+xml"].map(isWebPageType)).toEqual([
      true,
      true,
      true,
    ]);
    expect([null, "", "video/mp2t", "text/htmlx", "text/plain"].map(isWebPageType)).toEqual(
      new Array(5).fill(false),
    );
  });
});
