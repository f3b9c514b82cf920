// Threat: an origin that sends a page, a script or a cookie, to have it run on the dashboard's origin.

import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { push, send, testDocument } from "./support.ts";

beforeAll(async () => {
  const channels = [{ id: "ch_evil", name: "Evil", sources: ["http://origin.test/live/index.m3u8"] }];
  await push(await testDocument({ channels }));
});

afterEach(() => {
  vi.restoreAllMocks();
});

const HOSTILE = {
  "Set-Cookie": "causeway=planted; Path=/",
  Refresh: "0; url=https://evil.test/",
  "Clear-Site-Data": '"*"',
  "Service-Worker-Allowed": "/",
  "Content-Security-Policy": "script-src *",
  "X-Content-Type-Options": "sniff",
};

/** A page that begins as no page does: one that is known as such is refused. */
const SCRIPT = "<svg onload='alert(1)'/><script>alert(1)</script>";

function mockOrigin(body: string, headers: Record<string, string>, status = 200) {
  return vi
    .spyOn(globalThis, "fetch")
    .mockImplementation(async () => new Response(body, { status, headers: { ...HOSTILE, ...headers } }));
}

function expectIsolated(response: Response): void {
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  expect(response.headers.get("content-security-policy")).toMatch(/(^|; )sandbox(;|$)/);
  expect(response.headers.get("content-security-policy")).not.toContain("script-src *");
  for (const name of ["set-cookie", "refresh", "clear-site-data", "service-worker-allowed"])
    expect([name, response.headers.get(name)]).toEqual([name, null]);
  expect(response.headers.get("content-type") ?? "").not.toMatch(/html|script|xml|svg|wasm/i);
}

describe("channels on the page's origin", () => {
  it.each(["text/html", "application/javascript", "image/svg+xml", "application/xhtml+xml", "text/xml", ""])(
    "send an origin's %s as a plain download",
    async (type) => {
      mockOrigin(SCRIPT, { "Content-Type": type });
      const name = type.replaceAll(/\W/g, "");
      const response = await send(`/proxy/ch_evil/seg-${name}.ts`);
      expect(response.status).toBe(200);
      expect(await response.text()).toBe(SCRIPT);
      expectIsolated(response);
    },
  );

  it("refuse what is plainly a page, by whatever type", async () => {
    for (const type of ["video/mp2t", "text/html"]) {
      mockOrigin("<script>alert(1)</script>", { "Content-Type": type });
      const response = await send(`/proxy/ch_evil/page-${type.length}.ts`);
      expect([type, response.status]).toEqual([type, 502]);
      expect(await response.text()).not.toContain("alert");
      expectIsolated(response);
    }
  });

  it("send playlists without what the origin wants of a browser", async () => {
    const playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nseg-1.ts\n";
    mockOrigin(playlist, { "Content-Type": "application/vnd.apple.mpegurl" });
    const response = await send("/proxy/ch_evil/stream.m3u8");
    expect(response.status).toBe(200);
    expect(await response.text()).toContain("seg-1.ts");
    expectIsolated(response);
  });

  it("never pass the visitor's cookie or token to an origin", async () => {
    const origin = mockOrigin("#EXTM3U\n", {});
    const headers = {
      Cookie: "causeway=secret",
      Authorization: "Bearer secret",
      "X-Causeway-Front": "secret",
    };
    await (await send("/proxy/ch_evil/stream.m3u8?again=1", { headers })).arrayBuffer();
    for (const [input, init] of origin.mock.calls) {
      const sent = new Request(input as RequestInfo, init as RequestInit);
      expect(JSON.stringify([...sent.headers])).not.toContain("secret");
    }
  });

  it("answer unknown channels and other paths below /proxy/ with 404", async () => {
    const origin = mockOrigin("", {});
    for (const path of [
      "/proxy/ch_none/stream.m3u8",
      "/proxy/",
      "/proxy/evil/x",
      "/proxy/ch_evil",
      "/proxy/http://x/",
    ])
      expect([path, (await send(path)).status]).toEqual([path, 404]);
    expect(origin).not.toHaveBeenCalled();
  });
});
