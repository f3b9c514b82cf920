// Threats: a control path reached through a proxied host or the reverse, by the spelling of the Host header.

import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { ADMIN_TOKEN, bearer, errorCode, push, send, testDocument, testEnv } from "./control/support.ts";

beforeAll(async () => {
  const more = {
    hosts: [
      { host: "app.test", upstreams: ["http://upstream.test"] },
      { host: "control.test", path: "/stolen/*", upstreams: ["http://upstream.test"] },
    ],
  };
  // Pushed before that name was the control plane's: later it is refused.
  await push(await testDocument(more), { ...testEnv, CONTROL_HOSTS: "" });
});

/** Answers every outgoing request by its own address, as an upstream would see it. */
function mockUpstream() {
  return vi
    .spyOn(globalThis, "fetch")
    .mockImplementation(async (input, init) => new Response(`upstream ${new Request(input, init).url}`));
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("handle", () => {
  it.each([
    "http://control.test/health",
    "http://control.test:8787/health",
    "http://CONTROL.Test/health",
    "http://control.test./health",
    "http://Control.TEST.:8787/health",
    "http://control.test../health",
    "http://other-control.test/health",
  ])("knows the control host in %s", async (url) => {
    const upstream = mockUpstream();
    expect(await (await send(url)).json()).toEqual({ status: "ok" });
    expect(upstream).not.toHaveBeenCalled();
  });

  it.each(["http://app.test/", "http://APP.test:8787/", "http://app.test./", "http://App.Test.:443/"])(
    "routes %s to the upstream",
    async (url) => {
      mockUpstream();
      const response = await send(url);
      expect(await response.text()).toBe("upstream http://upstream.test/");
    },
  );

  it("goes out by the network of its own that local serving gives it", async () => {
    const fallback = mockUpstream();
    const network = { fetch: async (input: RequestInfo | URL) => new Response(`network ${input}`) };
    const env = { ...testEnv, ORIGIN_NETWORK: network as Fetcher };
    const response = await send("http://app.test/x?y", {}, env);
    expect(await response.text()).toBe("network http://upstream.test/x?y");
    expect(fallback).not.toHaveBeenCalled();
  });

  it("has no control path on a proxied host", async () => {
    mockUpstream();
    for (const path of [
      "/health",
      "/ready",
      "/metrics",
      "/api/config",
      "/api/stats",
      "/relay/connect",
      "/playlist.m3u",
    ]) {
      const response = await send(`http://app.test${path}`, bearer(ADMIN_TOKEN));
      expect(await response.text()).toBe(`upstream http://upstream.test${path}`);
    }
  });

  it("proxies nothing on a control host, whatever was pushed", async () => {
    const upstream = mockUpstream();
    expect((await send("/stolen/x")).status).toBe(404);
    expect(upstream).not.toHaveBeenCalled();
  });

  it("answers an unknown host with 404 and an id of its own for each request", async () => {
    const upstream = mockUpstream();
    const ids = new Set<string | null>();
    for (const host of [
      "unknown.test",
      "control.test.evil.test",
      "xcontrol.test",
      "x.app.test",
      "127.0.0.1",
    ]) {
      const response = await send(`http://${host}/health`);
      expect([host, response.status, await errorCode(response)]).toEqual([host, 404, "host_unknown"]);
      ids.add(response.headers.get("x-request-id"));
    }
    expect(ids.size).toBe(5);
    expect(upstream).not.toHaveBeenCalled();
  });

  it("keeps the front's headers from upstreams", async () => {
    const upstream = mockUpstream();
    const headers = { "X-Causeway-Front": "front-secret-of-these-tests", "X-Causeway-Client": "203.0.113.7" };
    await send("http://app.test/", { headers });
    const [input, init] = upstream.mock.calls[0] ?? [];
    const sent = new Request(input as RequestInfo, init as RequestInit);
    expect(sent.headers.has("x-causeway-front")).toBe(false);
    expect(sent.headers.has("x-causeway-client")).toBe(false);
    expect(sent.headers.get("x-forwarded-for")).toContain("203.0.113.7");
  });
});
