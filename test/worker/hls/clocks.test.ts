// A clock that is put back: nothing that was learnt before may hold until it has caught up.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { loadPlaylist } from "../../../worker/hls/playlist-store.ts";
import { loadSegment } from "../../../worker/hls/segment-store.ts";
import { stubChannel, stubEmptyCaches, stubExchange } from "./channel-stub.ts";

beforeEach(() => {
  stubEmptyCaches();
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const channel = stubChannel("ch_clock");

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
      await loadPlaylist(stubExchange(), channel, target("v.m3u8"));
      await expect(loadSegment(stubExchange(), channel, target("none.ts"), undefined)).rejects.toMatchObject({
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
