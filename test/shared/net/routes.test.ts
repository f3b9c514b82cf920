import { describe, expect, it } from "vitest";
import { HostSet, RouteTable } from "../../../shared/net/routes.ts";

function table(...patterns: string[]) {
  const entries = patterns.map((pattern) => {
    const slash = pattern.indexOf("/");
    return { host: pattern.slice(0, slash), path: pattern.slice(slash) };
  });
  const routes = new RouteTable(entries);
  return (hostname: string, pathname = "/") => {
    const found = routes.match(hostname, pathname);
    return found && found.host + found.path;
  };
}

describe("RouteTable", () => {
  it("prefers the exact host, then the wildcard with the longest suffix", () => {
    const match = table("*.example.com/*", "*.eu.example.com/*", "app.eu.example.com/*");
    expect(match("app.eu.example.com")).toBe("app.eu.example.com/*");
    expect(match("b.eu.example.com")).toBe("*.eu.example.com/*");
    expect(match("a.b.example.com")).toBe("*.example.com/*");
  });

  it("wants at least one label for the asterisk", () => {
    const match = table("*.example.com/*");
    expect(match("example.com")).toBeUndefined();
    expect(match(".example.com")).toBeUndefined();
    expect(match("notexample.com")).toBeUndefined();
  });

  it("prefers the longest path, and of equal ones the exact", () => {
    const match = table("a.test/*", "a.test/api/*", "a.test/api/v2*", "a.test/api/v2");
    expect(match("a.test", "/")).toBe("a.test/*");
    expect(match("a.test", "/api")).toBe("a.test/*");
    expect(match("a.test", "/api/x")).toBe("a.test/api/*");
    expect(match("a.test", "/api/v2")).toBe("a.test/api/v2");
    expect(match("a.test", "/api/v2/x")).toBe("a.test/api/v2*");
  });

  it("falls back to a wildcard whose path matches", () => {
    const match = table("a.example.com/api/*", "*.example.com/*");
    expect(match("a.example.com", "/x")).toBe("*.example.com/*");
  });

  it("ignores case, port and trailing dot, and knows IDN by either spelling", () => {
    const match = table("App.Example.com/*", "bücher.example/*", "[::1]/*");
    expect(match("APP.example.COM.")).toBe("App.Example.com/*");
    expect(match("app.example.com:8443")).toBe("App.Example.com/*");
    expect(match("xn--bcher-kva.example")).toBe("bücher.example/*");
    expect(match("[::1]:80")).toBe("[::1]/*");
  });

  it("knows no host that is not configured, whatever it is called", () => {
    const match = table("a.test/*");
    for (const host of ["b.test", "", "constructor", "__proto__", "a.test.evil", " ", "%"])
      expect(match(host)).toBeUndefined();
  });

  it("reads an escaped letter as the letter", () => {
    const match = table("a.test/*", "a.test/admin/*");
    expect(match("a.test", "/caf%C3%A9")).toBe("a.test/*");
    expect(match("a.test", "/admin/%41")).toBe("a.test/admin/*");
  });

  it("refuses a spelling that origins read as a path of another entry", () => {
    const match = table("a.test/*", "a.test/admin/*");
    const spellings = [
      "/%61dmin/x",
      "/admin%2Fx",
      "/admin%5cx",
      "//admin/x",
      "/x/..%2fadmin/y",
      "/x/%2e%2e%2fadmin/y",
      "/%2561dmin/x",
      "/admin/..%2Fx",
      "/x/..;/admin/y",
      "/admin;v=1/y",
      "/x/..%3bv/admin/y",
    ];
    for (const path of spellings) expect([path, match("a.test", path)]).toEqual([path, undefined]);
  });

  it("does not hand a refused spelling on to a wildcard", () => {
    const match = table("a.test/*", "a.test/admin/*", "*.test/*");
    expect(match("a.test", "/admin%2Fx")).toBeUndefined();
    expect(table("a.test/admin/*", "*.test/*")("a.test", "/%61dmin/x")).toBeUndefined();
    expect(match("b.test", "/admin%2Fx")).toBe("*.test/*");
  });

  it("serves path parameters that change nothing", () => {
    const match = table("a.test/*", "a.test/admin/*");
    expect(match("a.test", "/shop;id=1/x")).toBe("a.test/*");
    expect(match("a.test", "/admin/x;id=1")).toBe("a.test/admin/*");
  });

  it("serves any spelling where one entry covers everything", () => {
    expect(table("a.test/*")("a.test", "/x/..%2fadmin//y")).toBe("a.test/*");
  });
});

describe("RouteTable.covers", () => {
  it("knows the hosts that some path of is served", () => {
    const table = new RouteTable([
      { host: "a.test", path: "/api" },
      { host: "*.b.test", path: "/*" },
    ]);
    expect(["a.test", "A.test.", "x.b.test"].map((host) => table.covers(host))).not.toContain(false);
    expect(["b.test", "x.a.test", ""].map((host) => table.covers(host))).not.toContain(true);
  });
});

describe("HostSet", () => {
  it("names the first that is no pattern", () => {
    expect(new HostSet(["*.live.test", "tv.test", "b.test"]).first).toBe("tv.test");
    expect(new HostSet(["*.live.test"]).first).toBeUndefined();
  });

  it("has exact names and names below a wildcard", () => {
    const hosts = new HostSet(["tv.test", "*.live.test"]);
    expect(
      ["tv.test", "TV.test.", "a.live.test", "a.b.live.test"].map((host) => hosts.has(host)),
    ).not.toContain(false);
    expect(["live.test", "x.tv.test", ""].map((host) => hosts.has(host))).not.toContain(true);
  });
});
