// Segments through the whole product: caching, ranges, conditions, and what any site may read.

import { brotliCompressSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { bytesOf, type ChannelProduct, codeOf, folder, sha256, startChannels } from "../support/channels.ts";
import { type HlsOrigin, patternBytes } from "../support/hls-origin.ts";

let channels: ChannelProduct;
let origin: HlsOrigin;
let get: ChannelProduct["get"];

beforeAll(async () => {
  channels = await startChannels();
  ({ origin, get } = channels);
}, 60_000);

afterAll(() => channels?.stop());

describe("segment caching", () => {
  it("answers the second request without the origin", async () => {
    const path = `${folder()}/seg.ts`;
    const body = patternBytes(200_000);
    origin.file(`/a/${path}`, body);
    const first = await get(`ch_a/${path}`);
    expect(first.headers.get("cache-status")).toBe("causeway; fwd=miss; stored");
    expect(sha256(await bytesOf(first))).toBe(sha256(body));
    const second = await get(`ch_a/${path}`);
    expect(second.headers.get("cache-status")).toBe("causeway; hit; detail=memory");
    expect(second.headers.get("age")).toMatch(/^\d+$/);
    expect(sha256(await bytesOf(second))).toBe(sha256(body));
    expect(origin.count(`/a/${path}`)).toBe(1);
  });

  it.each([100, 700_000, 3_000_000, 20_000_000])(
    "asks the origin once for %i bytes wanted by many, or streams what is too large to share",
    async (length) => {
      const path = `${folder()}/seg.ts`;
      const body = patternBytes(length);
      origin.file(`/a/${path}`, body);
      const replies = await Promise.all(Array.from({ length: 8 }, () => get(`ch_a/${path}`).then(bytesOf)));
      expect(new Set(replies.map(sha256))).toEqual(new Set([sha256(body)]));
      if (length <= 8 * 1024 * 1024) expect(origin.count(`/a/${path}`)).toBe(1);
    },
    30_000,
  );

  it("keeps bodies too large for memory in the data centre's cache", async () => {
    const path = `${folder()}/large.mp4`;
    const body = patternBytes(12_000_000);
    origin.file(`/a/${path}`, body);
    await bytesOf(await get(`ch_a/${path}`));
    await vi.waitFor(async () => {
      const again = await get(`ch_a/${path}`);
      expect(sha256(await bytesOf(again))).toBe(sha256(body));
      expect(again.headers.get("cache-status")).toBe("causeway; hit; detail=edge");
    }, 5_000);
    const part = await get(`ch_a/${path}`, { headers: { Range: "bytes=9000000-9000099" } });
    expect(part.status).toBe(206);
    expect(part.headers.get("content-range")).toBe("bytes 9000000-9000099/12000000");
    expect(await bytesOf(part)).toEqual(Buffer.from(body.subarray(9_000_000, 9_000_100)));
    const before = origin.count(`/a/${path}`);
    const crowd = await Promise.all(Array.from({ length: 8 }, () => get(`ch_a/${path}`).then(bytesOf)));
    expect(new Set(crowd.map(sha256))).toEqual(new Set([sha256(body)]));
    expect(origin.count(`/a/${path}`)).toBe(before);
  });

  it("serves the followers although the viewer who caused the fetch has left", async () => {
    const path = `${folder()}/seg.ts`;
    const body = patternBytes(3_000_000);
    const gate = Promise.withResolvers<void>();
    origin.on(`/a/${path}`, async (_request, response) => {
      response.writeHead(200, { "content-length": body.byteLength });
      response.write(body.subarray(0, 1_500_000));
      await gate.promise;
      response.end(body.subarray(1_500_000));
    });
    const leaving = new AbortController();
    const leader = await get(`ch_a/${path}`, { signal: leaving.signal });
    const reader = leader.body?.getReader();
    await reader?.read();
    const follower = get(`ch_a/${path}`).then(bytesOf);
    leaving.abort();
    await reader?.closed.catch(() => undefined);
    gate.resolve();
    expect(sha256(await follower)).toBe(sha256(body));
    expect(origin.count(`/a/${path}`)).toBe(1);
  });

  it.each([
    ["segment", "seg.ts", "x".repeat(50_000)],
    ["playlist", "v.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\n1.ts\n"],
  ])(
    "serves the followers of a %s although the viewer who caused the fetch left before any reply",
    async (_what, file, body) => {
      const path = `${folder()}/${file}`;
      const gate = Promise.withResolvers<void>();
      origin.on(`/a/${path}`, async (_request, response) => {
        await gate.promise;
        response.end(body);
      });
      const leaving = new AbortController();
      const leader = get(`ch_a/${path}`, { signal: leaving.signal });
      await vi.waitFor(() => expect(origin.count(`/a/${path}`)).toBe(1));
      const followers = Array.from({ length: 3 }, () => get(`ch_a/${path}`).then((reply) => reply.text()));
      // A request that is answered shows that those sent before it are on their way.
      await (await get("ch_a/none.ts")).text();
      leaving.abort();
      await expect(leader).rejects.toThrow();
      await (await get("ch_a/none.ts")).text();
      gate.resolve();
      expect(new Set(await Promise.all(followers))).toEqual(new Set([body]));
      expect(origin.count(`/a/${path}`)).toBe(1);
    },
  );

  it("does not let a viewer that stops reading hold up the others", async () => {
    const path = `${folder()}/seg.ts`;
    const body = patternBytes(7_000_000);
    origin.file(`/a/${path}`, body);
    const leaving = new AbortController();
    const stuck = await get(`ch_a/${path}`, { signal: leaving.signal });
    expect(sha256(await bytesOf(await get(`ch_a/${path}`)))).toBe(sha256(body));
    leaving.abort();
    await stuck.body?.cancel().catch(() => undefined);
    expect(origin.count(`/a/${path}`)).toBe(1);
  });

  it("breaks a body that the origin broke, and does not keep it", async () => {
    const path = `${folder()}/seg.ts`;
    const body = patternBytes(2_000_000);
    origin.on(`/a/${path}`, (_request, response) => {
      response.writeHead(200, { "content-length": body.byteLength });
      response.write(body.subarray(0, 1_200_000), () => response.destroy());
    });
    await expect(get(`ch_a/${path}`).then(bytesOf)).rejects.toThrow();
    origin.file(`/a/${path}`, body);
    expect(sha256(await bytesOf(await get(`ch_a/${path}`)))).toBe(sha256(body));
  });

  it.each([5_000_000, 12_000_000])("passes %i bytes of unknown length whole", async (length) => {
    const path = `${folder()}/seg.ts`;
    const body = patternBytes(length);
    origin.on(`/a/${path}`, (_request, response) => {
      response.write(body.subarray(0, 1_000));
      response.end(body.subarray(1_000));
    });
    const replies = await Promise.all(Array.from({ length: 4 }, () => get(`ch_a/${path}`).then(bytesOf)));
    expect(new Set(replies.map(sha256))).toEqual(new Set([sha256(body)]));
    if (length <= 8 * 1024 * 1024) expect(origin.count(`/a/${path}`)).toBe(1);
  });

  it("answers 502 when a short body breaks off", async () => {
    const path = `${folder()}/seg.ts`;
    origin.on(`/a/${path}`, (_request, response) => {
      response.writeHead(200, { "content-length": 1_000 });
      response.write("half", () => response.destroy());
    });
    const reply = await get(`ch_a/${path}`);
    expect([reply.status, await codeOf(reply)]).toEqual([502, "upstream_invalid"]);
  });

  it("decodes what an origin compressed all the same", async () => {
    const name = folder();
    const text = "WEBVTT\n".repeat(1_000);
    origin.file(`/a/${name}/gzip.vtt`, gzipSync(text), {
      "content-encoding": "gzip",
      "content-type": "text/vtt",
    });
    origin.file(`/a/${name}/br.vtt`, brotliCompressSync(text), { "content-encoding": "br" });
    for (const file of ["gzip", "br", "gzip", "br"]) {
      const reply = await get(`ch_a/${name}/${file}.vtt`);
      expect(reply.headers.get("content-encoding")).toBeNull();
      expect(await reply.text()).toBe(text);
    }
  });

  it("respects no-store", async () => {
    const path = `${folder()}/seg.ts`;
    origin.file(`/a/${path}`, "x", { "cache-control": "no-store" });
    await bytesOf(await get(`ch_a/${path}`));
    const again = await get(`ch_a/${path}`);
    expect(again.headers.get("cache-control")).toBe("no-cache");
    expect(origin.count(`/a/${path}`)).toBe(2);
  });

  it("leaves ignored names out of the key and keys forwarded ones", async () => {
    const path = `${folder()}/seg.ts`;
    origin.on(`/a/${path}`, (request, response) => void response.end(request.url));
    const ask = async (query: string) => (await get(`ch_a/${path}${query}`)).text();
    expect(await ask("?sid=1")).toBe(`/a/${path}`);
    expect(await ask("?sid=2&utm=3")).toBe(`/a/${path}`);
    expect(await ask("?lang=de")).toBe(`/a/${path}?lang=de`);
    expect(await ask("?lang=fr")).toBe(`/a/${path}?lang=fr`);
    expect(origin.count(`/a/${path}`)).toBe(3);
  });
});

describe("range requests", () => {
  it("are cut from a body in memory", async () => {
    const path = `${folder()}/seg.mp4`;
    const body = patternBytes(10_000);
    origin.file(`/a/${path}`, body);
    await bytesOf(await get(`ch_a/${path}`));
    const ask = (range: string) => get(`ch_a/${path}`, { headers: { Range: range } });
    const middle = await ask("bytes=100-199");
    expect([middle.status, middle.headers.get("content-range")]).toEqual([206, "bytes 100-199/10000"]);
    expect(await bytesOf(middle)).toEqual(Buffer.from(body.subarray(100, 200)));
    expect(await bytesOf(await ask("bytes=-5"))).toEqual(Buffer.from(body.subarray(9_995)));
    const outside = await ask("bytes=10000-");
    expect([outside.status, await codeOf(outside)]).toEqual([416, "range_unsatisfiable"]);
    expect(origin.count(`/a/${path}`)).toBe(1);
  });

  it("are forwarded and kept apart when the body is not there", async () => {
    const path = `${folder()}/all.mp4`;
    const body = patternBytes(10_000);
    origin.file(`/a/${path}`, body);
    const ask = (range: string) => get(`ch_a/${path}`, { headers: { Range: range } });
    for (let round = 0; round < 2; round++) {
      for (const start of [0, 1_000, 2_000]) {
        const part = await ask(`bytes=${start}-${start + 999}`);
        expect([part.status, part.headers.get("content-range")]).toEqual([
          206,
          `bytes ${start}-${start + 999}/10000`,
        ]);
        expect(await bytesOf(part)).toEqual(Buffer.from(body.subarray(start, start + 1_000)));
      }
    }
    expect(origin.count(`/a/${path}`)).toBe(3);
    expect(await bytesOf(await get(`ch_a/${path}`))).toEqual(Buffer.from(body));
  });
});

describe("HEAD, conditions and CORS", () => {
  it("HEAD tells the length and sends no body", async () => {
    const path = `${folder()}/seg.ts`;
    origin.file(`/a/${path}`, patternBytes(5_000));
    const head = await get(`ch_a/${path}`, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "5000"]);
    expect(origin.seen.at(-1)?.method).toBe("HEAD");
    await bytesOf(await get(`ch_a/${path}`));
    const again = await get(`ch_a/${path}`, { method: "HEAD" });
    expect([again.headers.get("content-length"), again.headers.get("cache-status")]).toEqual([
      "5000",
      "causeway; hit; detail=memory",
    ]);
  });

  it("If-None-Match with the right tag is answered 304", async () => {
    const path = `${folder()}/seg.ts`;
    origin.file(`/a/${path}`, "body", { etag: '"v1"' });
    const first = await get(`ch_a/${path}`);
    expect(first.headers.get("etag")).toBe('"v1"');
    await first.text();
    const again = await get(`ch_a/${path}`, { headers: { "If-None-Match": '"v1"' } });
    expect([again.status, (await bytesOf(again)).byteLength]).toEqual([304, 0]);
  });

  it("any site may read replies, errors and preflights", async () => {
    for (const [path, method, status] of [
      ["ch_a/nothing-here.ts", "GET", 404],
      ["ch_none/stream.m3u8", "GET", 404],
      ["ch_a/seg.ts", "POST", 405],
      ["ch_a/seg.ts", "OPTIONS", 204],
    ] as const) {
      const reply = await get(path, { method });
      expect([reply.status, reply.headers.get("access-control-allow-origin")]).toEqual([status, "*"]);
      expect(reply.headers.get("x-request-id")).not.toBeNull();
    }
  });

  it("nothing of the origin's can run or set state on the edge's host", async () => {
    const path = `${folder()}/seg.ts`;
    origin.file(`/a/${path}`, "1<script>1</script>", {
      "content-type": "text/html",
      "set-cookie": "a=b",
      refresh: "0;url=/",
      "clear-site-data": '"*"',
      "service-worker-allowed": "/",
    });
    const { headers } = await get(`ch_a/${path}`);
    expect(headers.get("content-type")).toBe("application/octet-stream");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("content-security-policy")).toContain("sandbox");
    for (const name of ["set-cookie", "refresh", "clear-site-data", "service-worker-allowed"])
      expect(headers.get(name)).toBeNull();
  });
});
