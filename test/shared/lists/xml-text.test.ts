import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readXmlAttributes, safeContents, textToXml, xmlToText } from "../../../shared/lists/xml-text.ts";

const keep = (_element: string, _name: string, value: string) => value;
const safe = (xml: string) => safeContents(xml, keep);

describe("xmlToText and textToXml", () => {
  it("replace references, and leave what is none", () => {
    expect(xmlToText("a &amp; b &lt;c&gt; &#65;&#x42; &nbsp; &#0; & ;")).toBe("a & b <c> AB &nbsp;  & ;");
    expect(textToXml('a & b <c> "d"\u0000\ud800')).toBe("a &amp; b &lt;c&gt; &quot;d&quot;\ufffd");
  });

  it("give any legal text back", () => {
    const legal = fc.string({ unit: "grapheme" }).map((text) => xmlToText(textToXml(text)) && text);
    fc.assert(
      fc.property(legal, (text) => {
        expect(textToXml(xmlToText(textToXml(text)))).toBe(textToXml(text));
      }),
    );
  });
});

describe("readXmlAttributes", () => {
  it("reads both kinds of quotes; the first of two of a name counts", () => {
    expect([...readXmlAttributes(` a="1" b = '2"' a="3" c=4 d="<"`)]).toEqual([
      ["a", "1"],
      ["b", '2"'],
    ]);
  });
});

describe("safeContents", () => {
  it("keeps what is well-formed", () => {
    const xml = `<title lang="en">A &amp; B</title>\n<icon src="http://x/"/><credits><actor role="c">D</actor></credits>`;
    expect(safe(xml)).toBe(xml);
  });

  it("repairs loose ampersands, foreign entities and quotes, and drops comments and instructions", () => {
    expect(safe("<title>A & B &nbsp; &#0;&#65; > C</title>")).toBe(
      "<title>A &amp; B &amp;nbsp; A &gt; C</title>",
    );
    expect(safe("<a b='\"'/><!-- <c> --><?php x ?><d><![CDATA[<e> & ]]></d>")).toBe(
      '<a b="&quot;"/><d>&lt;e&gt; &amp; </d>',
    );
  });

  it("refuses tags that do not match, declarations, and depth", () => {
    for (const xml of [
      "<a>",
      "</a>",
      "<a><b></a></b>",
      "<a",
      "<1/>",
      "< a/>",
      "<!DOCTYPE x>",
      "<!-- x",
      "<![CDATA[x",
    ])
      expect([xml, safe(xml)]).toEqual([xml, undefined]);
    expect(safe(`${"<a>".repeat(20)}${"</a>".repeat(20)}`)).toBeUndefined();
  });

  it("lets no namespace in, declared or not", () => {
    expect(safe('<a xmlns="http://www.w3.org/1999/xhtml" xmlns:b="c" b:d="1" xml:lang="en">x</a>')).toBe(
      '<a xml:lang="en">x</a>',
    );
    expect(safe("<b:script>x</b:script>")).toBeUndefined();
  });

  it("lets the caller decide on each attribute", () => {
    const xml = '<icon src="http://a/?k=1&amp;s=2" width="3"/>';
    expect(safeContents(xml, (_, name, value) => (name === "src" ? undefined : value))).toBe(
      '<icon width="3"/>',
    );
    const seen: string[] = [];
    safeContents(xml, (...all) => {
      seen.push(all.join(" "));
      return undefined;
    });
    expect(seen).toEqual(["icon src http://a/?k=1&s=2", "icon width 3"]);
  });

  it("makes of any text something that it leaves as it is, or nothing", () => {
    const piece = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom(
        "<a>",
        "</a>",
        "<b/>",
        "&",
        "&amp;",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        '<c d="',
        '"',
        "'>",
        "<?",
        "?>",
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const once = safe(pieces.join(""));
        if (once !== undefined) expect(safe(once)).toBe(once);
      }),
      { numRuns: 500 },
    );
  });
});
