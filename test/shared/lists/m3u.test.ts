import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIST_LIMITS } from "../../../shared/limits.ts";
import { type ListEntry, ListReader } from "../../../shared/lists/m3u.ts";

function read(text: string, size = text.length || 1): { entries: ListEntry[]; reader: ListReader } {
  const reader = new ListReader();
  const entries: ListEntry[] = [];
  for (let at = 0; at < text.length; at += size) entries.push(...reader.push(text.slice(at, at + size)));
  entries.push(...reader.end());
  return { entries, reader };
}

function only(text: string): ListEntry {
  const { entries } = read(text);
  expect(entries).toHaveLength(1);
  return entries[0] as ListEntry;
}

const LIST = `\uFEFF#EXTM3U url-tvg="http://p.test/epg.xml" catchup="shift"\r
#EXTINF:-1 tvg-id="one.uk" tvg-logo="http://l.test/a,b.png" group-title="UK | News",One, the "first"\r
#EXTVLCOPT:http-user-agent=VLC\r
#KODIPROP:inputstream.adaptive.manifest_type=hls\r
http://p.test/live/u/p/1.m3u8|Referer=http://r.test/\r
\r
#EXTINF:0,Two
#EXTGRP:Sports
http://p.test/2.ts`;

describe("ListReader", () => {
  it("reads entries with attributes, options and the text behind the comma", () => {
    const { entries, reader } = read(LIST);
    expect(reader.isList).toBe(true);
    expect(reader.head.get("url-tvg")).toBe("http://p.test/epg.xml");
    expect(entries.map(({ name, url, options }) => ({ name, url, options }))).toEqual([
      {
        name: 'One, the "first"',
        url: "http://p.test/live/u/p/1.m3u8|Referer=http://r.test/",
        options: ["#EXTVLCOPT:http-user-agent=VLC", "#KODIPROP:inputstream.adaptive.manifest_type=hls"],
      },
      { name: "Two", url: "http://p.test/2.ts", options: [] },
    ]);
    expect(Object.fromEntries(entries[0]?.attributes ?? [])).toEqual({
      "tvg-id": "one.uk",
      "tvg-logo": "http://l.test/a,b.png",
      "group-title": "UK | News",
      catchup: "shift",
    });
    expect(entries[1]?.attributes.get("group-title")).toBe("Sports");
  });

  it("reads the same however its text is cut", () => {
    const whole = read(LIST).entries;
    for (const size of [1, 2, 3, 7, 64]) expect(read(LIST, size).entries).toEqual(whole);
  });

  it("takes unquoted values, single quotes and a quote within a value", () => {
    const entry = only(
      `#EXTINF:-1 tvg-id=a.b tvg-name='It is' group-title="The "best" ones" tvg-chno="5",Name\nhttp://x/`,
    );
    expect(Object.fromEntries(entry.attributes)).toEqual({
      "tvg-id": "a.b",
      "tvg-name": "It is",
      "group-title": 'The "best" ones',
      "tvg-chno": "5",
    });
    expect(entry.name).toBe("Name");
  });

  it("falls back to tvg-name where nothing stands behind the comma", () => {
    expect(only('#EXTINF:-1 tvg-name="A",\nhttp://x/').name).toBe("A");
    expect(only('#EXTINF:-1 tvg-name="A"\nhttp://x/').name).toBe("A");
  });

  it("passes over addresses without an entry and entries without an address", () => {
    const { entries } = read("#EXTM3U\nhttp://a/\n#EXTINF:-1,One\n#EXTINF:-1,Two\nhttp://b/\n");
    expect(entries.map(({ name, url }) => [name, url])).toEqual([["Two", "http://b/"]]);
  });

  it("drops an entry with a line that is too long, and no other", () => {
    const long = "x".repeat(LIST_LIMITS.LINE_CHARS_MAX + 1);
    for (const size of [1_000, 1_000_000]) {
      const text = `#EXTINF:-1,A\nhttp://a/${long}\n#EXTINF:-1 tvg-id="${long}",B\nhttp://b/\n#EXTINF:-1,C\nhttp://c/\n`;
      expect(read(text, size).entries.map(({ name }) => name)).toEqual(["C"]);
    }
  });

  it("takes neither a page of HTML nor a stream's own playlist for a list", () => {
    expect(read("<!DOCTYPE html><html>\n<body>Expired</body></html>").reader.isList).toBe(false);
    expect(read("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n1.ts\n").reader.isList).toBe(false);
    expect(read("#EXTM3U\n").reader.isList).toBe(true);
  });

  it("throws on no text, and reads any text the same however it is cut", () => {
    const line = fc.oneof(
      fc.string(),
      fc.constantFrom(
        "#EXTM3U",
        "#EXTINF:-1 ",
        'tvg-id="',
        ",",
        "\n",
        "\r\n",
        "#EXTGRP:x",
        "http://a/",
        "|A=b",
      ),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 40 }), fc.integer({ min: 1, max: 9 }), (parts, size) => {
        const text = parts.join("");
        expect(read(text, size).entries).toEqual(read(text).entries);
      }),
    );
  });
});
