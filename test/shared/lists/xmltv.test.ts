import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIST_LIMITS } from "../../../shared/limits.ts";
import { type GuideElement, XmltvReader, xmltvTime } from "../../../shared/lists/xmltv.ts";

function read(text: string, size = text.length || 1): { elements: GuideElement[]; reader: XmltvReader } {
  const reader = new XmltvReader();
  const elements: GuideElement[] = [];
  for (let at = 0; at < text.length; at += size) elements.push(...reader.push(text.slice(at, at + size)));
  elements.push(...reader.end());
  return { elements, reader };
}

const shown = (text: string, size?: number) =>
  read(text, size).elements.map(
    ({ type, attributes, contents }) =>
      `${type} ${attributes.get("id") ?? attributes.get("channel")} ${contents}`,
  );

const GUIDE = `<?xml version="1.0"?><!DOCTYPE tv SYSTEM "xmltv.dtd"><tv>
<!-- <programme channel="no">x</programme> -->
<channel id="a"><display-name>A</display-name></channel>
<channel id='b'/>
<programme start="20260101000000 +0000" channel="a"><title>T &gt; 1</title></programme>
<programme channel="b"
 start="1"></programme></tv>`;

describe("XmltvReader", () => {
  it("reads channels and programmes, not comments", () => {
    expect(shown(GUIDE)).toEqual([
      "channel a <display-name>A</display-name>",
      "channel b ",
      "programme a <title>T &gt; 1</title>",
      "programme b ",
    ]);
  });

  it("reads the same however its text is cut", () => {
    for (const size of [1, 2, 5, 11, 64]) expect(shown(GUIDE, size)).toEqual(shown(GUIDE));
  });

  it("loses nothing but what is broken", () => {
    const good = (id: string) => `<programme channel="${id}">x</programme>`;
    for (const broken of [
      '<programme channel="x"><title>',
      '<programme channel="x',
      "<programme channel=x",
      "</programme>",
      "<channel id='x'>",
      "<!-- never closed",
      "<![CDATA[",
      "<",
      "<tv><tv>",
    ]) {
      expect([broken, shown(`${good("a")}${broken}${good("b")}${good("c")}`).at(-1)]).toEqual([
        broken,
        "programme c x",
      ]);
      expect(shown(good("a") + broken)).toEqual(["programme a x"]);
    }
  });

  it("passes over a programme that is too long, with one character at a time as well", () => {
    const long = `<programme channel="x">${"y".repeat(LIST_LIMITS.PROGRAMME_CHARS_MAX)}`;
    const text = `<programme channel="a">1</programme>${long}<programme channel="b">2</programme>`;
    expect(shown(text, 4_096)).toEqual(["programme a 1", "programme b 2"]);
  });

  it("takes a time in proportion for thousands of programmes without an end", () => {
    const text = '<programme channel="x">'.repeat(50_000);
    const before = performance.now();
    expect(shown(text, 65_536)).toEqual([]);
    expect(performance.now() - before).toBeLessThan(2_000);
  });

  it("takes a time in proportion for whatever begins and does not end", () => {
    const ends = `${"<programme>".repeat(5_500)}</programme>`;
    for (const unit of ["<!--", "<![CDATA[]", "<programme", "<channel><programme>", ends]) {
      const text = unit.repeat(Math.ceil(1_000_000 / unit.length));
      const before = performance.now();
      read(text, 65_536);
      expect([unit.slice(0, 20), performance.now() - before < 2_000]).toEqual([unit.slice(0, 20), true]);
    }
  });

  it("passes over a programme that is too long, with its whole text at once as well", () => {
    const long = `<programme channel="x">${"y".repeat(LIST_LIMITS.PROGRAMME_CHARS_MAX)}</programme>`;
    expect(shown(`${long}<programme channel="b">2</programme>`)).toEqual(["programme b 2"]);
  });

  it("knows whether it read a guide", () => {
    expect(read("<tv></tv>").reader.isGuide).toBe(true);
    expect(read("<html><body>Not found</body></html>").reader.isGuide).toBe(false);
    expect(read("").reader.isGuide).toBe(false);
  });

  it("throws on no text, and reads any short text the same however it is cut", () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom(
        "<programme ",
        'channel="a"',
        ">",
        "</programme>",
        "<channel id='b'/>",
        "<!--",
        "-->",
        "<tv>",
        "<",
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), fc.integer({ min: 1, max: 9 }), (pieces, size) => {
        const text = pieces.join("");
        expect(shown(text, size).length).toBe(shown(text).length);
      }),
    );
  });
});

describe("xmltvTime", () => {
  it("reads times with and without zone, long and short", () => {
    expect(xmltvTime("20260102030405 +0130")).toBe(Date.UTC(2026, 0, 2, 1, 34, 5));
    expect(xmltvTime("20260102030405 -0500")).toBe(Date.UTC(2026, 0, 2, 8, 4, 5));
    expect(xmltvTime("202601020304")).toBe(Date.UTC(2026, 0, 2, 3, 4));
    expect(xmltvTime("20260102030405 UTC")).toBe(Date.UTC(2026, 0, 2, 3, 4, 5));
    for (const text of ["", "2026", "20261302000000", "yesterday", "2026-01-02"])
      expect([text, xmltvTime(text)]).toEqual([text, undefined]);
  });
});
