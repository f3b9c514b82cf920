import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { controlOf } from "../../../../shared/http/cache/control.ts";
import { deltaMs, namedFields, parseDirectives } from "../../../../shared/http/cache/directives.ts";
import { wishOf } from "../../../../shared/http/cache/request.ts";

describe("parseDirectives", () => {
  it("reads names in any case, arguments and quoted arguments", () => {
    const directives = parseDirectives('Max-Age=60, PRIVATE="a, b" ,no-store');
    expect([...directives]).toEqual([
      ["max-age", "60"],
      ["private", "a, b"],
      ["no-store", ""],
    ]);
  });

  it("takes nothing within quotes for a directive, escaped quotes included", () => {
    const directives = parseDirectives('x="max-age=3600, \\", no-store", max-age=1');
    expect(directives.get("max-age")).toBe("1");
    expect(directives.has("no-store")).toBe(false);
  });

  it("keeps the first of a name", () => {
    expect(parseDirectives("max-age=1, max-age=3600").get("max-age")).toBe("1");
  });

  it("hears what forbids also from a field that is written wrongly or twice", () => {
    expect(parseDirectives("private; max-age=60").has("private")).toBe(true);
    expect(parseDirectives("no-store; max-age=60").has("no-store")).toBe(true);
    expect(parseDirectives('private="a", private').get("private")).toBe("");
  });

  it("never throws, and knows no name that is no token", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        for (const name of parseDirectives(text).keys()) expect(name).toMatch(/^[!#$%&'*+.^_`|~0-9a-z-]+$/);
      }),
    );
  });
});

describe("deltaMs", () => {
  it("is milliseconds of a plain number of seconds, bounded", () => {
    expect(deltaMs("003600")).toBe(3_600_000);
    expect(deltaMs("99999999999999999999999")).toBeLessThan(Number.MAX_SAFE_INTEGER);
  });

  it.each(["", "-1", "1.0", "'60'", "60a", " 60", undefined])("is nothing for %j", (text) => {
    expect(deltaMs(text)).toBeUndefined();
  });
});

describe("namedFields", () => {
  it("lists names in lower case and drops what is none", () => {
    expect(namedFields("Set-Cookie, bad name,X-A")).toEqual(["set-cookie", "x-a"]);
    expect(namedFields(undefined)).toEqual([]);
  });
});

describe("controlOf", () => {
  const directivesOf = (fields: Record<string, string>) =>
    Object.fromEntries(controlOf(new Headers(fields)).directives);

  it("prefers CDN-Cache-Control to Surrogate-Control to Cache-Control", () => {
    const all = {
      "CDN-Cache-Control": "max-age=1",
      "Surrogate-Control": "max-age=2",
      "Cache-Control": "max-age=3",
    };
    expect(directivesOf(all)).toEqual({ "max-age": "1" });
    expect(directivesOf({ ...all, "CDN-Cache-Control": "" })).toEqual({ "max-age": "2" });
    expect(directivesOf({ "Cache-Control": "max-age=3", "Surrogate-Control": 'content="ESI/1.0"' })).toEqual({
      "max-age": "3",
    });
  });

  it("obeys Surrogate-Control only where it is for everyone or for this cache", () => {
    const fields = {
      "Surrogate-Control": "max-age=60;other, max-age=30+10;causeway",
      "Cache-Control": "no-store",
    };
    expect(directivesOf(fields)).toEqual({ "max-age": "30", "stale-while-revalidate": "10" });
    expect(directivesOf({ ...fields, "Surrogate-Control": "max-age=60;other" })).toEqual({ "no-store": "" });
  });
});

describe("wishOf", () => {
  const wish = (fields: Record<string, string>) => wishOf(new Headers(fields));

  it("reads what a client asks for", () => {
    expect(wish({ "Cache-Control": "max-age=5, min-fresh=2, max-stale=9, only-if-cached" })).toEqual({
      noStore: false,
      noCache: false,
      onlyIfCached: true,
      maxAgeMs: 5_000,
      minFreshMs: 2_000,
      maxStaleMs: 9_000,
    });
    expect(wish({ "Cache-Control": "max-stale" }).maxStaleMs).toBe(Number.POSITIVE_INFINITY);
  });

  it("reads Pragma only without Cache-Control", () => {
    expect(wish({ Pragma: "no-cache" }).noCache).toBe(true);
    expect(wish({ Pragma: "no-cache", "Cache-Control": "max-age=60" }).noCache).toBe(false);
  });
});
