import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  canonicalIp,
  embeddedIpv4,
  formatAuthority,
  formatIp,
  parseHostLiteral,
  parseIp,
} from "../../../shared/net/address.ts";

function literal(host: string): string | undefined {
  const ip = parseHostLiteral(host);
  return ip === undefined || ip === "invalid" ? ip : formatIp(ip);
}

describe("parseIp and formatIp", () => {
  it("read every address that formatIp writes", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    );
    fc.assert(
      fc.property(bytes, (ip) => {
        expect(parseIp(formatIp(ip))).toEqual(ip);
      }),
      { numRuns: 300 },
    );
  });

  it("never throw, whatever the text", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        parseIp(text);
        parseHostLiteral(text);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "01.2.3.4",
    "0x7f.0.0.1",
    "fe80::1%eth0",
    ":::",
    "[::1]",
    "1::2::3",
  ])("refuse %j as the usual form", (text) => expect(parseIp(text)).toBeUndefined());
});

describe("canonicalIp", () => {
  it.each([
    ["127.0.0.1", "127.0.0.1"],
    ["::FFFF:127.0.0.1", "127.0.0.1"],
    ["::ffff:7f00:1", "127.0.0.1"],
    ["2001:0DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["0:0:0:0:0:0:0:0", "::"],
  ])("writes %s as %s", (text, canonical) => expect(canonicalIp(text)).toBe(canonical));

  it("keeps other addresses that carry IPv4 as they are", () => {
    expect(canonicalIp("64:ff9b::7f00:1")).toBe("64:ff9b::7f00:1");
  });
});

describe("embeddedIpv4", () => {
  it.each([
    ["::ffff:10.0.0.1", "10.0.0.1"],
    ["::ffff:0:10.0.0.1", "10.0.0.1"],
    ["64:ff9b::10.0.0.1", "10.0.0.1"],
    ["2002:0a00:0001::1", "10.0.0.1"],
    ["::10.0.0.1", "10.0.0.1"],
    ["::2", "0.0.0.2"],
  ])("finds in %s the address %s", (text, inner) => {
    const found = embeddedIpv4(parseIp(text) ?? new Uint8Array());
    expect(found && formatIp(found)).toBe(inner);
  });

  it.each(["::", "::1", "2001:4860:4860::8888", "10.0.0.1", "64:ff9b:1::1"])("finds none in %s", (text) => {
    expect(embeddedIpv4(parseIp(text) ?? new Uint8Array())).toBeUndefined();
  });
});

describe("parseHostLiteral", () => {
  it.each([
    ["2130706433", "127.0.0.1"],
    ["0x7f000001", "127.0.0.1"],
    ["0X7F.1", "127.0.0.1"],
    ["017700000001", "127.0.0.1"],
    ["0177.0.0.1", "127.0.0.1"],
    ["127.1", "127.0.0.1"],
    ["127.0.1", "127.0.0.1"],
    ["10.0.258", "10.0.1.2"],
    ["127.0.0.1.", "127.0.0.1"],
    ["0x", "0.0.0.0"],
    ["0", "0.0.0.0"],
    ["4294967295", "255.255.255.255"],
    ["[::1]", "::1"],
    ["[::ffff:7f00:1]", "::ffff:7f00:1"],
    ["::1", "::1"],
  ])("reads %s as %s", (host, address) => expect(literal(host)).toBe(address));

  it.each([
    "4294967296",
    "1.2.3.4.5",
    "256.0.0.1",
    "127.0.0.256",
    "a.1",
    "08.1.1.1",
    "1..2",
    "[::1",
    "[1.2.3.4]",
    "1:2",
  ])("knows that %s can be neither address nor name", (host) => expect(literal(host)).toBe("invalid"));

  it.each(["example.com", "1.example", "0x7g", "a", "-", ""])("takes %j for a name", (host) => {
    expect(literal(host)).toBeUndefined();
  });

  it("reads IPv4 just as URLs do", () => {
    const part = fc.oneof(
      fc.nat(0x1ff).map(String),
      fc.nat(0xfff).map((n) => `0x${n.toString(16)}`),
      fc.nat(0x1ff).map((n) => `0${n.toString(8)}`),
      fc.nat(0xffffffff).map(String),
    );
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
        const host = parts.join(".");
        const url = `http://${host}/`;
        expect(literal(host)).toBe(URL.canParse(url) ? new URL(url).hostname : "invalid");
      }),
      { numRuns: 500 },
    );
  });
});

describe("formatAuthority", () => {
  it("puts IPv6 into brackets", () => {
    expect(formatAuthority("::1", 80)).toBe("[::1]:80");
    expect(formatAuthority("a.example", 80)).toBe("a.example:80");
  });
});
