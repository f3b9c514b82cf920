// Two isolates of different data centres, as two copies of the modules with caches of their own, and the one object.

import { createExecutionContext, env, waitOnExecutionContext } from "cloudflare:test";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { ChannelConfig } from "../../../shared/config/schema.ts";
import type { Exchange } from "../../../worker/exchange.ts";

type Isolate = Awaited<ReturnType<typeof isolate>>;
let here: Isolate;
let there: Isolate;
let elsewhere: Isolate;

beforeAll(async () => {
  vi.stubGlobal("caches", {
    open: async () => ({ match: async () => undefined, put: async () => undefined }),
  });
  // All at once: with each copy the object's module counts as changed.
  here = await isolate("CDG");
  there = await isolate("ORD");
  elsewhere = await isolate("NRT");
});

afterEach(() => void vi.restoreAllMocks());

const BODY = new Uint8Array(50_000).fill(7);

/** A copy of the modules whose memory is its own; the data centre's cache holds nothing. */
async function isolate(colo: string) {
  vi.resetModules();
  vi.stubGlobal("caches", {
    open: async () => ({ match: async () => undefined, put: async () => undefined }),
  });
  const { loadSegment } = await import("../../../worker/hls/segment-store.ts");
  const { loadPlaylist } = await import("../../../worker/hls/playlist-store.ts");
  const contexts: ExecutionContext[] = [];
  const exchange = (): Exchange => {
    const ctx = createExecutionContext();
    contexts.push(ctx);
    const counter = { answer: () => undefined, failure: () => undefined, originBytes: () => undefined };
    const meter = { touch: () => undefined, channel: () => counter };
    const live = { purgeEpoch: () => 0 };
    const request = { cf: { colo } };
    return { env, ctx, request, meter, config: { epoch: 1, live } } as unknown as Exchange;
  };
  return {
    segment: (channel: ChannelConfig, url: string) =>
      loadSegment(exchange(), channel, target(url), undefined),
    playlist: (channel: ChannelConfig, url: string) => loadPlaylist(exchange(), channel, target(url)),
    settled: () => Promise.all(contexts.map((ctx) => waitOnExecutionContext(ctx))),
  };
}

function target(url: string) {
  return { url, source: 0, playlist: false, imported: new Map<string, string>() };
}

function channelOf(id: string): ChannelConfig {
  const source = { url: "http://origin.test/index.m3u8", via: "direct", headers: {} };
  return {
    id,
    sources: [source],
    headers: {},
    ignore_query: [],
    shield: true,
    prefetch: 0,
    response_header_timeout: 2_000,
    read_timeout: 2_000,
  } as unknown as ChannelConfig;
}

/** Counts what reaches the origin, and answers by path. */
function originOf(answers: Readonly<Record<string, () => Response>>): string[] {
  const asked: string[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
    const { pathname } = new URL(String(input));
    asked.push(pathname);
    return answers[pathname]?.() ?? new Response(null, { status: 404 });
  });
  return asked;
}

function answer(body: BodyInit, type = "video/mp2t"): Response {
  return new Response(body, { headers: { "content-type": type, "content-length": `${BODY.length}` } });
}

describe("shield", () => {
  it("lets one of two data centres fetch a small segment, and gives its bytes to the other", async () => {
    const asked = originOf({ "/1.ts": () => answer(BODY) });
    const channel = channelOf("ch_small");
    const url = "http://origin.test/1.ts";
    const loaded = await Promise.all([here.segment(channel, url), there.segment(channel, url)]);
    expect(loaded.map(({ tier }) => tier).sort()).toEqual(["collapsed", "origin"]);
    for (const { body } of loaded) expect(body).toEqual(BODY);
    await Promise.all([here.settled(), there.settled()]);
    expect((await elsewhere.segment(channel, url)).body).toEqual(BODY);
    expect(asked).toEqual(["/1.ts"]);
  });

  it("does the same for playlists, with their age", async () => {
    const text = "#EXTM3U\n#EXT-X-TARGETDURATION:8\n#EXTINF:8,\n1.ts\n";
    const asked = originOf({ "/live.m3u8": () => new Response(text) });
    const channel = channelOf("ch_list");
    const url = "http://origin.test/live.m3u8";
    const first = await here.playlist(channel, url);
    await here.settled();
    const second = await there.playlist(channel, url);
    expect([second.stored.text, second.stored.facts.at]).toEqual([text, first.stored.facts.at]);
    expect(asked).toEqual(["/live.m3u8"]);
  });

  it("shares that the origin does not have something", async () => {
    const asked = originOf({});
    const channel = channelOf("ch_none");
    for (const each of [here, there]) {
      await expect(each.segment(channel, "http://origin.test/none.ts")).rejects.toThrow();
      await each.settled();
    }
    expect(asked).toEqual(["/none.ts"]);
  });

  it("lets each fetch what may not be stored", async () => {
    const asked = originOf({
      "/private.ts": () => new Response(BODY, { headers: { "cache-control": "no-store" } }),
    });
    const channel = channelOf("ch_private");
    for (const each of [here, there]) {
      expect((await each.segment(channel, "http://origin.test/private.ts")).body).not.toBeNull();
      await each.settled();
    }
    expect(asked).toEqual(["/private.ts", "/private.ts"]);
  });
});
