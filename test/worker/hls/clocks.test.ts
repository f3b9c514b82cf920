// A clock that is put back: nothing that was learnt before may hold until it has caught up.

import { createExecutionContext, env } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ChannelConfig } from "../../../shared/config/schema.ts";
import type { Exchange } from "../../../worker/exchange.ts";
import { loadPlaylist } from "../../../worker/hls/playlist-store.ts";
import { loadSegment } from "../../../worker/hls/segment-store.ts";

beforeEach(() => {
  vi.stubGlobal("caches", {
    open: async () => ({ match: async () => undefined, put: async () => undefined }),
  });
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const channel = {
  id: "ch_clock",
  sources: [{ url: "http://origin.test/index.m3u8", via: "direct", headers: {} }],
  headers: {},
  ignore_query: [],
  shield: false,
  prefetch: 0,
  response_header_timeout: 2_000,
  read_timeout: 2_000,
} as unknown as ChannelConfig;

function exchange(): Exchange {
  const counter = { answer: () => undefined, failure: () => undefined, originBytes: () => undefined };
  const meter = { touch: () => undefined, channel: () => counter };
  const config = { epoch: 1, live: { purgeEpoch: () => 0 } };
  return { env, ctx: createExecutionContext(), meter, config, request: {} } as unknown as Exchange;
}

const target = (file: string) => ({
  url: `http://origin.test/${file}`,
  source: 0,
  playlist: false,
  imported: new Map<string, string>(),
});

describe("a clock that goes back by an hour", () => {
  it("leaves no playlist fresh, and nothing refused, until it has caught up", async () => {
    const asked: string[] = [];
    vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
      const { pathname } = new URL(String(input));
      asked.push(pathname);
      if (pathname === "/none.ts") return new Response(null, { status: 404 });
      return new Response("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n1.ts\n");
    });
    const both = async () => {
      await loadPlaylist(exchange(), channel, target("v.m3u8"));
      await expect(loadSegment(exchange(), channel, target("none.ts"), undefined)).rejects.toMatchObject({
        code: "not_found",
      });
    };
    await both();
    await both();
    expect(asked).toEqual(["/v.m3u8", "/none.ts"]);
    const now = Date.now();
    vi.spyOn(Date, "now").mockImplementation(() => now - 3_600_000);
    await both();
    await both();
    expect(asked).toEqual(["/v.m3u8", "/none.ts", "/v.m3u8", "/none.ts"]);
  });
});
