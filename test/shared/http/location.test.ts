import { describe, expect, it } from "vitest";
import { publicLocation, type UpstreamBase } from "../../../shared/http/location.ts";

const PUBLIC = "https://app.example.com";

function rewrite(location: string, path = ""): string {
  const upstream: UpstreamBase = { origin: "http://10.0.0.1:3000", path };
  const other: UpstreamBase = { origin: "http://10.0.0.2:3000", path: "" };
  return publicLocation(location, upstream, [upstream, other], PUBLIC);
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

  it("leaves a path outside of the base path", () => {
    expect(rewrite("/basement", "/base")).toBe("/basement");
  });
});
