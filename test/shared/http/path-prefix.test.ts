import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isBelow, publicPath, targetPath } from "../../../shared/http/path-prefix.ts";

describe("targetPath", () => {
  it("takes a prefix off at the border of a segment only", () => {
    const rewrite = { strip: "/api", add: "" };
    expect(targetPath("/api/x", rewrite)).toBe("/x");
    expect(targetPath("/api/", rewrite)).toBe("/");
    expect(targetPath("/api", rewrite)).toBe("/");
    expect(targetPath("/apis/x", rewrite)).toBe("/apis/x");
    expect(targetPath("/x/api", rewrite)).toBe("/x/api");
    expect(targetPath("/api//x", rewrite)).toBe("//x");
  });

  it("puts a prefix before what is left", () => {
    expect(targetPath("/x", { strip: "", add: "/v2" })).toBe("/v2/x");
    expect(targetPath("/api/x", { strip: "/api", add: "/v2" })).toBe("/v2/x");
    expect(targetPath("/api", { strip: "/api", add: "/v2" })).toBe("/v2");
    expect(targetPath("/other", { strip: "/api", add: "/v2" })).toBe("/v2/other");
  });
});

describe("publicPath", () => {
  it("undoes what targetPath does", () => {
    const segment = fc.stringMatching(/^[a-z%.;]{0,4}$/);
    const prefix = fc.constantFrom("", "/a", "/a/b");
    fc.assert(
      fc.property(
        fc.array(segment, { maxLength: 4 }),
        prefix,
        prefix,
        prefix,
        (segments, strip, add, base) => {
          const path = `${strip}/${segments.join("/")}`;
          const rewrite = { strip, add };
          expect(publicPath(base + targetPath(path, rewrite), base + add, rewrite)).toBe(path);
        },
      ),
    );
  });

  it("knows no public path for what lies outside of the base", () => {
    expect(publicPath("/other", "/base", { strip: "/api", add: "" })).toBeUndefined();
    expect(publicPath("/based", "/base", { strip: "", add: "" })).toBeUndefined();
  });
});

describe("isBelow", () => {
  it("holds at the border of a segment, a query or a fragment", () => {
    for (const path of ["/a", "/a/", "/a/b", "/a?b", "/a#b"]) expect(isBelow(path, "/a"), path).toBe(true);
    for (const path of ["/ab", "/", "", "/b/a"]) expect(isBelow(path, "/a"), path).toBe(false);
  });
});
