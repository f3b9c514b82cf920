import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readImportedSource } from "../../../shared/hls/import-options.ts";

const URL = "https://origin.test/live.m3u8?a=1&b=2";

describe("readImportedSource", () => {
  it("takes a plain URL as it is", () => {
    expect(readImportedSource(` ${URL}\r`)).toEqual({ url: URL, headers: {} });
  });

  it("reads header fields behind the bar, encoded or not", () => {
    const encoded = `${URL}|User-Agent=VLC%2F3.0%20x&Referer=https%3A%2F%2Fsite.test%2F%3Fa%3D1%26b%3D2`;
    expect(readImportedSource(encoded)).toEqual({
      url: URL,
      headers: { "User-Agent": "VLC/3.0 x", Referer: "https://site.test/?a=1&b=2" },
    });
    const plain = `${URL}|user-agent=Mozilla/5.0 (a; b)&Authorization=Basic a+b/c==`;
    expect(readImportedSource(plain).headers).toEqual({
      "User-Agent": "Mozilla/5.0 (a; b)",
      Authorization: "Basic a+b/c==",
    });
  });

  it("leaves out what Kodi takes for options of the transfer", () => {
    expect(readImportedSource(`${URL}|seekable=0&verifypeer=false&X-Key=1`).headers).toEqual({
      "X-Key": "1",
    });
  });

  it("reads VLC's options, Kodi's properties and EXTHTTP", () => {
    const { headers } = readImportedSource(URL, [
      "#EXTVLCOPT:http-user-agent=VLC/3",
      "#EXTVLCOPT:http-referrer=https://site.test/",
      "#EXTVLCOPT:network-caching=1000",
      "#KODIPROP:inputstream.adaptive.stream_headers=X-One=1&Origin=https%3A%2F%2Fsite.test",
      "#KODIPROP:inputstream.adaptive.license_key=secret",
      '#EXTHTTP:{"Cookie":"a=b","n":1}',
      "#EXTGRP:News",
    ]);
    expect(headers).toEqual({
      "User-Agent": "VLC/3",
      Referer: "https://site.test/",
      "X-One": "1",
      Origin: "https://site.test",
      Cookie: "a=b",
    });
  });

  it("counts what stands at the URL more than the lines", () => {
    const { headers } = readImportedSource(`${URL}|User-Agent=url`, ["#EXTVLCOPT:http-user-agent=line"]);
    expect(headers).toEqual({ "User-Agent": "url" });
  });

  it("refuses fields that decide where a message ends, and values that would break it", () => {
    const text = `${URL}|Host=evil&Content-Length=1&Range=bytes%3D0-&X-A=a%0d%0aX-B: b&Transfer-Encoding=chunked`;
    expect(readImportedSource(text).headers).toEqual({});
  });

  it("never throws and never gives more fields than are allowed", () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.string()), (url, lines) => {
        const options = lines.map((line) => `#EXTVLCOPT:${line}`);
        expect(Object.keys(readImportedSource(url, options).headers).length).toBeLessThanOrEqual(50);
        readImportedSource(`${url}|${lines.join("&")}`, lines);
      }),
    );
  });
});
