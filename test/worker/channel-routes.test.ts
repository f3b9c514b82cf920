// Channels on hosts of their own: then the page's origin serves none of them, and their hosts serve nothing else.

import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { ADMIN_TOKEN, bearer, push, send, testDocument } from "./control/support.ts";

beforeAll(async () => {
  const { edge } = await testDocument();
  const document = await testDocument({
    edge: { ...(edge as object), channel_hosts: ["tv.test"] },
    hosts: [{ host: "*.test", upstreams: ["http://upstream.test"] }],
    channels: [{ id: "ch_news", name: "News", sources: ["http://origin.test/live/index.m3u8"] }],
  });
  await push(document);
});

function mockOrigin() {
  const playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nseg-1.ts\n";
  return vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(playlist));
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("channel hosts", () => {
  it("serve playlists and the list", async () => {
    mockOrigin();
    expect(await (await send("http://tv.test/proxy/ch_news/stream.m3u8")).text()).toContain("seg-1.ts");
    expect(await (await send("http://TV.test.:8787/playlist.m3u")).text()).toContain("News");
  });

  it("serve neither the control plane nor the proxied host whose wildcard covers them", async () => {
    const origin = mockOrigin();
    for (const path of [
      "/",
      "/health",
      "/api/stats",
      "/api/config",
      "/relay/connect",
      "/proxy/",
      "/proxy/x/y",
    ])
      expect([path, (await send(`http://tv.test${path}`, bearer(ADMIN_TOKEN))).status]).toEqual([path, 404]);
    expect(origin).not.toHaveBeenCalled();
  });

  it("answer errors that players on other sites can read", async () => {
    for (const path of ["/", "/proxy/x/y", "/proxy/ch_none/stream.m3u8"]) {
      const { status, headers } = await send(`http://tv.test${path}`);
      expect([path, status, headers.get("access-control-allow-origin")]).toEqual([path, 404, "*"]);
    }
  });

  it("take the channels off the control hosts", async () => {
    const origin = mockOrigin();
    for (const path of ["/proxy/ch_news/stream.m3u8", "/playlist.m3u"])
      expect([path, (await send(path)).status]).toEqual([path, 404]);
    expect(origin).not.toHaveBeenCalled();
  });
});
