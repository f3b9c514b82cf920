// A channel's origin through the whole product: what it is told, and what viewers get when it fails.

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  bytesOf,
  type ChannelProduct,
  children,
  codeOf,
  folder,
  media,
  sha256,
  startChannels,
} from "../support/channels.ts";
import { type HlsOrigin, patternBytes } from "../support/hls-origin.ts";

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

describe("a rewritten playlist", () => {
  it("comes whole, and says nothing of the body that the origin sent instead of it", async () => {
    const name = folder();
    const body = media("/elsewhere/1.ts");
    origin.file(`/a/${name}/v.m3u8`, body, {
      etag: '"origin"',
      "content-md5": "Q2hlY2sgSW50ZWdyaXR5IQ==",
      "accept-ranges": "bytes",
      "last-modified": new Date(0).toUTCString(),
    });
    const headers = { range: "bytes=0-9", "if-none-match": '"origin"' };
    const reply = await get(`ch_a/${name}/v.m3u8`, { headers });
    const text = await reply.text();
    expect([reply.status, text.split("\n").length]).toEqual([200, body.split("\n").length]);
    expect(reply.headers.get("content-length")).toBe(String(text.length));
    for (const field of ["etag", "content-md5", "accept-ranges", "content-range", "last-modified"])
      expect([field, reply.headers.get(field)]).toEqual([field, null]);
    expect(origin.seen.at(-1)?.url).toBe(`/a/${name}/v.m3u8`);
    expect(origin.seen.at(-1)?.headers).not.toHaveProperty("range");
  });
});

describe("what viewers invent", () => {
  const live = (control: string) =>
    // Fresh for longer than these tests take.
    `#EXTM3U\n#EXT-X-TARGETDURATION:20\n${control}#EXTINF:9,\n1.ts\n#EXTINF:9,\n/elsewhere/2.ts\n`;

  it("reaches the origin neither as a directive of a segment nor as one that nothing needs", async () => {
    const name = folder();
    origin.file(`/a/${name}/v.m3u8`, live("#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES\n"));
    for (const path of [`/a/${name}/1.ts`, "/elsewhere/2.ts"]) origin.file(path, "media");
    const segments = await children(await get(`ch_a/${name}/v.m3u8`));
    for (let n = 0; n < 5; n++) {
      for (const query of [`_HLS_primary_id=${n}`, `_HLS_throughput=${n}`, "_HLS_start_offset=0"])
        expect((await get(`ch_a/${name}/v.m3u8?${query}`)).status).toBe(200);
      for (const segment of segments)
        for (const query of [`_HLS_msn=${n}`, `_HLS_part=${n}`, `_HLS_primary_id=${n}`])
          expect(await (await fetch(`${segment}?${query}`)).text()).toBe("media");
    }
    const asked = [`/a/${name}/v.m3u8`, `/a/${name}/1.ts`, "/elsewhere/2.ts"];
    expect(asked.map((path) => origin.count(path))).toEqual([1, 1, 1]);
  });

  it("is no reload that an origin holds which never said that it holds any", async () => {
    for (const body of [live(""), "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n"]) {
      const path = `${folder()}/v.m3u8`;
      origin.file(`/a/${path}`, body);
      await (await get(`ch_a/${path}`)).arrayBuffer();
      const asks = Array.from({ length: 10 }, (_, n) => get(`ch_a/${path}?_HLS_msn=${n}&_HLS_part=${n}`));
      for (const reply of await Promise.all(asks)) expect(reply.status).toBe(200);
      expect(origin.count(`/a/${path}`)).toBe(1);
    }
  });

  it("is one request where it is ranges of a segment", async () => {
    for (const length of [40_000, 3_000_000]) {
      const name = folder();
      const body = patternBytes(length);
      origin.file(`/a/${name}/v.m3u8`, live(""));
      origin.file(`/a/${name}/1.ts`, body);
      await (await get(`ch_a/${name}/v.m3u8`)).arrayBuffer();
      const parts = Array.from({ length: 10 }, (_, n) => [n * 100, n * 200 + 5] as const);
      await Promise.all(
        parts.map(async ([first, last]) => {
          const headers = { range: `bytes=${first}-${last}` };
          const reply = await get(`ch_a/${name}/1.ts`, { headers });
          expect([reply.status, reply.headers.get("content-range")]).toEqual([
            206,
            `bytes ${first}-${last}/${length}`,
          ]);
          expect(Buffer.compare(await bytesOf(reply), body.subarray(first, last + 1))).toBe(0);
        }),
      );
      expect(origin.count(`/a/${name}/1.ts`)).toBe(1);
    }
  });

  it("is one request where many ask by HEAD, at once and one after the other", async () => {
    const path = `${folder()}/seg.ts`;
    origin.file(`/a/${path}`, patternBytes(5_000));
    const ask = () => get(`ch_a/${path}`, { method: "HEAD" });
    const replies = await Promise.all(Array.from({ length: 10 }, ask));
    expect(origin.count(`/a/${path}`)).toBe(1);
    for (let n = 0; n < 10; n++) replies.push(await ask());
    for (const reply of replies) expect(reply.headers.get("content-length")).toBe("5000");
    // It is told again for a second.
    expect(origin.count(`/a/${path}`)).toBeLessThan(4);
  });
});

describe("a live segment too large for memory", () => {
  it("is fetched once for all who want it meanwhile, and by parts from what was stored", async () => {
    const name = folder();
    const body = patternBytes(12_000_000);
    origin.file(`/a/${name}/v.m3u8`, "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\n1.ts\n");
    origin.file(`/a/${name}/1.ts`, body);
    await (await get(`ch_a/${name}/v.m3u8`)).arrayBuffer();
    const sums = Array.from({ length: 10 }, async () =>
      sha256(await bytesOf(await get(`ch_a/${name}/1.ts`))),
    );
    expect(new Set(await Promise.all(sums))).toEqual(new Set([sha256(body)]));
    const part = await get(`ch_a/${name}/1.ts`, { headers: { range: "bytes=9000000-9000099" } });
    expect([part.status, (await bytesOf(part)).equals(body.subarray(9_000_000, 9_000_100))]).toEqual([
      206,
      true,
    ]);
    expect(origin.count(`/a/${name}/1.ts`)).toBe(1);
  });
});

describe("a segment that turns out to be too large for memory", () => {
  it("holds up nobody who waited for it until its first viewer has all of it", async () => {
    const path = `${folder()}/1.ts`;
    const [first, rest] = [patternBytes(9_000_000), patternBytes(1_000_000, 2)];
    const gate = Promise.withResolvers<void>();
    origin.on(`/a/${path}`, async (_, response) => {
      response.write(first);
      if (origin.count(`/a/${path}`) === 1) await gate.promise;
      response.end(rest);
    });
    const ask = async () => sha256(await bytesOf(await get(`ch_a/${path}`)));
    const leader = ask();
    await vi.waitFor(() => expect(origin.count(`/a/${path}`)).toBe(1));
    const whole = sha256(Buffer.concat([first, rest]));
    expect(await ask()).toBe(whole);
    gate.resolve();
    expect(await leader).toBe(whole);
    // Before who waits in vain fetches by itself.
  }, 12_000);
});

describe("a part of a segment that is still coming in", () => {
  it.each([
    ["of known length", 12_000_000, true],
    ["of unknown length", 3_000_000, false],
    ["of unknown length, and too large for memory", 9_000_000, false],
  ])("is all that a viewer gets who asks for no more, %s", async (_what, length, isKnown) => {
    const name = folder();
    const body = patternBytes(length);
    origin.file(`/a/${name}/v.m3u8`, media("1.ts"));
    if (isKnown) origin.file(`/a/${name}/1.ts`, body);
    else
      origin.on(`/a/${name}/1.ts`, ({ headers }, response) => {
        const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "")?.map(Number) ?? [];
        if (from === undefined || to === undefined) return void response.write(body, () => response.end());
        response.writeHead(206, { "content-range": `bytes ${from}-${to}/${length}` });
        response.end(body.subarray(from, to + 1));
      });
    await (await get(`ch_a/${name}/v.m3u8`)).arrayBuffer();
    for (const first of [2_000_000, 5, 1_000_000]) {
      const headers = { range: `bytes=${first}-${first + 99}` };
      const part = await get(`ch_a/${name}/1.ts`, { headers });
      expect([part.status, part.headers.get("content-range")]).toEqual([
        206,
        `bytes ${first}-${first + 99}/${length}`,
      ]);
      expect(Buffer.compare(await bytesOf(part), body.subarray(first, first + 100))).toBe(0);
    }
    expect(origin.count(`/a/${name}/1.ts`)).toBeLessThanOrEqual(length > 8 * 1024 * 1024 ? 4 : 1);
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
