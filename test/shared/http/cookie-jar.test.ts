import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CookieJar, cookieField } from "../../../shared/http/cookie-jar.ts";
import { COOKIE_LIMITS } from "../../../shared/limits.ts";

const NOW = Date.parse("2026-11-21T00:00:00Z");

function jar(at: string, ...values: string[]): CookieJar {
  const made = new CookieJar();
  made.store(new URL(at), values, NOW);
  return made;
}

function sent(from: CookieJar, to: string, now = NOW): string | undefined {
  return cookieField(null, from.match(new URL(to), now));
}

describe("CookieJar", () => {
  it("sends a cookie back to the host that set it and to no other", () => {
    const cookies = jar("http://a.test/live/index.m3u8", "sid=1");
    expect(sent(cookies, "http://a.test/live/seg.ts")).toBe("sid=1");
    expect(sent(cookies, "http://b.a.test/live/seg.ts")).toBeUndefined();
    expect(sent(cookies, "http://evil.test/live/seg.ts")).toBeUndefined();
  });

  it("covers subdomains with Domain, never a top-level domain or somebody else's", () => {
    expect(sent(jar("http://a.cdn.test/x", "k=1; Domain=.cdn.test"), "http://b.cdn.test/x")).toBe("k=1");
    expect(jar("http://a.test/x", "k=1; Domain=test").size).toBe(0);
    expect(jar("http://a.test/x", "k=1; Domain=b.test").size).toBe(0);
    expect(jar("http://10.0.0.1/x", "k=1; Domain=0.0.1").size).toBe(0);
  });

  it("goes by Path, by default the directory, longer paths first", () => {
    const cookies = jar("http://a.test/live/index.m3u8", "d=1", "r=2; Path=/");
    expect(sent(cookies, "http://a.test/live/x/seg.ts")).toBe("d=1; r=2");
    expect(sent(cookies, "http://a.test/lively/seg.ts")).toBe("r=2");
  });

  it("ends with Max-Age before Expires, and is deleted by a past one", () => {
    const cookies = jar("http://a.test/", "a=1; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
    expect(sent(cookies, "http://a.test/", NOW + 9_000)).toBe("a=1");
    expect(sent(cookies, "http://a.test/", NOW + 10_000)).toBeUndefined();
    cookies.store(new URL("http://a.test/"), ["a=; Expires=Wed, 21-Oct-2015 07:28:00 GMT"], NOW);
    expect(cookies.size).toBe(0);
  });

  it("keeps Secure cookies off plain HTTP, and names that promise more off weaker ones", () => {
    const cookies = jar("https://a.test/", "s=1; Secure");
    expect([sent(cookies, "https://a.test/"), sent(cookies, "http://a.test/")]).toEqual(["s=1", undefined]);
    expect(jar("http://a.test/", "s=1; Secure").size).toBe(0);
    expect(jar("https://a.test/", "__Host-s=1; Secure; Path=/x").size).toBe(0);
  });

  it("says whether anything changed, so that it is shared only then", () => {
    const cookies = jar("http://a.test/", "a=1");
    expect(cookies.store(new URL("http://a.test/"), ["a=1"], NOW)).toBe(false);
    expect(cookies.store(new URL("http://a.test/"), ["a=2"], NOW)).toBe(true);
  });

  it("stays bounded and never throws, and is the same jar from its list", () => {
    const value = fc.string({
      unit: fc.constantFrom("a", "=", ";", " ", "Domain", "Path", "/", "Max-Age", "1", ",", "\u00e9", "."),
    });
    fc.assert(
      fc.property(fc.array(value, { maxLength: 200 }), (values) => {
        const cookies = jar("https://a.b.test/x/y", ...values);
        expect(cookies.size).toBeLessThanOrEqual(COOKIE_LIMITS.COOKIES_MAX);
        const copy = new CookieJar(cookies.list(NOW));
        expect(copy.list(NOW)).toEqual(cookies.list(NOW));
        const field = sent(cookies, "https://a.b.test/x/y") ?? "";
        expect(field.length).toBeLessThanOrEqual(COOKIE_LIMITS.FIELD_CHARS_MAX);
        expect(field).toMatch(/^[\x20-\x7e]*$/);
      }),
    );
  });
});

describe("cookieField", () => {
  it("puts configured cookies first, without those that the origin has set anew", () => {
    const cookies = jar("http://a.test/", "b=new");
    expect(cookieField("a=1; b=old", cookies.match(new URL("http://a.test/"), NOW))).toBe("a=1; b=new");
    expect(cookieField(null, [])).toBeUndefined();
  });
});
