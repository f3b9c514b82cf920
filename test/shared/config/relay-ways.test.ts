// The relay's ingress and ways out in causeway.toml: which keys a kind has, and what must fit together.

import { describe, expect, it } from "vitest";
import { maskDocument, resolveSecrets } from "../../../shared/config/document.ts";
import { fieldBelow, ROOT_FIELD } from "../../../shared/config/inspect.ts";
import { parseConfig } from "../../../shared/config/parse.ts";

const KEY = "a-key-that-is-long-enough";
const INGRESS = { kind: "ingress", listen: "127.0.0.1:0", key: KEY };
const SOCKS = { name: "far", kind: "socks", server: "127.0.0.1:1080" };

/** What is wrong with a [relay], as `path: expected`. */
function problems(relay: Readonly<Record<string, unknown>>) {
  const result = parseConfig({ relay });
  return result.ok ? [] : result.problems;
}

function paths(relay: Readonly<Record<string, unknown>>): string[] {
  return problems(relay).map(({ path }) => path);
}

describe("tables that come in kinds", () => {
  it("have the keys of their kind only", () => {
    expect(paths({ inbounds: [INGRESS] })).toEqual([]);
    expect(paths({ inbounds: [{ ...INGRESS, auth: "password" }] })).toEqual(["relay.inbounds[0].auth"]);
    expect(paths({ inbounds: [{ kind: "mixed", listen: "127.0.0.1:0", key: KEY }] })).toEqual([
      "relay.inbounds[0].key",
    ]);
    expect(paths({ outbounds: [{ ...SOCKS, tls: true }] })).toEqual(["relay.outbounds[0].tls"]);
  });

  it("name the kinds there are, and the closest key of the kind that was meant", () => {
    const [unknown] = problems({ outbounds: [{ ...SOCKS, kind: "sock" }] });
    expect(unknown).toMatchObject({
      path: "relay.outbounds[0].kind",
      legal: 'one of "direct", "socks", "http", "udpack"',
    });
    expect(problems({ outbounds: [{ name: "a" }] })[0]).toMatchObject({ value: "nothing" });
    const [mistyped] = problems({ outbounds: [{ ...SOCKS, versoin: "4" }] });
    expect(mistyped?.legal).toBe('a known key: did you mean "version"?');
  });

  it("report every problem of a kind at once, without its secrets", () => {
    const found = problems({ inbounds: [{ kind: "ingress", listen: "nowhere", key: "hunter2" }] });
    expect(found.map(({ path }) => path)).toEqual(["relay.inbounds[0].key", "relay.inbounds[0].listen"]);
    expect(JSON.stringify(found)).not.toContain("hunter2");
    expect(
      JSON.stringify(problems({ outbounds: [{ kind: "nonsense", password: "hunter2" }] })),
    ).not.toContain("hunter2");
  });

  it("have their secrets masked and resolved", async () => {
    const relay = {
      inbounds: [{ ...INGRESS, key: "env:K" }],
      outbounds: [{ ...SOCKS, user: "u", password: "env:P" }],
    };
    expect(JSON.stringify(await maskDocument({ relay }))).not.toContain("env:");
    const field = fieldBelow(ROOT_FIELD, "relay", { relay }) ?? ROOT_FIELD;
    const { part, problems: missing } = await resolveSecrets(relay, field, ["relay"], (name) =>
      name === "K" ? KEY : "short",
    );
    expect(missing).toEqual([]);
    expect(part).toMatchObject({ inbounds: [{ key: KEY }], outbounds: [{ password: "short" }] });
  });
});

describe("the ingress", () => {
  it("may listen beyond loopback, as its key lets nobody else in", () => {
    expect(paths({ inbounds: [{ ...INGRESS, listen: "0.0.0.0:8791" }] })).toEqual([]);
    expect(paths({ inbounds: [{ ...INGRESS, key: undefined }] })).toEqual(["relay.inbounds[0].key"]);
  });

  it("needs a port of its own", () => {
    const inbounds = [
      { kind: "mixed", listen: "127.0.0.1:8791" },
      { ...INGRESS, listen: "127.0.0.1:8791" },
    ];
    expect(paths({ inbounds })).toEqual(["relay.inbounds[1].listen"]);
  });
});

describe("outbounds", () => {
  it("have names of their own, other than those that are always there", () => {
    expect(paths({ outbounds: [SOCKS, SOCKS] })).toEqual(["relay.outbounds[1].name"]);
    for (const name of ["direct", "reject"]) {
      expect(paths({ outbounds: [{ ...SOCKS, name }] })).toEqual(["relay.outbounds[0].name"]);
    }
  });

  it("make chains that come to an end", () => {
    const link = (name: string, via: string) => ({ ...SOCKS, name, via });
    expect(paths({ outbounds: [link("a", "b"), link("b", "c"), link("c", "direct")] })).toEqual([]);
    expect(paths({ outbounds: [link("a", "nobody")] })).toEqual(["relay.outbounds[0].via"]);
    expect(paths({ outbounds: [link("a", "a")] })).toEqual(["relay.outbounds[0].via"]);
    // The third only leads into the ring, and is not part of it.
    expect(paths({ outbounds: [link("a", "b"), link("b", "a"), link("c", "a")] })).toEqual([
      "relay.outbounds[0].via",
      "relay.outbounds[1].via",
    ]);
  });

  it("sign in with both a name and a password, or with neither", () => {
    expect(paths({ outbounds: [{ ...SOCKS, user: "u", password: "p" }] })).toEqual([]);
    expect(paths({ outbounds: [{ ...SOCKS, user: "u" }] })).toEqual(["relay.outbounds[0].password"]);
    expect(paths({ outbounds: [{ ...SOCKS, password: "p" }] })).toEqual(["relay.outbounds[0].user"]);
    expect(paths({ outbounds: [{ ...SOCKS, version: "4", user: "u" }] })).toEqual([]);
    expect(paths({ outbounds: [{ ...SOCKS, version: "4", user: "u", password: "p" }] })).toEqual([
      "relay.outbounds[0].password",
    ]);
  });

  it.each([
    [["127.0.0.1"], 0],
    [["127.0.0.1", "::1"], 0],
    [[], 1],
    [["127.0.0.1", "127.0.0.2"], 1],
    [["localhost"], 1],
  ])("are bound to %j: %i problems", (bind, count) => {
    expect(paths({ outbounds: [{ name: "a", kind: "direct", bind }] })).toHaveLength(count);
  });
});

describe("rules", () => {
  it("name outbounds, users and inbounds that exist", () => {
    const outbounds = [SOCKS];
    const inbounds = [{ ...INGRESS, name: "edge" }];
    for (const rule of [
      {},
      { outbound: "far" },
      { outbound: "reject", inbounds: ["edge"] },
      { outbound: "direct", inbounds: ["ingress"] },
    ]) {
      expect(paths({ outbounds, inbounds, rules: [rule] })).toEqual([]);
    }
    const wrong = { outbound: "near", users: ["nobody"], inbounds: ["edge", "mixed"] };
    expect(paths({ outbounds, inbounds, rules: [wrong] })).toEqual([
      "relay.rules[0].inbounds[1]",
      "relay.rules[0].outbound",
      "relay.rules[0].users[0]",
    ]);
  });

  it("take single ports and ranges", () => {
    expect(paths({ rules: [{ ports: ["443", "8000-8100"] }] })).toEqual([]);
    expect(paths({ rules: [{ ports: ["0", "2-1", "1-65536"] }] })).toHaveLength(3);
  });
});

describe("[relay.dns]", () => {
  it("takes name servers with and without ports", () => {
    expect(paths({ dns: { servers: ["9.9.9.9", "127.0.0.1:5353", "::1", "[::1]:53"] } })).toEqual([]);
    expect(paths({ dns: { servers: ["dns.example", "9.9.9.9:0", "[::1]", "9.9.9.9:53-60"] } })).toHaveLength(
      4,
    );
  });

  it("keeps answers for no shorter than it keeps them at most", () => {
    expect(paths({ dns: { min_ttl: "10s", max_ttl: "10s" } })).toEqual([]);
    expect(paths({ dns: { min_ttl: "10m" } })).toEqual(["relay.dns.min_ttl"]);
  });
});
