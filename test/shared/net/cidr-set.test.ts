import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseIp } from "../../../shared/net/address.ts";
import { cidrContains, parseCidr } from "../../../shared/net/cidr.ts";
import { CidrSet } from "../../../shared/net/cidr-set.ts";
import { clientNetwork } from "../../../shared/net/client-network.ts";

const IPV4 = fc.tuple(...[0, 1, 2, 3].map(() => fc.nat(255))).map((parts) => parts.join("."));
const IPV6 = fc
  .array(fc.nat(0xffff), { minLength: 8, maxLength: 8 })
  .map((parts) => parts.map((part) => part.toString(16)).join(":"));

describe("CidrSet", () => {
  it("holds exactly the addresses of its ranges", () => {
    const range = fc.oneof(
      fc.tuple(IPV4, fc.nat(32)).map(([ip, bits]) => `${ip}/${bits}`),
      fc.tuple(IPV6, fc.nat(128)).map(([ip, bits]) => `${ip}/${bits}`),
    );
    fc.assert(
      fc.property(fc.array(range, { maxLength: 8 }), fc.oneof(IPV4, IPV6), (ranges, text) => {
        const ip = parseIp(text) ?? new Uint8Array();
        const expected = ranges.some((one) => {
          const cidr = parseCidr(one);
          return cidr !== undefined && cidrContains(cidr, ip);
        });
        expect(new CidrSet(ranges).has(text)).toBe(expected);
      }),
      { numRuns: 300 },
    );
  });

  it("knows an address by its first and last neighbours", () => {
    const set = new CidrSet(["203.0.113.64/26", "2001:db8:1::/48", "198.51.100.7"]);
    expect(
      ["203.0.113.63", "203.0.113.64", "203.0.113.127", "203.0.113.128"].map((ip) => set.has(ip)),
    ).toEqual([false, true, true, false]);
    expect(set.has("2001:db8:1:ffff:ffff:ffff:ffff:ffff")).toBe(true);
    expect(set.has("2001:db8:2::")).toBe(false);
    expect(set.has("198.51.100.7")).toBe(true);
    expect(set.has("198.51.100.8")).toBe(false);
  });

  it("takes IPv4-mapped addresses and ranges as IPv4", () => {
    expect(new CidrSet(["10.0.0.0/8"]).has("::ffff:10.1.2.3")).toBe(true);
    expect(new CidrSet(["::ffff:10.0.0.0/104"]).has("10.1.2.3")).toBe(true);
    expect(new CidrSet(["::ffff:10.0.0.0/104"]).has("11.1.2.3")).toBe(false);
  });

  it("holds everybody of a family by a prefix of 0, and nobody of the other one", () => {
    expect(new CidrSet(["0.0.0.0/0"]).has("8.8.8.8")).toBe(true);
    expect(new CidrSet(["0.0.0.0/0"]).has("2001:db8::1")).toBe(false);
    expect(new CidrSet(["::/0"]).has("8.8.8.8")).toBe(false);
  });

  it("holds no text that is no address", () => {
    expect(new CidrSet(["0.0.0.0/0", "::/0"]).has("localhost")).toBe(false);
  });
});

describe("clientNetwork", () => {
  it("is an IPv4 address itself, and of an IPv6 address its /64", () => {
    expect(clientNetwork("192.0.2.7")).toBe("192.0.2.7");
    expect(clientNetwork("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2::");
    expect(clientNetwork("2001:db8:1:2:ffff::1")).toBe("2001:db8:1:2::");
    expect(clientNetwork("2001:db8:1:3::1")).toBe("2001:db8:1:3::");
  });
});
