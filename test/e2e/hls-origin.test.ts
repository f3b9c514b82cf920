// A channel's origin through the whole product: what it is told, and what viewers get when it fails.

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type ChannelProduct, codeOf, folder, startChannels } from "../support/channels.ts";
import type { HlsOrigin } from "../support/hls-origin.ts";

let channels: ChannelProduct;
let origin: HlsOrigin;
let get: ChannelProduct["get"];

beforeAll(async () => {
  channels = await startChannels();
  ({ origin, get } = channels);
}, 60_000);

afterAll(() => channels?.stop());

describe("what the origin gets", () => {
  it("is the channel's headers and none of the viewer's", async () => {
    const path = `${folder()}/seg.ts`;
    origin.file(`/a/${path}`, "x");
    await get(`ch_a/${path}`, {
      headers: {
        Cookie: "viewer=1",
        Authorization: "Bearer viewer",
        "User-Agent": "viewer",
        Referer: "http://v/",
      },
    });
    const headers = origin.seen.at(-1)?.headers;
    expect(headers?.["user-agent"]).toBe("Player/9");
    expect(headers?.cookie).toBe("key=1");
    expect(headers?.authorization).toBeUndefined();
    expect(headers?.referer).toBeUndefined();
  });
});

describe("an origin that fails", () => {
  it.each([
    [404, 404, "not_found"],
    [410, 404, "not_found"],
    [403, 502, "origin_status"],
    [500, 502, "origin_status"],
  ])("its %i becomes %i", async (status, expected, code) => {
    const path = `${folder()}/seg.ts`;
    origin.on(`/a/${path}`, (_request, response) => void response.writeHead(status).end());
    const reply = await get(`ch_a/${path}`);
    expect([reply.status, await codeOf(reply)]).toEqual([expected, code]);
  });

  it("with an error page as 200 is noticed", async () => {
    origin.file("/login/index.m3u8", "<html>Please log in</html>", { "content-type": "text/html" });
    const reply = await get("ch_login/stream.m3u8");
    expect([reply.status, await codeOf(reply)]).toEqual([502, "playlist_malformed"]);
  });

  it("that redirects in circles is given up", async () => {
    const path = `${folder()}/seg.ts`;
    origin.on(
      `/a/${path}`,
      (request, response) => void response.writeHead(302, { location: request.url }).end(),
    );
    const reply = await get(`ch_a/${path}`);
    expect([reply.status, await codeOf(reply)]).toEqual([502, "upstream_invalid"]);
    expect(origin.count(`/a/${path}`)).toBe(6);
  });

  it("leaves its last playlist in service for 1.5 target durations, then 502", async () => {
    const live = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n1.ts\n";
    origin.file("/stale/index.m3u8", live);
    await (await get("ch_stale/stream.m3u8")).text();
    origin.on("/stale/index.m3u8", (_request, response) => void response.writeHead(503).end());
    const poll = { timeout: 5_000, interval: 50 };
    await vi.waitFor(async () => {
      const reply = await get("ch_stale/stream.m3u8");
      expect(reply.headers.get("cache-status")).toBe("causeway; hit; detail=stale");
      expect(await reply.text()).toBe(live);
    }, poll);
    await vi.waitFor(async () => {
      const reply = await get("ch_stale/stream.m3u8");
      expect([reply.status, await codeOf(reply)]).toEqual([502, "origin_status"]);
    }, poll);
    origin.file("/stale/index.m3u8", live);
    const back = await vi.waitFor(async () => {
      const reply = await get("ch_stale/stream.m3u8");
      expect(reply.status).toBe(200);
      return reply;
    }, poll);
    expect(await back.text()).toBe(live);
  });

  it("that is down is 502 upstream_unreachable", async () => {
    await origin.pause();
    try {
      const reply = await get("ch_gone/stream.m3u8");
      expect([reply.status, await codeOf(reply)]).toEqual([502, "upstream_unreachable"]);
    } finally {
      await origin.resume();
    }
  });
});
