import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseIngressTarget } from "../../../shared/ingress/target.ts";

describe("parseIngressTarget", () => {
  it("takes a URL apart and leaves path and query byte for byte", () => {
    expect(parseIngressTarget("https://App.example.com:8443/a//../b%2f?x=|{}&token=1")).toEqual({
      secure: true,
      host: "app.example.com",
      port: 8443,
      origin: "https://app.example.com:8443",
      authority: "app.example.com:8443",
      path: "/a//../b%2f?x=|{}&token=1",
      label: "https://app.example.com:8443/a//../b%2f",
    });
  });

  it.each([
    ["http://a.example", "http://a.example", "/"],
    ["http://a.example:80/", "http://a.example", "/"],
    ["https://a.example:443/x", "https://a.example", "/x"],
    ["http://a.example:443/x", "http://a.example:443", "/x"],
    ["http://a.example?q", "http://a.example", "/?q"],
    ["http://[2001:DB8::1]:8080/", "http://[2001:db8::1]:8080", "/"],
    ["http://10.0.0.5:9/", "http://10.0.0.5:9", "/"],
  ])("reads %s", (text, origin, path) => {
    expect(parseIngressTarget(text)).toMatchObject({ origin, path });
  });

  it.each([
    "",
    "/path",
    "ftp://a.example/",
    "ws://a.example/",
    "http://",
    "http:///x",
    "http://a.example:0/",
    "http://a.example:65536/",
    "http://u:p@a.example/",
    "http://a.example/#f",
    "http://a.example/a b",
    "http://a.example/a\r\nX: y",
    "http://a.example/\u00e9",
    "http://ex\u00e4mple/",
    "http://1.2.3.4.5/",
    "http://[::1/",
    "http://[1.2.3.4]/",
    "http://a%2eexample/",
    "http://a.example\\@b.example/",
    `http://a.example/${"x".repeat(20_000)}`,
  ])("refuses %j", (text) => {
    expect(parseIngressTarget(text)).toBeUndefined();
  });

  it("never throws, and what it accepts is one line of printable text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const target = parseIngressTarget(`http://a${text}`);
        if (target !== undefined) expect(target.authority + target.path).toMatch(/^[!-~]+$/);
      }),
    );
  });
});
