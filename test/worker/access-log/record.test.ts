import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ACCESS_LOG_LIMITS } from "../../../shared/limits.ts";
import { clipped, refererOf } from "../../../worker/access-log/record.ts";

describe("refererOf", () => {
  it("keeps origin and path only", () => {
    expect(refererOf("https://u:p@site.test:8443/a/b?q=1#f")).toBe("https://site.test:8443/a/b");
    expect(refererOf("http://site.test")).toBe("http://site.test/");
  });

  it("takes no credentials for a host, however long they are", () => {
    const secret = "s".repeat(ACCESS_LOG_LIMITS.HEADER_CHARS_MAX);
    expect(refererOf(`https://${secret}@site.test/a`)).toBe("https://site.test/a");
    expect(refererOf(`https://site.test/${secret}`)).toHaveLength(ACCESS_LOG_LIMITS.HEADER_CHARS_MAX);
  });

  it("hides the tokens of channels' addresses", () => {
    const shown = "https://site.test/proxy/ch_a/t.***/stream.m3u8";
    expect(refererOf("https://site.test/proxy/ch_a/t.k.p.m/stream.m3u8")).toBe(shown);
  });

  it("is null for what is no web address", () => {
    for (const text of [null, "", "about:blank", "data:text/plain,secret", "/relative?x", "android-app://x/"])
      expect(refererOf(text), String(text)).toBeNull();
  });

  it("never throws, and never shows a query or credentials", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const shown = refererOf(`https://user:hidden@site.test/${text}?hidden`) ?? "";
        expect(shown.length).toBeLessThan(4 * ACCESS_LOG_LIMITS.HEADER_CHARS_MAX);
        if (!text.includes("hidden")) expect(shown).not.toContain("hidden");
      }),
    );
  });
});

describe("clipped", () => {
  it("bounds a text, and is null for none", () => {
    expect([clipped("abcdef", 3), clipped("", 3), clipped(null, 3), clipped(undefined, 3)]).toEqual([
      "abc",
      null,
      null,
      null,
    ]);
  });
});
