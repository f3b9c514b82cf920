import { describe, expect, it } from "vitest";
import { corsGate } from "../../../worker/proxy/cors.ts";
import { gatesOf, passGates } from "../../../worker/proxy/gates.ts";
import { redirectGate } from "../../../worker/proxy/redirect.ts";
import { pathBounds } from "../../../worker/proxy/target-path.ts";
import { type Asked, callFor } from "./header-call.ts";

async function answer(asked: Asked): Promise<[number, string | null] | undefined> {
  const reply = await passGates(callFor(asked).call);
  return reply && [reply.status, reply.headers.get("location")];
}

describe("redirectGate", () => {
  it("is none where nothing redirects", () => {
    expect(redirectGate(callFor({}).call.plan.config)).toBeUndefined();
  });

  it("sends plain HTTP to https, without its port", async () => {
    const host = { redirect: { https: true } };
    expect(await answer({ host, url: "http://app.test:8080/a//b?c=%2F" })).toEqual([
      308,
      "https://app.test/a//b?c=%2F",
    ]);
    expect(await answer({ host, url: "http://[::1]:8080/" })).toEqual([308, "https://[::1]/"]);
    expect(await answer({ host, url: "https://app.test/" })).toBeUndefined();
  });

  it("asks a trusted proxy how the client came", async () => {
    const host = { redirect: { https: true }, trusted_proxies: ["192.0.2.7"] };
    expect(await answer({ host, headers: { "X-Forwarded-Proto": "https" } })).toBeUndefined();
    const mapped = { ...host, trusted_proxies: ["::ffff:192.0.2.0/120"] };
    expect(await answer({ host: mapped, headers: { "X-Forwarded-Proto": "https" } })).toBeUndefined();
    const untrusted = { redirect: { https: true } };
    expect(await answer({ host: untrusted, headers: { "X-Forwarded-Proto": "https" } })).toBeDefined();
  });

  it("sends everything to another address, with or without the path", async () => {
    const to = "https://new.test/base/";
    expect(await answer({ host: { redirect: { to, status: 302 }, upstreams: ["http://x"] } })).toEqual([
      302,
      "https://new.test/base/a?b",
    ]);
    expect(await answer({ host: { redirect: { to, keep_path: false } } })).toEqual([308, to]);
  });

  it("spells the address as it stands in a field", async () => {
    const to = "https://b\u00fccher.test/caf\u00e9";
    const sent = "https://xn--bcher-kva.test/caf%C3%A9";
    expect(await answer({ host: { redirect: { to, keep_path: false } } })).toEqual([308, sent]);
    expect(await answer({ host: { redirect: { to } } })).toEqual([308, `${sent}/a?b`]);
  });

  it("leads to no other site, whatever the path", async () => {
    for (const path of ["//evil.test/x", "/\\evil.test", "/@evil.test", "/.evil.test", "/%0d%0aX: y"]) {
      for (const redirect of [{ https: true }, { to: "https://new.test" }]) {
        const [, location] = (await answer({ host: { redirect }, url: `http://app.test${path}` })) ?? [];
        expect(["app.test", "new.test"], path).toContain(new URL(location ?? "").host);
      }
    }
  });

  it("takes the prefix off that the host takes off", async () => {
    const host = { redirect: { to: "https://new.test/docs" }, rewrite: { strip_prefix: "/old" } };
    expect(await answer({ host, url: "http://app.test/old//x?y" })).toEqual([
      308,
      "https://new.test/docs//x?y",
    ]);
  });
});

describe("a host that is switched off", () => {
  it("refuses everything", async () => {
    await expect(answer({ host: { enabled: false, redirect: { https: true } } })).rejects.toMatchObject({
      code: "host_disabled",
      status: 503,
    });
  });
});

describe("corsGate", () => {
  const host = { cors: { origins: ["https://a.test"], methods: ["PUT"], headers: ["X-Token"] } };
  const preflight = { Origin: "https://a.test", "Access-Control-Request-Method": "PUT" };

  async function fields(headers: Record<string, string>, method = "OPTIONS") {
    const reply = await passGates(callFor({ host, method, headers }).call);
    return reply && { status: reply.status, ...Object.fromEntries(reply.headers) };
  }

  it("is none without rules", () => {
    expect(corsGate(callFor({}).call.plan.config)).toBeUndefined();
  });

  it("answers a preflight", async () => {
    expect(await fields(preflight)).toEqual({
      status: 204,
      "access-control-allow-headers": "X-Token",
      "access-control-allow-methods": "PUT",
      "access-control-allow-origin": "https://a.test",
      "access-control-max-age": "600",
      vary: "Origin",
      "x-request-id": "the-id",
    });
  });

  it("tells another site nothing", async () => {
    expect(await fields({ ...preflight, Origin: "https://b.test" })).toEqual({
      status: 204,
      vary: "Origin",
      "x-request-id": "the-id",
    });
  });

  it("lets everything else through", async () => {
    expect(await fields({ Origin: "https://a.test" })).toBeUndefined();
    expect(await fields(preflight, "PUT")).toBeUndefined();
  });

  it("answers before anybody is asked to sign in", () => {
    const bearer = [{ name: "ci", token: `sha256:${"0".repeat(64)}` }];
    const { config } = callFor({ host: { ...host, bearer } }).call.plan;
    const [first] = gatesOf(config);
    expect(first?.(callFor({ host, method: "OPTIONS", headers: preflight }).call)).toBeInstanceOf(Response);
  });
});

describe("pathBounds", () => {
  const out = [
    "/..%2Fother",
    "/%2e%2e%5cother",
    "/a/..%252f..%252f..%252fother",
    "/..;x/other",
    "/..%3b/other",
    "/%2F..%2F..",
  ];

  it("refuses what some upstream would take for a path outside of its base, however that is spelled", async () => {
    for (const path of out) {
      const url = `http://app.test${path}`;
      await expect(answer({ url }), path).rejects.toMatchObject({ code: "bad_request" });
    }
    const stripped = { path: "/app/*", rewrite: { strip_prefix: "/app" } };
    const url = "http://app.test/app/..%2F..%2Fapp/x";
    await expect(answer({ host: stripped, url })).rejects.toMatchObject({ code: "bad_request" });
  });

  it("lets through what stays within, and everything where there is no base to leave", async () => {
    for (const path of ["/a%2F..%2Fb", "/..a%2Fb", "/a%2e", "/a;v=1/b", "/100%25", "/%"])
      expect(await answer({ url: `http://app.test${path}` }), path).toBeUndefined();
    const root = { upstreams: ["http://10.9.9.9:3000", "http://10.9.9.9:3001/"] };
    for (const path of out)
      expect(await answer({ host: root, url: `http://app.test${path}` }), path).toBeUndefined();
    expect(pathBounds(callFor({ host: root }).call.plan.config)).toBeUndefined();
    const added = { ...root, rewrite: { add_prefix: "/tenant" } };
    await expect(answer({ host: added, url: "http://app.test/..%2Fx" })).rejects.toMatchObject({
      code: "bad_request",
    });
  });
});
