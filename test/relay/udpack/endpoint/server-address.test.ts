// Addresses of servers as people write them.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseServerAddress, portOfAttempt } from "../../../../relay/udpack/endpoint/server-address.ts";

describe("parseServerAddress", () => {
  it("reads names, IPv4 and IPv6 with one port or a range", () => {
    expect(parseServerAddress("relay.example.com:7000")).toEqual({
      host: "relay.example.com",
      portFirst: 7_000,
      portLast: 7_000,
    });
    expect(parseServerAddress("192.0.2.1:7000-7100")).toEqual({
      host: "192.0.2.1",
      portFirst: 7_000,
      portLast: 7_100,
    });
    expect(parseServerAddress("[2001:db8::1]:1-65535")).toEqual({
      host: "2001:db8::1",
      portFirst: 1,
      portLast: 65_535,
    });
  });

  it("refuses what is not an address with a port", () => {
    const wrong = [
      "",
      "host",
      "host:",
      ":7000",
      "host:0",
      "host:65536",
      "host:9-8",
      "[host]:1",
      "::1:7000",
      "a b:1",
    ];
    for (const text of [...wrong, "host:1-", "host:-1", "http://host:1", "host:1x"])
      expect(parseServerAddress(text), text).toBeUndefined();
  });

  it("never throws", () => {
    fc.assert(fc.property(fc.string(), (text) => void parseServerAddress(text)));
  });
});

describe("portOfAttempt", () => {
  it("goes around the range, each port once", () => {
    const address = { host: "h", portFirst: 10, portLast: 14 };
    const ports = Array.from({ length: 10 }, (_, attempt) =>
      portOfAttempt(address, { first: 3, attempt, addresses: 1 }),
    );
    expect(ports).toEqual([13, 14, 10, 11, 12, 13, 14, 10, 11, 12]);
  });

  it("meets each of a host's addresses at each port", () => {
    for (const [ports, addresses] of [
      [1, 2],
      [2, 2],
      [4, 2],
      [2, 4],
      [6, 4],
      [3, 2],
      [5, 1],
    ] as const) {
      const range = { host: "h", portFirst: 100, portLast: 99 + ports };
      const tried = Array.from({ length: ports * addresses }, (_, attempt) => {
        const port = portOfAttempt(range, { first: 1, attempt, addresses });
        return `${port} ${attempt % addresses}`;
      });
      expect(new Set(tried).size, `${ports} ports, ${addresses} addresses`).toBe(ports * addresses);
    }
  });
});
