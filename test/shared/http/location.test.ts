import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { publicLocation, type UpstreamBase } from "../../../shared/http/location.ts";

const PUBLIC = "https://app.example.com";

function rewrite(location: string, path = "", prefixes = { strip: "", add: "" }): string {
  const upstream: UpstreamBase = { origin: "http://10.0.0.1:3000", path };
  const other: UpstreamBase = { origin: "http://10.0.0.2:3000", path: "" };
  return publicLocation(location, upstream, [upstream, other], { origin: PUBLIC, rewrite: prefixes });
}

describe("publicLocation", () => {
  it("turns the upstream's own address into the public one", () => {
    expect(rewrite("http://10.0.0.1:3000/login?next=%2Fx#top")).toBe(`${PUBLIC}/login?next=%2Fx#top`);
    expect(rewrite("http://10.0.0.1:3000")).toBe(`${PUBLIC}/`);
    expect(rewrite("//10.0.0.1:3000/a")).toBe(`${PUBLIC}/a`);
  });

  it("turns the address of another upstream of the host, too", () => {
    expect(rewrite("http://10.0.0.2:3000/a")).toBe(`${PUBLIC}/a`);
  });

  it("leaves other sites and relative references byte for byte", () => {
    const same = [
      "https://login.example.org/x",
      "http://10.0.0.1:3001/",
      "//cdn.test/a",
      "next",
      "?q=1",
      "/a/../b",
      "",
    ];
    for (const location of same) expect(rewrite(location)).toBe(location);
    expect(rewrite("mailto:a@b.test")).toBe("mailto:a@b.test");
    expect(rewrite("http://[broken")).toBe("http://[broken");
  });

  it("takes the upstream's base path off", () => {
    expect(rewrite("/base/login?x=1", "/base")).toBe("/login?x=1");
    expect(rewrite("/base", "/base")).toBe("/");
    expect(rewrite("http://10.0.0.1:3000/base/a", "/base")).toBe(`${PUBLIC}/a`);
  });

  it("never makes another site of a path below the base path", () => {
    expect(rewrite("/base//evil.test/", "/base")).toBe(`${PUBLIC}//evil.test/`);
    expect(rewrite("/base/\\evil.test/", "/base")).toBe(`${PUBLIC}/\\evil.test/`);
  });

  it("sees through the tabs that browsers pass over", () => {
    expect(rewrite("/base/\t/evil.test/", "/base")).toBe(`${PUBLIC}//evil.test/`);
    expect(rewrite("/\t/10.0.0.1:3000/a")).toBe(`${PUBLIC}/a`);
  });

  it("undoes what was done to the request's path", () => {
    const prefixes = { strip: "/api", add: "/v2" };
    expect(rewrite("/base/v2/login?x=1", "/base", prefixes)).toBe("/api/login?x=1");
    expect(rewrite("/base/v2", "/base", prefixes)).toBe("/api");
    expect(rewrite("http://10.0.0.1:3000/base/v2/a#b", "/base", prefixes)).toBe(`${PUBLIC}/api/a#b`);
    expect(rewrite("/base/v20/a", "/base", prefixes)).toBe("/base/v20/a");
    expect(rewrite("/login", "", { strip: "/api", add: "" })).toBe("/api/login");
    expect(rewrite("/v2//evil.test", "", { strip: "", add: "/v2" })).toBe(`${PUBLIC}//evil.test`);
  });

  it("leads to the public host or where the upstream said, whatever the upstream says", () => {
    const parts = fc.constantFrom(
      "/",
      "\\",
      "//",
      "base",
      "v2",
      "http:",
      "https:",
      "10.0.0.1:3000",
      "evil.test",
      "\t",
      "?",
      "#",
      "@",
      "..",
      "%2F",
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 8 }), fc.boolean(), (pieces, hasPrefix) => {
        const location = pieces.join("");
        const asked = URL.parse(location, "http://10.0.0.1:3000/base/v2/x")?.host;
        const prefixes = { strip: hasPrefix ? "/api" : "", add: "/v2" };
        const led = URL.parse(rewrite(location, "/base", prefixes), `${PUBLIC}/api/x`)?.host;
        expect([asked, "app.example.com"]).toContain(led);
      }),
      { numRuns: 2_000 },
    );
  });

  it("leaves a path outside of the base path", () => {
    expect(rewrite("/basement", "/base")).toBe("/basement");
  });
});
