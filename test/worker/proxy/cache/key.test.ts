import { describe, expect, it } from "vitest";
import { CACHE_LIMITS } from "../../../../shared/limits.ts";
import { FRONT_HEADERS } from "../../../../worker/client-address.ts";
import { LiveState, NOTHING_LIVE, withPurge } from "../../../../worker/directory/live.ts";
import { isDivided, keyOf, keysOf, selectionOf } from "../../../../worker/proxy/cache/key.ts";
import type { Call } from "../../../../worker/proxy/call.ts";
import { type Asked, callFor } from "../header-call.ts";

interface Known {
  readonly epoch?: number;
  readonly live?: LiveState;
  readonly country?: string;
}

function callWith(
  asked: Asked,
  { epoch = 1, live = new LiveState(NOTHING_LIVE), country }: Known = {},
): Call {
  const { call } = callFor({ ...asked, host: { cache: true, ...asked.host } });
  const request =
    country === undefined ? call.x.request : new Request(call.x.request, { cf: { country, colo: "FRA" } });
  const env = country === undefined ? call.x.env : {};
  return { ...call, x: { ...call.x, env, request, config: { epoch, live } } } as unknown as Call;
}

describe("keyOf", () => {
  it("is the same for the same address, whatever else the request says", () => {
    const one = callWith({ url: "http://app.test/a?b" });
    const other = callWith({
      url: "http://app.test/a?b",
      headers: { Cookie: "a=1", "X-Forwarded-Host": "evil.test" },
    });
    expect(keyOf(one)).toBe(keyOf(other));
  });

  it("differs by path, query, port, scheme, credentials, configuration and purge", () => {
    const purged = new LiveState(withPurge(NOTHING_LIVE, { host: "app.test", exact: "/a" }, 7));
    const keys = [
      callWith({ url: "http://app.test/a" }),
      callWith({ url: "http://app.test/a?" }),
      callWith({ url: "http://app.test/a?b" }),
      callWith({ url: "http://app.test/A" }),
      callWith({ url: "http://app.test:8080/a" }),
      callWith({ url: "https://app.test/a" }),
      callWith({ url: "http://app.test/a", headers: { Authorization: "Bearer x" } }),
      callWith({ url: "http://app.test/a" }, { epoch: 2 }),
      callWith({ url: "http://app.test/a" }, { live: purged }),
    ].map(keyOf);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("takes a purge of an address for one of it with an empty query, too", () => {
    const live = new LiveState(withPurge(NOTHING_LIVE, { host: "app.test", exact: "/a" }, 7));
    expect(keyOf(callWith({ url: "http://app.test/a?" }, { live }))).toContain(" 7 ");
    expect(keyOf(callWith({ url: "http://app.test/a?b" }, { live }))).not.toContain(" 7 ");
  });

  it("holds what a trusted proxy says of scheme and host, beside the name that led here", () => {
    const host = { trusted_proxies: ["192.0.2.0/24"] };
    const key = (headers: Record<string, string>) => keyOf(callWith({ host, headers }));
    const said = {
      "X-Forwarded-For": "203.0.113.5",
      "X-Forwarded-Host": "shop.test",
      "X-Forwarded-Proto": "https",
    };
    expect(key(said)).toContain("https://shop.test/");
    expect(key(said)).toContain("app.test:8080");
    expect(key(said)).not.toBe(key({}));
  });

  it("is nothing for addresses that are too long", () => {
    expect(
      keyOf(callWith({ url: `http://app.test/${"a".repeat(CACHE_LIMITS.KEY_CHARS_MAX)}` })),
    ).toBeUndefined();
  });
});

describe("keysOf", () => {
  it("holds the key of an address for clients with and without credentials", () => {
    const call = callWith({ url: "http://app.test/other" });
    for (const headers of [{}, { Authorization: "Bearer x" }])
      expect(keysOf(call, "/a?b")).toContain(keyOf(callWith({ url: "http://app.test/a?b", headers })));
  });
});

describe("selectionOf", () => {
  it("holds user and country where the upstream is told of them, and only there", () => {
    const telling = { headers: { request: { set: { "X-User": "{user}", "X-From": "{country}" } } } };
    const selection = (host: object, user: string, country: string) =>
      selectionOf(callWith({ host: { ...host }, user }, { country }), []);
    expect(selection(telling, "ann", "DE")).not.toBe(selection(telling, "bob", "DE"));
    expect(selection(telling, "ann", "DE")).not.toBe(selection(telling, "ann", "FR"));
    expect(selection({}, "ann", "DE")).toBe(selection({}, "bob", "FR"));
    expect([isDivided(callWith({ host: telling })), isDivided(callWith({}))]).toEqual([true, false]);
  });

  it("holds the country as the upstream is told it, where a front names it", () => {
    const host = { headers: { request: { set: { "X-From": "{country}" } } } };
    const [secret, , named] = FRONT_HEADERS;
    const selection = (country: string) => {
      const call = callWith({ host, headers: { [secret]: "secret", [named]: country } });
      const x = { ...call.x, env: { FRONT_SECRET: "secret" } };
      return selectionOf({ ...call, x } as unknown as Call, []);
    };
    expect(selection("DE")).not.toBe(selection("FR"));
  });

  it("takes fields that the proxy writes as the upstream gets them", () => {
    const host = { headers: { request: { set: { "X-Env": "prod" } } } };
    const selection = (headers: Record<string, string>) =>
      selectionOf(callWith({ host, headers }), ["x-env", "x-forwarded-for"]);
    expect(selection({ "X-Env": "a", "X-Forwarded-For": "203.0.113.5" })).toBe(selection({ "X-Env": "b" }));
  });

  it("takes other fields as the client sent them", () => {
    const selection = (headers: Record<string, string>) => selectionOf(callWith({ headers }), ["x-lang"]);
    expect(selection({ "X-Lang": "de" })).toBe(selection({ "X-Lang": " de " }));
    expect(selection({ "X-Lang": "de" })).not.toBe(selection({ "X-Lang": "en" }));
    expect(selection({})).not.toBe(selection({ "X-Lang": "" }));
  });

  it("never takes values for equal that the runtime could not read", () => {
    const call = callWith({ headers: { "X-Lang": "\ufffd" } });
    expect(selectionOf(call, ["x-lang"])).not.toBe(selectionOf(call, ["x-lang"]));
  });
});
