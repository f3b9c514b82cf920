import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { forwardedFields } from "../../../relay/inbound/http-fields.ts";
import { parseBasic, parseConnectTarget, parseForwardTarget } from "../../../relay/inbound/http-target.ts";

describe("parseConnectTarget", () => {
  it("reads names and addresses with their port", () => {
    expect(parseConnectTarget("a.example:443")).toEqual({ host: "a.example", port: 443 });
    expect(parseConnectTarget("[2001:db8::1]:22")).toEqual({ host: "2001:db8::1", port: 22 });
  });

  it.each([
    "",
    ":443",
    "a.example",
    "a:b:443",
    "[::1]",
    "a.example:",
    "a/b:1",
    "u@a:1",
    "[1::2::3]:80",
    "[::1]:",
    "a:123456",
  ])("refuses %j", (text) => {
    expect(parseConnectTarget(text)).toBeUndefined();
  });
});

describe("parseForwardTarget", () => {
  it("keeps path and query as written, and user info and query out of the label", () => {
    expect(parseForwardTarget("HTTP://u:p@a.example:81/x//../y?q=%41")).toEqual({
      authority: "a.example:81",
      target: { host: "a.example", port: 81 },
      path: "/x//../y?q=%41",
      label: "http://a.example:81/x//../y",
    });
  });

  it.each([
    ["http://a.example", "/"],
    ["http://a.example?q", "/?q"],
    ["http://a.example:/a", "/a"],
    ["http://[2001:db8::1]/a", "/a"],
  ])("asks %s for %s", (url, path) => {
    expect(parseForwardTarget(url)?.path).toBe(path);
  });

  it("never throws, whatever the text", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        parseForwardTarget(`http://${text}`);
        parseConnectTarget(text);
        parseBasic(`Basic ${text}`);
      }),
      { numRuns: 300 },
    );
  });
});

describe("parseBasic", () => {
  it("splits at the first colon", () => {
    const header = `bAsIc ${Buffer.from("al:se:cret").toString("base64")}`;
    expect(parseBasic(header)).toEqual({ user: "al", password: "se:cret" });
  });

  it.each([
    undefined,
    "",
    "Bearer x",
    "Basic",
    "Basic !!",
    `Basic ${Buffer.from("nocolon").toString("base64")}`,
  ])("refuses %j", (header) => expect(parseBasic(header)).toBeUndefined());
});

describe("forwardedFields", () => {
  it("drops what belongs to this hop, keeps order, case and repetitions, and signs Via", () => {
    const raw = [
      "X-B",
      "1",
      "Connection",
      "close, x-hop",
      "X-Hop",
      "2",
      "x-b",
      "3",
      "Keep-Alive",
      "5",
      "Host",
      "a",
    ];
    expect(forwardedFields(raw, ["host"])).toEqual(["X-B", "1", "x-b", "3", "Via", "1.1 causeway"]);
  });

  it("keeps the length even when Connection lists it", () => {
    expect(forwardedFields(["Connection", "content-length", "Content-Length", "3"], [])).toContain(
      "Content-Length",
    );
  });
});
