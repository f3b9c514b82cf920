import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseHostPorts, parsePortRange, portCount } from "../../../shared/net/ports.ts";

describe("parsePortRange", () => {
  it("reads one port and a range", () => {
    expect(parsePortRange("80")).toEqual({ first: 80, last: 80 });
    expect(parsePortRange("40000-40100")).toEqual({ first: 40_000, last: 40_100 });
    expect(portCount({ first: 3, last: 5 })).toBe(3);
  });

  it.each(["", "0", "65536", "5-4", "1-", "-1", "1-2-3", "1 - 2", "x"])("refuses %j", (text) => {
    expect(parsePortRange(text)).toBeUndefined();
  });
});

describe("parseHostPorts", () => {
  it("reads names, addresses and IPv6 in brackets", () => {
    expect(parseHostPorts("a.example:22")).toEqual({ host: "a.example", first: 22, last: 22 });
    expect(parseHostPorts("[2001:db8::1]:1-2")).toEqual({ host: "2001:db8::1", first: 1, last: 2 });
  });

  it.each(["a", ":22", "a:", "::1:22", "[::1]", "a b:22", "u@a:22", "a/b:22", "a:0"])(
    "refuses %j",
    (text) => {
      expect(parseHostPorts(text)).toBeUndefined();
    },
  );

  it("never throws", () => fc.assert(fc.property(fc.string(), (text) => void parseHostPorts(text))));
});
