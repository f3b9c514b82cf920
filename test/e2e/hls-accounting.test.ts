// What is counted of channels, and what players get when something is wrong, through the whole product.

import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { ChannelSnapshot } from "../../shared/flow/channel.ts";
import type { ServiceSnapshot } from "../../shared/flow/snapshot.ts";
import { bytesOf, type ChannelProduct, codeOf, folder, media, startChannels } from "../support/channels.ts";
import { type HlsOrigin, patternBytes } from "../support/hls-origin.ts";
import type { Product } from "../support/product.ts";
import { readStats } from "../support/stats.ts";

let channels: ChannelProduct;
let origin: HlsOrigin;
let product: Product;
let get: ChannelProduct["get"];

beforeAll(async () => {
  channels = await startChannels();
  ({ origin, product, get } = channels);
}, 60_000);

afterAll(() => channels?.stop());

/** Polls until what is counted of the channel contains `expected`. */
async function untilChannel(id: string, expected: object): Promise<ServiceSnapshot> {
  return await vi.waitFor(
    async () => {
      const service = (await readStats(product)).services.find((entry) => entry.service === id);
      expect(service).toMatchObject(expected);
      return service as ServiceSnapshot;
    },
    { timeout: 10_000, interval: 200 },
  );
}

describe("a channel's accounts", () => {
  it("say who watches, what the origin gave, from where replies came, and what failed", async () => {
    const playlist = media("1.ts", "2.ts", "3.ts");
    origin.file("/stats/index.m3u8", playlist);
    origin.file("/stats/1.ts", patternBytes(1_000));
    origin.file("/stats/2.ts", patternBytes(3_000_000));
    origin.on("/stats/3.ts", (_, response) => void response.writeHead(500).end());
    // Without a length it streams, and is counted as it is read.
    origin.on("/stats/4.ts", (_, response) => void response.end(patternBytes(50_000)));
    let down = 0;
    for (const name of ["Player/1", "Player/2", "Player/1"])
      for (const file of ["stream.m3u8", "1.ts", "2.ts", "4.ts"])
        down += (await bytesOf(await get(`ch_stats/${file}`, { headers: { "User-Agent": name } })))
          .byteLength;
    expect((await get("ch_stats/3.ts")).status).toBe(502);
    const { channel } = await untilChannel("ch_stats", {
      down,
      refused: { origin_status: 1 },
      channel: {
        viewers: 2,
        origin_requests: 5,
        origin_bytes: playlist.length + 1_000 + 3_000_000 + 50_000,
        origin_errors: { origin_status: 1 },
        tiers: { memory: 8, origin: 4 },
        source: { index: 0, of: 1, host: new URL(origin.url).host },
      },
    });
    expect(replies(channel?.segment_ms)).toBe(9);
    expect(replies(channel?.recent_ms)).toBe(9);
    expect(replies(channel?.origin_ms)).toBe(4);
  });

  it("count what streams past the caches as it passes", async () => {
    const path = `${folder()}/huge.ts`;
    origin.file(`/moved/${path}`, patternBytes(70_000_000));
    origin.file(`/gone/${path}`, patternBytes(12_000_000));
    expect((await bytesOf(await get(`ch_moved/${path}`))).byteLength).toBe(70_000_000);
    expect((await bytesOf(await get(`ch_gone/${path}`))).byteLength).toBe(12_000_000);
    await untilChannel("ch_moved", { channel: { origin_bytes: 70_000_000 } });
    await untilChannel("ch_gone", { channel: { origin_bytes: 12_000_000 } });
  });

  it("are in the metrics, too, and say nothing of paths and clients", async () => {
    const text = await (await product.api("/metrics")).text();
    expect(text).toMatch(/^causeway_channel_viewers\{channel="ch_stats"\} 2$/m);
    expect(text).toMatch(/^causeway_errors_total\{code="origin_status",kind="hls",service="ch_stats"\} 1$/m);
    expect(text).toMatch(/^causeway_channel_segment_seconds_count\{channel="ch_stats"\} 9$/m);
    expect(text).not.toMatch(/index\.m3u8|127\.0\.0\.1|Player/);
    expect((await fetch(`${product.edge}/metrics`)).status).toBe(401);
  });
});

describe("what is no media", () => {
  const PAGE = "<!doctype html><title>Log in</title>";

  it.each([
    ["a page as a segment", { "content-type": "text/html", "content-length": String(PAGE.length) }],
    ["a page of unknown length", { "content-type": "text/html" }],
    [
      "a page that calls itself video",
      { "content-type": "video/mp2t", "content-length": String(PAGE.length) },
    ],
  ])("%s is 502", async (_, headers) => {
    const path = `${folder()}/seg.ts`;
    origin.on(`/a/${path}`, (_request, response) => void response.writeHead(200, headers).end(PAGE));
    const replies = await Promise.all([get(`ch_a/${path}`), get(`ch_a/${path}`)]);
    for (const reply of replies) {
      expect([reply.status, await codeOf(reply)]).toEqual([502, "segment_malformed"]);
      expect(reply.headers.get("access-control-allow-origin")).toBe("*");
    }
  });

  it("media that calls itself a page is served all the same", async () => {
    const path = `${folder()}/seg.ts`;
    const body = patternBytes(20_000);
    origin.on(
      `/a/${path}`,
      (_, response) => void response.writeHead(200, { "content-type": "text/html" }).end(body),
    );
    const reply = await get(`ch_a/${path}`);
    expect(reply.headers.get("content-type")).toBe("application/octet-stream");
    expect(await bytesOf(reply)).toEqual(Buffer.from(body));
  });

  it.each([
    ["", "playlist_malformed"],
    ["<html>", "playlist_malformed"],
    ["\u0000\u0001", "playlist_malformed"],
  ])("%j as a playlist is 502 %s", async (text, code) => {
    const path = `${folder()}/index.m3u8`;
    origin.file(`/a/${path}`, text, { "content-type": "application/vnd.apple.mpegurl" });
    const reply = await get(`ch_a/${path}`);
    expect([reply.status, await codeOf(reply)]).toEqual([502, code]);
  });
});

describe("what is too large", () => {
  it("is a playlist above 16 MiB, announced or not", async () => {
    const path = folder();
    const text = `#EXTM3U\n${"#".repeat(16 * 1024 * 1024)}`;
    origin.file(`/a/${path}/1.m3u8`, text);
    origin.on(`/a/${path}/2.m3u8`, (_, response) => void response.end(text));
    for (const name of ["1.m3u8", "2.m3u8"]) {
      const reply = await get(`ch_a/${path}/${name}`);
      expect([reply.status, await codeOf(reply)]).toEqual([502, "playlist_too_large"]);
    }
  });

  it("is a segment above 512 MiB: refused by its announced length, broken off without one", async () => {
    const path = folder();
    const piece = Buffer.alloc(4 * 1024 * 1024, "x");
    origin.on(`/a/${path}/1.ts`, (_, response) => {
      response.writeHead(200, { "content-length": 512 * 1024 * 1024 + 1 });
      response.write("x");
    });
    const reply = await get(`ch_a/${path}/1.ts`);
    expect([reply.status, await codeOf(reply)]).toEqual([502, "segment_too_large"]);
    origin.on(`/a/${path}/2.ts`, (_, response) => {
      const send = (): void => {
        while (!response.destroyed) if (!response.write(piece)) return;
      };
      response.on("drain", send);
      send();
    });
    const endless = await get(`ch_a/${path}/2.ts`);
    let bytes = 0;
    await expect(async () => {
      for await (const chunk of endless.body ?? []) bytes += chunk.byteLength;
    }).rejects.toThrow();
    expect(bytes).toBeLessThanOrEqual(512 * 1024 * 1024);
  }, 30_000);
});

describe("whatever goes wrong", () => {
  it.each([
    ["GET", "ch_none/stream.m3u8", 404, {}],
    ["HEAD", "ch_none/stream.m3u8", 404, {}],
    ["OPTIONS", "ch_none/stream.m3u8", 204, {}],
    ["GET", "ch_a/nothing.ts", 404, {}],
    ["HEAD", "ch_a/nothing.ts", 404, {}],
    ["GET", "ch_a/cors.ts", 416, { Range: "bytes=900-" }],
    ["GET", "ch_a/b/forged/x.ts", 404, {}],
    ["GET", "ch_a/%00", 404, {}],
    ["DELETE", "ch_a/cors.ts", 405, {}],
    ["GET", "ch_", 404, {}],
    ["GET", "", 404, {}],
  ])("%s %s is %i that a player on any site can read", async (method, path, status, headers) => {
    origin.file("/a/cors.ts", patternBytes(100));
    await bytesOf(await get("ch_a/cors.ts"));
    const reply = await get(path, { method, headers: { ...headers, Origin: "https://site.test" } });
    expect([reply.status, reply.headers.get("access-control-allow-origin")]).toEqual([status, "*"]);
    expect(reply.headers.get("x-request-id")).not.toBeNull();
  });

  it("a channel that is full says so, and when to come again, to players on any site", async () => {
    const watch = (name: string) => get("ch_full/stream.m3u8", { headers: { "User-Agent": name } });
    origin.file("/full/index.m3u8", media("1.ts"));
    expect((await watch("first")).status).toBe(200);
    const { status, headers } = await watch("second");
    expect([status, headers.get("access-control-allow-origin")]).toEqual([503, "*"]);
    expect(headers.get("retry-after")).toMatch(/^\d+$/);
    expect(headers.get("access-control-expose-headers")).toContain("Retry-After");
  });

  it("a method that is refused says which are not", async () => {
    const reply = await get("ch_a/cors.ts", { method: "POST" });
    expect(reply.headers.get("allow")).toBe("GET, HEAD, OPTIONS");
  });

  it("a path that no URL parser leaves alone gets an answer that can be read, too", async () => {
    const { hostname, port } = new URL(product.edge);
    const sent = httpRequest({ hostname, port, path: "/proxy/ch_a/../ch_none/stream.m3u8" }).end();
    const reply = await new Promise<{ statusCode?: number; headers: NodeJS.Dict<string | string[]> }>(
      (resolve, reject) => sent.on("response", resolve).on("error", reject),
    );
    expect([reply.statusCode, reply.headers["access-control-allow-origin"]]).toEqual([404, "*"]);
  });
});

function replies(latencies: ChannelSnapshot["segment_ms"] | undefined): number {
  return latencies?.counts.reduce((sum, times) => sum + times, 0) ?? 0;
}
