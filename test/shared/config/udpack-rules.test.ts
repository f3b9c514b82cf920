import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../shared/config/parse.ts";

const USER = { name: "alice", password: `scrypt:15:8:3:${"A".repeat(22)}:${"A".repeat(43)}` };
const KEY = "A".repeat(43);

type Raw = Readonly<Record<string, unknown>>;

/** Paths of the problems of a relay. */
function problems(relay: Raw): string[] {
  const parsed = parseConfig({ relay: { users: [USER], ...relay } });
  return parsed.ok ? [] : parsed.problems.map(({ path }) => path.replace("relay.", ""));
}

const client = (more: Raw = {}): Raw => ({ name: "laptop", public_key: KEY, ...more });
const server = (more: Raw = {}): Raw => ({
  kind: "udpack",
  listen: "0.0.0.0:7000",
  key: KEY,
  clients: [client()],
  ...more,
});
const tunnel = (more: Raw = {}): Raw => ({
  kind: "udpack",
  name: "tunnel",
  server: "relay.example.com:7000-7100",
  server_key: KEY,
  key: KEY,
  ...more,
});

describe("the UDP tunnel's server", () => {
  it.each([
    ["a key and a client", {}],
    ["a client of a user", { clients: [client({ user: "alice" })] }],
    ["every setting", { offload: false, mtu: 1_400, rate: "20MB/s", websocket: false, max_sessions: 5 }],
  ])("takes %s", (_, keys) => expect(problems({ inbounds: [server(keys)] })).toEqual([]));

  it.each([
    ["no clients", { clients: [] }, "clients"],
    ["a client of a user who does not exist", { clients: [client({ user: "bob" })] }, "clients[0].user"],
    [
      "two clients of one name",
      { clients: [client(), client({ public_key: `${"B".repeat(42)}A` })] },
      "clients[1].name",
    ],
    ["two clients of one key", { clients: [client(), client({ name: "nas" })] }, "clients[1].public_key"],
    ["an agent, which nothing carries yet", { clients: [client({ agent: "home" })] }, "clients[0].agent"],
    ["a key that is too short", { key: "A".repeat(42) }, "key"],
    [
      "a key that is no base64url",
      { clients: [client({ public_key: "*".repeat(43) })] },
      "clients[0].public_key",
    ],
    ["a datagram too small for any handshake", { mtu: 1_199 }, "mtu"],
    ["a rate without a unit", { rate: "20MB" }, "rate"],
  ])("refuses %s", (_, keys, path) => {
    expect(problems({ inbounds: [server(keys)] })).toEqual([`inbounds[0].${path}`]);
  });

  it("shares its port with no listener of UDP, nor of TCP unless it goes without WebSockets", () => {
    const udp = { kind: "udp", listen: "0.0.0.0:7000", target: "a:1", public: true };
    const tcp = { ...udp, kind: "tcp" };
    expect(problems({ inbounds: [server(), udp] })).toEqual(["inbounds[1].listen"]);
    expect(problems({ inbounds: [server(), tcp] })).toEqual(["inbounds[1].listen"]);
    expect(problems({ inbounds: [server({ websocket: false }), tcp] })).toEqual([]);
  });
});

describe("the UDP tunnel's client", () => {
  it("takes a port or a range of ports", () => {
    expect(problems({ outbounds: [tunnel(), tunnel({ name: "b", server: "[::1]:7000" })] })).toEqual([]);
  });

  it.each([
    ["a server without port", { server: "relay.example.com" }, "server"],
    ["a proxy's key", { via: "direct" }, "via"],
    ["a key that is none", { server_key: "secret" }, "server_key"],
  ])("refuses %s", (_, keys, path) => {
    expect(problems({ outbounds: [tunnel(keys)] })).toEqual([`outbounds[0].${path}`]);
  });
});

describe("[relay.spool]", () => {
  it("takes sizes, and 0 for no files", () => {
    expect(problems({ spool: { memory: "1MiB", file: 0, total: "1GB" } })).toEqual([]);
    const parsed = parseConfig({ relay: { spool: { file: 0 } } });
    expect(parsed.ok && parsed.config.relay?.spool).toEqual({ memory: 262_144, file: 0, total: 2 ** 31 });
  });

  it("refuses what no stream could go by", () => {
    expect(problems({ spool: { memory: "1KiB" } })).toEqual(["spool.memory"]);
    expect(problems({ spool: { file: 5 } })).toEqual(["spool.file"]);
    expect(problems({ spool: { file: "10B" } })).toEqual(["spool.file"]);
  });
});
