import { readFileSync } from "node:fs";
import fc from "fast-check";
import { parse as parseToml } from "smol-toml";
import { describe, expect, it } from "vitest";
import { type Problem, parseConfig } from "../../../shared/config/parse.ts";

const ROOT = new URL("../../../", import.meta.url);

function problemsOf(raw: unknown): Problem[] {
  const result = parseConfig(raw);
  return result.ok ? [] : result.problems;
}

function fixture(name: string): unknown {
  return parseToml(readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8"));
}

const HOST = { host: "a.test", upstreams: ["http://127.0.0.1:1"] };
const HASH = `scrypt:15:8:3:${"a".repeat(22)}:${"b".repeat(43)}`;
const USER = { name: "alice", password: HASH };

describe("parseConfig", () => {
  it("accepts the empty document and fills in every default", () => {
    expect(parseConfig({})).toMatchObject({
      ok: true,
      config: { hosts: [], channels: [], edge: { tokens: [] } },
    });
  });

  it("accepts the causeway.toml of the repository", () => {
    const raw = parseToml(readFileSync(new URL("causeway.toml", ROOT), "utf8"));
    expect(problemsOf(raw)).toEqual([]);
  });

  it("accepts a document that uses every key", () => {
    expect(problemsOf(fixture("full.toml"))).toEqual([]);
  });

  it("gives durations in milliseconds and sizes in bytes", () => {
    const result = parseConfig({ hosts: [{ ...HOST, max_body: "1.5KiB", response_header_timeout: "2m" }] });
    expect(result).toMatchObject({
      config: { hosts: [{ max_body: 1_536, response_header_timeout: 120_000 }] },
    });
  });

  it("lists every problem of a bad document at once, each with path, value and legal range", () => {
    expect(problemsOf(fixture("bad.toml")).map(({ path, value }) => `${path}: ${value}`)).toEqual([
      'channels[0].headers."bad name": "bad name"',
      "channels[0].headers.Cookie: ***",
      'channels[0].id: "news"',
      "channels[0].sources[0]: ***",
      "edge.chanel_hosts: a list of 0",
      'hosts[0].max_bdy: "1GB"',
      'hosts[0].max_body: "12 parsecs"',
      'hosts[0].upstreams[0]: "ftp://***@x"',
      "hosts[0].upstreams[1].weight: 0",
      'hosts[1].host: "A.example.com"',
      "hosts[1].upstreams: nothing",
      'relay.edge: "ws://edge.example.com"',
      "relay.edge_token: nothing",
      'relay.inbounds[0].auth: "none"',
      'relay.users[0].name: "al ice"',
      "relay.users[0].password: ***",
      "relay.users[0].pasword: ***",
    ]);
    expect(problemsOf(fixture("bad.toml")).every(({ legal }) => legal.length > 0)).toBe(true);
  });

  it("never prints a secret, nor the value of a key that resembles one", () => {
    expect(JSON.stringify(problemsOf(fixture("bad.toml")))).not.toMatch(/hunter2|:pw@/);
  });

  it("suggests the known key closest to an unknown one", () => {
    expect(problemsOf({ hosts: [{ ...HOST, max_conections: 1 }] })).toEqual([
      { path: "hosts[0].max_conections", value: "1", legal: 'a known key: did you mean "max_connections"?' },
    ]);
  });

  it("names the known keys where none is close", () => {
    const [problem] = problemsOf({
      relays: [{ name: "main", token: "0123456789abcdef", zzzzzzzz: "hunter2" }],
    });
    expect(problem).toEqual({
      path: "relays[0].zzzzzzzz",
      value: "***",
      legal: "one of the keys name, token, url, key",
    });
  });

  it("refuses every unknown key of a table, not the first only", () => {
    expect(problemsOf({ a: 1, b: 2, edge: { c: 3, d: 4 } }).map(({ path }) => path)).toEqual([
      "a",
      "b",
      "edge.c",
      "edge.d",
    ]);
  });

  it("refuses a list where a table belongs, and a table where a list belongs", () => {
    expect(problemsOf({ edge: [], hosts: {} })).toEqual([
      { path: "edge", value: "a list of 0", legal: "a table" },
      { path: "hosts", value: "a table", legal: "a list of at most 10000 entries" },
    ]);
  });

  it.each([
    ["null", null],
    ["a list", []],
    ["a text", "hosts"],
  ])("refuses %s as a document", (_, raw) => {
    expect(problemsOf(raw)).toMatchObject([{ path: "", legal: "a table" }]);
  });

  it("is not confused by keys that objects inherit", () => {
    const raw = JSON.parse('{"__proto__": {"hosts": 1}, "constructor": 1, "toString": 2}') as unknown;
    expect(problemsOf(raw).map(({ path }) => path)).toEqual(["__proto__", "constructor", "toString"]);
  });

  it("never throws, whatever JSON it is given", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (raw) => {
        expect(typeof parseConfig(raw).ok).toBe("boolean");
      }),
      { numRuns: 300 },
    );
  });

  it("never throws when arbitrary values stand under known keys", () => {
    const keys = fc.constantFrom(
      "edge",
      "hosts",
      "channels",
      "relays",
      "relay",
      "tokens",
      "users",
      "inbounds",
      "path",
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        fc.jsonValue(),
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(keys, tie("tree"), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(fc.dictionary(keys, tree, { maxKeys: 5 }), (raw) => {
        expect(typeof parseConfig(raw).ok).toBe("boolean");
      }),
      { numRuns: 300 },
    );
  });
});

describe("rules across keys", () => {
  function relay(rest: Record<string, unknown>): string[] {
    return problemsOf({ relay: rest }).map(({ path }) => path);
  }

  it.each(["127.0.0.1:1080", "127.8.8.8:1080", "localhost:1080", "[::1]:1080", "[0:0:0:0:0:0:0:1]:1080"])(
    "lets %s listen without authentication",
    (listen) => {
      expect(relay({ inbounds: [{ kind: "mixed", listen }] })).toEqual([]);
    },
  );

  it.each(["0.0.0.0:1080", "[::]:1080", "10.0.0.1:1080", "proxy.example.com:1080", "127.evil.test:1080"])(
    "demands a password from a listener on %s",
    (listen) => {
      expect(relay({ inbounds: [{ kind: "mixed", listen }] })).toEqual(["relay.inbounds[0].auth"]);
      expect(relay({ users: [USER], inbounds: [{ kind: "mixed", listen, auth: "password" }] })).toEqual([]);
    },
  );

  it("demands users where a listener asks for passwords", () => {
    expect(relay({ inbounds: [{ kind: "mixed", listen: "127.0.0.1:0", auth: "password" }] })).toEqual([
      "relay.users",
    ]);
  });

  it("demands a token for the control link", () => {
    expect(relay({ edge: "wss://edge.example.com" })).toEqual(["relay.edge_token"]);
  });

  it.each([
    "ws://10.0.0.1:8787",
    "ws://edge.example.com",
    "ws://127.0.0.1.evil.test",
    "WS://edge.example.com",
  ])("refuses the plain control link %s", (edge) => {
    expect(relay({ edge, edge_token: "0123456789abcdef" })).toEqual(["relay.edge"]);
  });

  it.each(["ws://127.0.0.1:8787", "ws://localhost:8787", "ws://[::1]:8787", "wss://edge.example.com"])(
    "allows the control link %s",
    (edge) => {
      expect(relay({ edge, edge_token: "0123456789abcdef" })).toEqual([]);
    },
  );

  it("refuses two entries of one name", () => {
    const channel = { id: "ch_1", sources: ["https://o.test/i.m3u8"] };
    const named = { name: "same", token: "0123456789abcdef" };
    const raw = {
      edge: { tokens: [named, named].map((token) => ({ ...token, role: "viewer" })) },
      hosts: [HOST, { ...HOST, path: "/api/*" }, { ...HOST, host: "A.TEST", path: "/*" }],
      channels: [channel, channel],
      relays: [named, named],
      relay: { users: [USER, USER] },
    };
    expect(problemsOf(raw).map(({ path }) => path)).toEqual([
      "channels[1].id",
      "edge.tokens[1].name",
      "hosts[2].host",
      "relay.users[1].name",
      "relays[1].name",
    ]);
  });

  it("refuses two listeners on one address, but any number on port 0", () => {
    const inbound = (listen: string) => ({ kind: "mixed", listen });
    expect(relay({ inbounds: [inbound("localhost:1080"), inbound("LOCALHOST:1080")] })).toEqual([
      "relay.inbounds[1].listen",
    ]);
    expect(relay({ inbounds: [inbound("127.0.0.1:0"), inbound("127.0.0.1:0")] })).toEqual([]);
  });

  it.each([
    ["A.test", "a.test", 1],
    ["*.test", "a.test", 1],
    ["*.test", "*.a.test", 1],
    ["*.a.test", "a.test", 0],
    ["tv.test", "*.test", 0],
  ])("with the channel host %s the host %s has %i problems", (channelHost, host, count) => {
    const raw = { edge: { channel_hosts: [channelHost] }, hosts: [{ ...HOST, host }] };
    expect(problemsOf(raw).map(({ path }) => path)).toEqual(count === 0 ? [] : ["hosts[0].host"]);
  });

  it.each(["/", "/*", "/api", "/api/v2*", "/a/**", "/caf%C3%A9/*"])("takes the path %s", (path) => {
    expect(problemsOf({ hosts: [{ ...HOST, path }] })).toEqual([]);
  });

  it.each(["api", "/café", "/a%20b/*", "/a;b", "//a", "/a/../b", "/%41"])(
    "refuses the path %s, which no request would match",
    (path) => {
      expect(problemsOf({ hosts: [{ ...HOST, path }] })).toMatchObject([{ path: "hosts[0].path" }]);
    },
  );

  it.each(["http://user:pw@o.test", "http://o.test/?a=1", "http://o.test/a?", "http://o.test/#a"])(
    "refuses the upstream %s, of which a part would be ignored",
    (url) => {
      const problems = problemsOf({ hosts: [{ ...HOST, upstreams: [url, { url }] }] });
      expect(problems.map(({ path }) => path)).toEqual([
        "hosts[0].upstreams[0]",
        "hosts[0].upstreams[1].url",
      ]);
      expect(JSON.stringify(problems)).not.toContain("pw");
    },
  );
});

describe("secrets in a document", () => {
  function tokenProblems(token: string): number {
    return problemsOf({ relays: [{ name: "main", token }] }).length;
  }

  it.each(["env:RELAY_TOKEN", "0123456789abcdef", `sha256:${"0".repeat(64)}`])(
    "takes %s as a token",
    (token) => {
      expect(tokenProblems(token)).toBe(0);
    },
  );

  it.each(["short", "env:NOT-A-NAME-AT-ALL", "sha256:0123456789", "with spaces in between", "***"])(
    "refuses %s as a token",
    (token) => {
      expect(tokenProblems(token)).toBe(1);
    },
  );

  it("refuses a verifier where the token itself is needed", () => {
    const relay = { edge: "wss://e.test", edge_token: `sha256:${"0".repeat(64)}` };
    expect(problemsOf({ relay }).map(({ path }) => path)).toEqual(["relay.edge_token"]);
  });

  it.each(["scrypt:30:8:1", "scrypt:9:8:1", "scrypt:15:99:1", "scrypt:15:8:0"])(
    "refuses password hashes of the cost %s",
    (cost) => {
      const password = `${cost}:${"a".repeat(22)}:${"b".repeat(43)}`;
      expect(problemsOf({ relay: { users: [{ name: "a", password }] } })).toHaveLength(1);
    },
  );
});
