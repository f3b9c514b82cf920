import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseRequestUrl } from "../../../shared/http/request-url.ts";

const PARTS = ["href", "origin", "protocol", "host", "hostname", "pathname", "search"] as const;

function partsOf(text: string): readonly string[] | null {
  const url = parseRequestUrl(text);
  return url && [...PARTS.map((part) => url[part]), String(url.searchParams)];
}

/** What the standard's parser says, the final dot of the host aside. */
function expectedOf(text: string): readonly string[] | null {
  const url = URL.parse(text);
  if (url?.hostname.endsWith(".")) url.hostname = url.hostname.replace(/\.+$/, "");
  return url && [...PARTS.map((part) => url[part]), String(url.searchParams)];
}

/** True where the parser was not needed. */
function isPlain(text: string): boolean {
  return !(parseRequestUrl(text) instanceof URL);
}

describe("parseRequestUrl", () => {
  it("takes ordinary requests apart without the parser", () => {
    for (const text of [
      "http://app.example.com/",
      "https://app.example.com/a/b.css?v=3&x=%2F",
      "http://localhost:8787/proxy/ch_1/live/segment-12.ts?token=a.b-c_d~e",
      "http://a-b.test:65/.well-known/x",
      "http://a.test/it's/(1)/a=b;c,d/@x:y/..x/%41%zz//?",
    ]) {
      expect(isPlain(text), text).toBe(true);
      expect(partsOf(text), text).toEqual(expectedOf(text));
    }
  });

  it.each([
    ["upper case", "http://App.test/"],
    ["a final dot", "http://app.test./x"],
    ["the scheme's own port", "http://app.test:80/"],
    ["a port with zeros before it", "http://app.test:0080/"],
    ["a port that is too high", "http://app.test:65536/"],
    ["Punycode", "http://xn--bcher-kva.test/"],
    ["broken Punycode", "http://xn--a.test/"],
    ["a short address", "http://127.1/"],
    ["an address in hexadecimal", "http://a.0x7f/"],
    ["an IPv6 address", "http://[::1]/"],
    ["dot segments", "http://app.test/a/../b/./c"],
    ["dot segments at the end", "http://app.test/a/.."],
    ["escaped dot segments", "http://app.test/a/%2e%2E/b/.%2e/c/%2e?x"],
    ["a backslash", "http://app.test/a\\..\\b"],
    ["a user", "http://user@app.test/"],
    ["a fragment", "http://app.test/a#b"],
    ["letters that are escaped", 'http://app.test/ä b"<>`{}^|?ä\'"'],
    ["a quote in the query", "http://app.test/?a='b'"],
    ["a line break", "http://app.test/a\n/b"],
    ["no path", "http://app.test"],
    ["no host", "http:///a"],
    ["another scheme", "ftp://app.test/a"],
    ["nonsense", "no address"],
  ])("reads %s as the parser does", (_, text) => {
    expect(isPlain(text) && partsOf(text) !== null).toBe(false);
    expect(partsOf(text)).toEqual(expectedOf(text));
  });

  it("reads whatever may come as the parser does", () => {
    const piece = fc.constantFrom(
      ...[..."aZz09.-_~!$&'()*+,;=:@%/?#[]{}|^`\\\"<> \t\n\0\x7fäß。"],
      ..."xn-- %2e %2E .. ./ // :80 :443 :8080 :65535 :65536 0x7f 1. http https :// localhost a.test ?? /. /%2e".split(
        " ",
      ),
    );
    const texts = fc
      .tuple(
        fc.constantFrom("http://", "https://", "HTTP://", "http:/", ""),
        fc.array(piece, { maxLength: 12 }),
        fc.constantFrom("", "/", "a.test/", "localhost:8787/"),
        fc.array(piece, { maxLength: 12 }),
      )
      .map(([scheme, host, between, rest]) => scheme + host.join("") + between + rest.join(""));
    fc.assert(
      fc.property(texts, (text) => {
        expect(partsOf(text)).toEqual(expectedOf(text));
      }),
      { numRuns: 20_000 },
    );
  });

  it("needs time in proportion to the length", () => {
    const labels = `http://${"a-".repeat(50_000)}`;
    const segments = `http://a.test${"/.%2e".repeat(20_000)}"`;
    expect(partsOf(labels)).toEqual(expectedOf(labels));
    expect(partsOf(segments)).toEqual(expectedOf(segments));
  });
});
