import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../shared/config/parse.ts";

const USER = { name: "alice", password: `scrypt:15:8:3:${"A".repeat(22)}:${"A".repeat(43)}` };

type Raw = Readonly<Record<string, unknown>>;

/** Paths of the problems of a relay with these inbounds. */
function problems(...inbounds: Raw[]): string[] {
  const parsed = parseConfig({ relay: { users: [USER], inbounds } });
  return parsed.ok ? [] : parsed.problems.map(({ path }) => path.replace("relay.inbounds", ""));
}

const tcp = (more: Raw = {}): Raw => ({
  kind: "tcp",
  listen: "127.0.0.1:2222",
  target: "10.0.0.5:22",
  ...more,
});
const udp = (more: Raw = {}): Raw => ({ ...tcp(more), kind: "udp" });
const mixed = (more: Raw = {}): Raw => ({ kind: "mixed", listen: "127.0.0.1:1080", ...more });

describe("forwards", () => {
  it.each([
    ["a single port", {}],
    ["a range to a range", { listen: "127.0.0.1:3000-3010", target: "a.example:4000-4010" }],
    ["a range to one port", { listen: "127.0.0.1:3000-3010", target: "[2001:db8::1]:80" }],
    ["a free port", { listen: "127.0.0.1:0" }],
    ["a public listener that says so", { listen: "0.0.0.0:2222", public: true }],
    ["a range of public ports", { listen: "[::]:3000-3001", public: true }],
  ])("take %s", (_, keys) => expect(problems(tcp(keys), udp(keys))).toEqual([]));

  it.each([
    ["a public listener that does not say so", { listen: "0.0.0.0:2222" }, "public"],
    [
      "a range of public ports that does not say so",
      { listen: "0.0.0.0:3000-3001", target: "a:1" },
      "public",
    ],
    ["ranges of two lengths", { listen: "127.0.0.1:3000-3010", target: "a:4000-4009" }, "target"],
    ["a range for one port", { target: "a:4000-4001" }, "target"],
    ["a target without port", { target: "a" }, "target"],
    ["a target on port 0", { target: "a:0" }, "target"],
    ["itself for a target", { target: "127.0.0.1:2222" }, "target"],
    ["a falling range", { listen: "127.0.0.1:3010-3000" }, "listen"],
    ["a range from port 0", { listen: "127.0.0.1:0-5" }, "listen"],
    ["a range of too many ports", { listen: "127.0.0.1:1000-9000" }, "listen"],
    ["an agent, which nothing carries yet", { target: "agent:home/ssh" }, "target"],
  ])("refuse %s", (_, keys, key) => {
    expect(problems(tcp(keys))).toEqual([`[0].${key}`]);
    expect(problems(udp(keys))).toEqual([`[0].${key}`]);
  });

  it("refuse the keys of the other kind", () => {
    expect(problems(udp({ proxy_protocol: { to: "v1" } }))).toEqual(["[0].proxy_protocol"]);
    expect(problems(tcp({ idle_timeout: "10s" }))).toEqual(["[0].idle_timeout"]);
    expect(problems(tcp({ auth: "password" }))).toEqual(["[0].auth"]);
  });
});

describe("proxies", () => {
  it.each(["mixed", "socks", "http"])("%s beyond loopback needs passwords", (kind) => {
    expect(problems({ kind, listen: "0.0.0.0:1080" })).toEqual(["[0].auth"]);
    expect(problems({ kind, listen: "0.0.0.0:1080", auth: "password" })).toEqual([]);
  });

  it("http has none of SOCKS's keys", () => {
    const socks = { advertise: "198.51.100.7", bind_ports: "40000-40100", udp_ports: "5000" };
    expect(problems(mixed(socks), { ...mixed(socks), kind: "socks", listen: "127.0.0.1:1081" })).toEqual([]);
    expect(problems({ ...mixed(socks), kind: "http" })).toEqual([
      "[0].advertise",
      "[0].bind_ports",
      "[0].udp_ports",
    ]);
  });

  it.each(["0.0.0.0", "::", "proxy.example.com", "127.0.0.1:80"])("advertise no %s", (advertise) => {
    expect(problems(mixed({ advertise }))).toEqual(["[0].advertise"]);
  });

  it.each(["0-10", "1-70000", "10-5", "x", ""])("have no ports %j", (ports) => {
    expect(problems(mixed({ bind_ports: ports, udp_ports: ports }))).toEqual([
      "[0].bind_ports",
      "[0].udp_ports",
    ]);
  });
});

describe("load balancers", () => {
  it("are not everybody on a public listener", () => {
    const anybody = { proxy_protocol: { from: ["10.0.0.0/8", "0.0.0.0/0"] } };
    expect(problems(tcp({ ...anybody, listen: "0.0.0.0:1", public: true }))).toEqual([
      "[0].proxy_protocol.from[1]",
    ]);
    expect(problems(mixed({ ...anybody, listen: "[::]:1", auth: "password" }))).toEqual([
      "[0].proxy_protocol.from[1]",
    ]);
    expect(problems(tcp(anybody))).toEqual([]);
  });
});

describe("names and addresses of inbounds", () => {
  it("are each used once", () => {
    expect(problems(mixed({ name: "a" }), tcp({ name: "a" }))).toEqual(["[1].name"]);
    expect(problems(mixed({ name: "tcp" }))).toEqual(["[0].name"]);
    expect(problems(mixed({ name: "mixed" }))).toEqual([]);
  });

  it("may not share a port, also not by a range, but TCP and UDP have ports of their own", () => {
    const range = tcp({ listen: "127.0.0.1:2000-2300", target: "a:1" });
    expect(problems(range, tcp())).toEqual(["[1].listen"]);
    expect(problems(mixed({ listen: "localhost:2222" }), mixed({ listen: "LOCALHOST:2222" }))).toEqual([
      "[1].listen",
    ]);
    expect(problems(range, udp(), mixed())).toEqual([]);
    expect(problems(tcp({ listen: "127.0.0.1:0" }), tcp({ listen: "127.0.0.1:0" }))).toEqual([]);
  });
});
