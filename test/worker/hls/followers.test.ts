// Many viewers of something that the origin takes too long to give.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ChannelConfig } from "../../../shared/config/schema.ts";
import type { Exchange } from "../../../worker/exchange.ts";
import { loadPlaylist } from "../../../worker/hls/playlist-store.ts";
import { loadHead } from "../../../worker/hls/segment-head.ts";
import { loadSegment } from "../../../worker/hls/segment-store.ts";
import { stubChannel, stubEmptyCaches, stubExchange } from "./channel-stub.ts";

const VIEWERS = 50;

beforeEach(() => {
  vi.useFakeTimers();
  stubEmptyCaches();
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const channel = stubChannel("ch_slow", 40_000);

/** An origin that does not know HEAD, and whose bodies begin and never end. */
function endless(headers: Record<string, string>): { count: number; heads: number } {
  const asked = { count: 0, heads: 0 };
  vi.spyOn(globalThis, "fetch").mockImplementation(async (_input, init) => {
    if (init?.method === "HEAD") {
      asked.heads++;
      return new Response(null, { status: 405 });
    }
    asked.count++;
    const body = new ReadableStream({
      type: "bytes",
      start: (controller) => controller.enqueue(new TextEncoder().encode("some bytes that are no playlist")),
    });
    return new Response(body, { headers });
  });
  return asked;
}

describe("viewers who wait for somebody else's fetch in vain", () => {
  it.each([
    ["a playlist", loadPlaylist, "index.m3u8"],
    ["a segment", (x: Exchange, c: ChannelConfig, t: never) => loadSegment(x, c, t, undefined), "1.ts"],
  ] as const)("go together to ask for %s once more", async (_what, load, name) => {
    const asked = endless({ "content-length": "1000" });
    const target = { url: `http://origin.test/${name}`, source: 0, playlist: true, imported: new Map() };
    const viewers = Array.from({ length: VIEWERS }, () =>
      load(stubExchange(), channel, target as never).catch((error: { code: string }) => error.code),
    );
    await vi.advanceTimersByTimeAsync(14_000);
    expect(asked.count).toBe(1);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(asked.count).toBe(2);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked.count).toBeLessThanOrEqual(4);
    expect(new Set(await Promise.all(viewers))).toEqual(new Set(["upstream_timeout"]));
  });

  it("go together to ask by HEAD once more", async () => {
    const asked = endless({ "content-length": "1000" });
    const target = { url: "http://origin.test/head.ts", source: 0, playlist: false, imported: new Map() };
    const viewers = Array.from({ length: VIEWERS }, () =>
      loadHead(stubExchange(), channel, target).catch((error: { code: string }) => error.code),
    );
    await vi.advanceTimersByTimeAsync(14_000);
    expect(asked).toEqual({ count: 1, heads: 1 });
    await vi.advanceTimersByTimeAsync(2_000);
    expect(asked.heads).toBe(2);
    await vi.advanceTimersByTimeAsync(90_000);
    expect(asked.heads).toBeLessThanOrEqual(4);
    expect(new Set(await Promise.all(viewers))).toEqual(new Set(["upstream_timeout"]));
  });
});
