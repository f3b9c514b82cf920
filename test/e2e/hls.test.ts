// Channels through the whole product: real sockets, the real Worker, and an origin that counts what it is asked.

import { createHash } from "node:crypto";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type HlsOrigin, patternBytes, startHlsOrigin } from "../support/hls-origin.ts";
import { type Product, startProduct } from "../support/product.ts";

let product: Product;
let origin: HlsOrigin;
let nextFolder = 0;

beforeAll(async () => {
  origin = await startHlsOrigin();
  const channel = (id: string, path: string, more: object = {}) => ({
    id,
    sources: [`${origin.url}${path}`],
    ...more,
  });
  product = await startProduct({
    config: (demo) => ({
      channels: [
        { id: "ch_demo", name: "Demo channel", group: "Demo", sources: [`${demo}/live/index.m3u8`] },
        channel("ch_a", "/a/index.m3u8", {
          name: 'The "A", channel',
          headers: { "User-Agent": "Player/9", Cookie: "key=1" },
          ignore_query: ["sid"],
          forward_query: ["lang"],
        }),
        channel("ch_stats", "/stats/index.m3u8"),
        channel("ch_moved", "/moved/index.m3u8"),
        channel("ch_stale", "/stale/index.m3u8"),
        channel("ch_gone", "/gone/index.m3u8"),
        channel("ch_open", "/open/index.m3u8", { hide_query: false }),
        channel("ch_login", "/login/index.m3u8"),
      ],
    }),
  });
}, 60_000);

afterAll(async () => {
  await product?.stop();
  await origin?.stop();
});

/** A path of its own per test, so that no test sees another's cache. */
function folder(): string {
  return `f${nextFolder++}`;
}

function get(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${product.edge}/proxy/${path}`, init);
}

async function bytesOf(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer());
}

async function codeOf(response: Response): Promise<string> {
  const body = (await response.json()) as { error: { code: string } };
  return body.error.code;
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** The URI lines of a playlist, resolved against where it was served. */
async function children(response: Response): Promise<string[]> {
  const lines = (await response.text()).split(/\r?\n/);
  return lines
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => new URL(line, response.url).href);
}

const media = (...lines: string[]): string =>
  `#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-ENDLIST\n${lines.map((line) => `#EXTINF:2,\n${line}\n`).join("")}`;

describe("the demo channel", () => {
  it("plays through the edge with the bytes of the origin", async () => {
    const playlist = await get("ch_demo/stream.m3u8");
    expect(playlist.status).toBe(200);
    expect(playlist.headers.get("content-type")).toBe("application/vnd.apple.mpegurl");
    const [first] = await children(playlist);
    const name = first?.split("/").at(-1);
    const viaEdge = await bytesOf(await fetch(first ?? ""));
    const direct = await bytesOf(await fetch(`${product.demo}/live/${name}`));
    expect(viaEdge.byteLength).toBeGreaterThan(1_000);
    expect(sha256(viaEdge)).toBe(sha256(direct));
  });

  it("stands in the channel list with absolute addresses on the host asked", async () => {
    const list = await fetch(`${product.edge}/playlist.m3u`);
    const text = await list.text();
    expect(text).toContain(`#EXTINF:-1 tvg-name="Demo channel" group-title="Demo",Demo channel\n`);
    expect(text).toContain(`\n${product.edge}/proxy/ch_demo/stream.m3u8\n`);
    expect(text).toContain(`tvg-name="The 'A', channel"`);
    expect(list.headers.get("access-control-allow-origin")).toBe("*");
  });
});

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
    origin.file(`/a/${path}`, "<script>1</script>", {
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

describe("children's addresses", () => {
  it("nested playlists stay relative and resolve", async () => {
    const name = folder();
    origin.file(`/a/${name}/master.m3u8`, `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow/v.m3u8\n`);
    origin.file(`/a/${name}/low/v.m3u8`, media("s/1.ts"));
    origin.file(`/a/${name}/low/s/1.ts`, "segment");
    const [variant = ""] = await children(await get(`ch_a/${name}/master.m3u8`));
    expect(variant).toBe(`${product.edge}/proxy/ch_a/${name}/low/v.m3u8`);
    const [segment = ""] = await children(await fetch(variant));
    expect(await (await fetch(segment)).text()).toBe("segment");
  });

  it("hide the origin's queries, and pass them on", async () => {
    const name = folder();
    origin.file(`/a/${name}/v.m3u8`, media(`1.ts?token=SECRET&a=%2F`, `${origin.url}/elsewhere/deep/2.ts`));
    origin.on(`/a/${name}/1.ts`, (request, response) => void response.end(request.url));
    origin.file("/elsewhere/deep/2.ts", "absolute");
    const playlist = await get(`ch_a/${name}/v.m3u8`);
    const text = await playlist.clone().text();
    expect(text).not.toMatch(/SECRET|elsewhere|127\.0\.0\.1/);
    const [first = "", second = ""] = await children(playlist);
    expect(first).toMatch(/\/b\/[A-Za-z0-9_-]+\/1\.ts\?q=[A-Za-z0-9_-]+$/);
    expect(await (await fetch(first)).text()).toBe(`/a/${name}/1.ts?token=SECRET&a=%2F`);
    expect(await (await fetch(second)).text()).toBe("absolute");
  });

  it("show the origin's queries where the channel says so", async () => {
    origin.file("/open/index.m3u8", media("1.ts?token=shown"));
    origin.on("/open/1.ts", (request, response) => void response.end(request.url));
    const [first = ""] = await children(await get("ch_open/stream.m3u8"));
    expect(first).toMatch(/\/b\/[A-Za-z0-9_-]+\/1\.ts\?token=shown$/);
    expect(await (await fetch(first)).text()).toBe("/open/1.ts?token=shown");
  });

  it("are the same in every reload", async () => {
    const name = folder();
    origin.file(`/a/${name}/v.m3u8`, media("/x/1.ts?n=1"), { "cache-control": "no-store" });
    const first = await (await get(`ch_a/${name}/v.m3u8`)).text();
    // Another forwarded query is another playlist to the edge, so this is fetched and sealed anew.
    const second = await (await get(`ch_a/${name}/v.m3u8?lang=x`)).text();
    expect(origin.count(`/a/${name}/v.m3u8`)).toBe(2);
    expect(second).toBe(first);
  });

  it("of a redirected playlist resolve against where it came from", async () => {
    origin.on("/moved/index.m3u8", (_request, response) => {
      response.writeHead(302, { location: "/new/place/index.m3u8?session=1" }).end();
    });
    origin.file("/new/place/index.m3u8", media("1.ts"));
    origin.file("/new/place/1.ts", "moved segment");
    const [first = ""] = await children(await get("ch_moved/stream.m3u8"));
    expect(first).toMatch(/\/proxy\/ch_moved\/b\/[A-Za-z0-9_-]+\/1\.ts$/);
    expect(await (await fetch(first)).text()).toBe("moved segment");
  });

  it("without a media extension get one for the player and lose it for the origin", async () => {
    const name = folder();
    origin.file(`/a/${name}/v.m3u8`, media("chunk?id=1", "chunk.php"));
    origin.on(`/a/${name}/chunk`, (request, response) => void response.end(request.url));
    origin.file(`/a/${name}/chunk.php`, "php");
    const [first = "", second = ""] = await children(await get(`ch_a/${name}/v.m3u8`));
    expect(new URL(first).pathname).toMatch(/\/chunk~\.ts$/);
    expect(await (await fetch(first)).text()).toBe(`/a/${name}/chunk?id=1`);
    expect(await (await fetch(second)).text()).toBe("php");
  });

  it("on places that only the edge can reach are refused", async () => {
    const name = folder();
    origin.file(
      `/a/${name}/v.m3u8`,
      media(
        "http://127.0.0.1:1/x.ts",
        "http://10.0.0.1/x.ts",
        "http://169.254.169.254/latest/x.ts",
        "http://[::1]/x.ts",
        "http://localhost/x.ts",
        "http://0x7f000001/x.ts",
        "http://metadata.google.internal/x.ts",
      ),
    );
    const targets = await children(await get(`ch_a/${name}/v.m3u8`));
    expect(targets).toHaveLength(7);
    for (const target of targets) {
      const reply = await fetch(target);
      expect([reply.status, await codeOf(reply)]).toEqual([403, "target_refused"]);
    }
  });

  it("redirected to such places are refused, too", async () => {
    const path = `${folder()}/seg.ts`;
    origin.on(`/a/${path}`, (_request, response) => {
      response.writeHead(302, { location: "http://127.0.0.1:1/seg.ts" }).end();
    });
    const reply = await get(`ch_a/${path}`);
    expect([reply.status, await codeOf(reply)]).toEqual([403, "target_refused"]);
  });

  it("cannot be forged, borrowed from another channel, or used to climb", async () => {
    const name = folder();
    origin.file(`/a/${name}/v.m3u8`, media("/elsewhere/1.ts"));
    const [child = ""] = await children(await get(`ch_a/${name}/v.m3u8`));
    for (const forged of [
      child.replace("ch_a", "ch_open"),
      child.replace("/b/", "/b/A"),
      child.replace("1.ts", "..~.ts"),
      child.replace("1.ts", "%2e%2e%2fsecret.ts"),
      `${product.edge}/proxy/ch_a/page.html`,
      `${product.edge}/proxy/ch_a/t.token/stream.m3u8`,
      `${product.edge}/proxy/ch_a/`,
    ]) {
      const reply = await fetch(forged);
      expect([forged, reply.status]).toEqual([forged, 404]);
      await reply.body?.cancel();
    }
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
    expect((await get("ch_stale/stream.m3u8")).status).toBe(200);
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

describe("playlists", () => {
  it("are fetched once for all viewers within their freshness", async () => {
    const name = folder();
    const live = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\n1.ts\n";
    origin.file(`/a/${name}/v.m3u8`, live);
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => get(`ch_a/${name}/v.m3u8`).then((reply) => reply.text())),
    );
    expect(new Set(replies)).toEqual(new Set([live]));
    expect(origin.count(`/a/${name}/v.m3u8`)).toBe(1);
    const again = await get(`ch_a/${name}/v.m3u8`);
    expect(again.headers.get("cache-control")).toBe("max-age=5");
  });

  it("come out byte for byte, compressed or in an old encoding", async () => {
    const name = folder();
    const text = Buffer.from(`#EXTM3U\r\n#EXTINF:2,T\xfcr\r\n1.ts\r\n\r\n# note\n#EXTINF:2,\n2.ts`, "latin1");
    origin.file(`/a/${name}/v.m3u8`, gzipSync(text), { "content-encoding": "gzip" });
    const reply = await get(`ch_a/${name}/v.m3u8`);
    expect(reply.headers.get("content-encoding")).toBeNull();
    expect(await bytesOf(reply)).toEqual(text);
  });

  it("pass _HLS_ directives on and key them", async () => {
    const name = folder();
    origin.on(`/a/${name}/v.m3u8`, (request, response) => {
      response.end(`#EXTM3U\n#EXT-X-TARGETDURATION:10\n#${request.url}\n`);
    });
    const ask = async (query: string) => (await get(`ch_a/${name}/v.m3u8${query}`)).text();
    expect(await ask("?_HLS_msn=7&x=1")).toContain(`v.m3u8?_HLS_msn=7\n`);
    expect(await ask("?_HLS_msn=8&_HLS_part=1")).toContain(`v.m3u8?_HLS_msn=8&_HLS_part=1\n`);
    expect((await get(`ch_a/${name}/v.m3u8?_HLS_part=1`)).status).toBe(400);
  });

  it("hand a master's variables to the children that import them", async () => {
    const name = folder();
    origin.file(
      `/a/${name}/master.m3u8`,
      `#EXTM3U\n#EXT-X-DEFINE:NAME="p",VALUE="deep"\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n`,
    );
    origin.file(`/a/${name}/v.m3u8`, `#EXTM3U\n#EXT-X-DEFINE:IMPORT="p"\n#EXTINF:2,\n{$p}/1.ts\n`);
    origin.file(`/a/${name}/deep/1.ts`, "imported");
    const [variant = ""] = (await children(await get(`ch_a/${name}/master.m3u8`))).slice(-1);
    const [segment = ""] = (await children(await fetch(variant))).slice(-1);
    expect(await (await fetch(segment)).text()).toBe("imported");
  });
});

describe("stats", () => {
  it("count exactly what viewers got, hits and misses apart", async () => {
    origin.file("/stats/index.m3u8", media("1.ts", "2.ts"));
    origin.file("/stats/1.ts", patternBytes(123_456));
    origin.file("/stats/2.ts", patternBytes(2_345_678));
    let bytes = 0;
    for (let round = 0; round < 3; round++) {
      for (const file of ["stream.m3u8", "1.ts", "2.ts"])
        bytes += (await bytesOf(await get(`ch_stats/${file}`))).byteLength;
    }
    await (await get("ch_stats/none.ts")).text();
    await vi.waitFor(
      async () => {
        const stats = (await (await product.api("/api/stats")).json()) as {
          services: Record<string, unknown>[];
        };
        const service = stats.services.find((entry) => entry.service === "ch_stats");
        expect(service).toMatchObject({
          kind: "hls",
          down: bytes,
          requests: 10,
          hits: 6,
          misses: 3,
          errors: 1,
        });
      },
      { timeout: 8_000, interval: 200 },
    );
  });
});
