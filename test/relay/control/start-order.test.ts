import { describe, expect, it } from "vitest";
import { wishFor } from "../../../relay/control/start-order.ts";
import type { StartOrder } from "../../../shared/control/orders.ts";

const USERS = [{ name: "alice", password: "x" }];
const TERMS = {
  remote_ports: [
    { host: "0.0.0.0", first: 40_000, last: 40_010 },
    { host: "2001:db8::1", first: 1080, last: 1080 },
  ],
  users: USERS,
};

function listenFor(order: Partial<StartOrder>, terms: Partial<typeof TERMS> = {}): string {
  return wishFor({ port: 1080, proxy_type: "mixed", ...order }, { ...TERMS, ...terms }).config.listen;
}

describe("wishFor", () => {
  it("opens loopback where nothing else is said, without a password", () => {
    const { config, origin } = wishFor({ port: 0, proxy_type: "socks" }, { remote_ports: [], users: [] });
    expect(config).toMatchObject({ kind: "socks", listen: "127.0.0.1:0", auth: "none" });
    expect(origin).toBe("order");
    expect(listenFor({ address: "::1" })).toBe("[::1]:1080");
  });

  it("opens a listed port at its address, with passwords", () => {
    const { config } = wishFor({ port: 40_010, proxy_type: "mixed" }, TERMS);
    expect(config).toMatchObject({ listen: "0.0.0.0:40010", auth: "password" });
    expect(listenFor({ port: 40_000, address: "127.0.0.1" })).toBe("127.0.0.1:40000");
    expect(listenFor({ address: "2001:DB8:0::1" })).toBe("[2001:db8::1]:1080");
  });

  it.each([
    ["every address", { address: "0.0.0.0", port: 80 }],
    ["a port beside the range", { address: "0.0.0.0", port: 40_011 }],
    ["port 0, which would be any", { address: "0.0.0.0", port: 0 }],
    ["an IPv4 address in IPv6 clothes", { address: "::ffff:0.0.0.0", port: 80 }],
    ["a listed port at another address", { address: "198.51.100.7", port: 40_000 }],
    ["IPv6's every address", { address: "::", port: 40_000 }],
  ])("does not open %s", (_, order) => {
    expect(() => listenFor(order)).toThrow(expect.objectContaining({ code: "port_not_offered" }));
  });

  it("opens nothing beyond loopback without passwords, and none with them where nobody has one", () => {
    expect(() => listenFor({ port: 40_000, auth: "none" })).toThrow(/beyond loopback/);
    expect(() => listenFor({ port: 40_000 }, { users: [] })).toThrow(/no users/);
    expect(() => listenFor({ auth: "password" }, { users: [] })).toThrow(/no users/);
  });
});
