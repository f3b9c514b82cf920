import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatIp, parseIp } from "../../../shared/net/address.ts";
import { CidrTable, cidrContains, parseCidr } from "../../../shared/net/cidr.ts";

function contains(range: string, address: string): boolean {
  const cidr = parseCidr(range);
  const ip = parseIp(address);
  if (cidr === undefined || ip === undefined) throw new Error("bad example");
  return cidrContains(cidr, ip);
}

describe("parseCidr", () => {
  it.each([
    "",
    "/8",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "::/129",
    "name/8",
    "10.0.0.0/1e1",
  ])("refuses %j", (text) => expect(parseCidr(text)).toBeUndefined());

  it("takes a bare address as a range of one", () => {
    expect(parseCidr("10.0.0.1")?.prefix).toBe(32);
    expect(parseCidr("::1")?.prefix).toBe(128);
  });
});

describe("cidrContains", () => {
  it.each([
    ["10.0.0.0/8", "10.255.0.1", true],
    ["10.0.0.0/8", "11.0.0.0", false],
    ["100.64.0.0/10", "100.127.255.255", true],
    ["100.64.0.0/10", "100.128.0.0", false],
    ["0.0.0.0/0", "255.1.2.3", true],
    ["fc00::/7", "fdff::1", true],
    ["fc00::/7", "fe00::1", false],
    ["0.0.0.0/0", "::1", false],
  ])("%s contains %s: %s", (range, address, expected) => expect(contains(range, address)).toBe(expected));

  it("holds exactly the addresses that share the prefix", () => {
    const octets = fc.uint8Array({ minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(octets, octets, fc.integer({ min: 0, max: 32 }), (range, ip, prefix) => {
        const bits = (bytes: Uint8Array) =>
          [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
        const expected = bits(range).slice(0, prefix) === bits(ip).slice(0, prefix);
        expect(contains(`${formatIp(range)}/${prefix}`, formatIp(ip))).toBe(expected);
      }),
      { numRuns: 300 },
    );
  });
});

describe("CidrTable", () => {
  it("lets the longest range decide, in any order", () => {
    const table = new CidrTable([
      ["10.0.0.0/8", "wide"],
      ["10.1.0.0/16", "narrow"],
    ]);
    expect(table.find(Uint8Array.of(10, 1, 2, 3))).toBe("narrow");
    expect(table.find(Uint8Array.of(10, 2, 2, 3))).toBe("wide");
    expect(table.find(Uint8Array.of(11, 0, 0, 0))).toBeUndefined();
  });

  it("refuses a range that cannot be read", () => {
    expect(() => new CidrTable([["10/8", 1]])).toThrow(RangeError);
  });
});
