// Playlists through the whole product: what players get, where their children lie, and what is counted.

import { gzipSync } from "node:zlib";
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
import type { Product } from "../support/product.ts";

let channels: ChannelProduct;
let product: Product;
let origin: HlsOrigin;
let get: ChannelProduct["get"];

beforeAll(async () => {
  channels = await startChannels();
  ({ product, origin, get } = channels);
}, 60_000);

afterAll(() => channels?.stop());

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

  it("do not inherit their playlist's query", async () => {
    const name = folder();
    origin.file(`/a/${name}/master.m3u8`, "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8?token=SECRET\n");
    const asked: (string | undefined)[] = [];
    origin.on(`/a/${name}/v.m3u8`, (request, response) => {
      asked.push(request.url);
      response.end(media("1.ts", "/a/elsewhere/2.ts"));
    });
    for (const path of [`/a/${name}/1.ts`, "/a/elsewhere/2.ts"])
      origin.on(path, (request, response) => void response.end(request.url));
    const [variant = ""] = await children(await get(`ch_a/${name}/master.m3u8`));
    const segments = await children(await fetch(variant));
    expect(asked).toEqual([`/a/${name}/v.m3u8?token=SECRET`]);
    const urls = await Promise.all(segments.map(async (url) => (await fetch(url)).text()));
    expect(urls).toEqual([`/a/${name}/1.ts`, "/a/elsewhere/2.ts"]);
  });

  it("show the origin's queries where the channel says so", async () => {
    origin.file("/open/index.m3u8", media("1.ts?token=shown"));
    origin.on("/open/1.ts", (request, response) => void response.end(request.url));
    const [first = ""] = await children(await get("ch_open/stream.m3u8"));
    expect(first).toMatch(/\/b\/[A-Za-z0-9_-]+\/1\.ts\?token=shown$/);
    expect(await (await fetch(first)).text()).toBe("/open/1.ts?token=shown");
  });

  it("stay reachable below a source that is spelled in another way than URLs are", async () => {
    origin.file("/spelled/index.m3u8", media("1.ts"));
    origin.file("/spelled/1.ts", "segment");
    const [first = ""] = await children(await get("ch_spelled/stream.m3u8"));
    expect(await (await fetch(first)).text()).toBe("segment");
  });

  it.each([
    ["known", "content-length"],
    ["unknown", "transfer-encoding"],
  ])("never give a playlist of %s length away as it is under a segment's name", async (_, header) => {
    const name = folder();
    const playlist = media("http://127.0.0.1/hidden/1.ts?token=SECRET");
    const { length } = playlist;
    origin.file(`/a/${name}/v.m3u8`, media("/hidden/1.ts?n=1"));
    origin.on("/hidden/list", (request, response) => {
      const part = request.headers.range !== undefined;
      const type = { "content-type": "audio/mpegurl" };
      if (part) response.writeHead(206, { ...type, "content-range": `bytes 9-${length - 1}/${length}` });
      else response.writeHead(200, { [header]: header === "content-length" ? length : "chunked" });
      response.end(part ? playlist.slice(9) : playlist);
    });
    const [sealed = ""] = await children(await get(`ch_a/${name}/v.m3u8`));
    const asSegment = sealed.replace(/1\.ts.*$/, "list~.ts");
    for (const init of [{}, { headers: { Range: "bytes=9-" } }]) {
      const text = await fetch(asSegment, init).then(
        (reply) => reply.text().catch(() => ""),
        () => "",
      );
      expect(text).not.toContain("SECRET");
    }
    expect(await (await fetch(asSegment.replace("~.ts", "~.m3u8"))).text()).not.toContain("SECRET");
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
      const head = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES\n";
      response.end(`${head}#${request.url}\n`);
    });
    const ask = async (query: string) => (await get(`ch_a/${name}/v.m3u8${query}`)).text();
    expect(await ask("?_HLS_msn=7&x=1")).toContain(`v.m3u8?_HLS_msn=7\n`);
    expect(await ask("?_HLS_part=1&_HLS_msn=8")).toContain(`v.m3u8?_HLS_msn=8&_HLS_part=1\n`);
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
          aborted: 0,
        });
      },
      { timeout: 8_000, interval: 200 },
    );
  });
});
