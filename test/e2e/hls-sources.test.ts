// What a channel's source may need: cookies, header fields of its own, a relay that reaches it, a reader of odd replies.

import { brotliCompressSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { children, codeOf, media } from "../support/channels.ts";
import { type HlsOrigin, startHlsOrigin } from "../support/hls-origin.ts";
import { type Product, startProduct } from "../support/product.ts";

const KEY = "an-ingress-key-of-end-to-end-tests";

let origin: HlsOrigin;
let elsewhere: HlsOrigin;
let product: Product;

function relays(url: string): Record<string, unknown>[] {
  return [{ name: "main", token: "a-token-for-the-control-link-of-tests", url, key: KEY }];
}

beforeAll(async () => {
  // Not an address of the edge itself: those are refused whoever fetches.
  [origin, elsewhere] = await Promise.all([startHlsOrigin(), startHlsOrigin("127.0.0.2")]);
  const at = (name: string) => `${origin.url}/${name}/index.m3u8`;
  product = await startProduct({
    config: {
      relays: relays("http://127.0.0.1:1"),
      channels: [
        { id: "ch_cookie", sources: [at("cookie")], headers: { Cookie: "mine=1; sid=old" } },
        {
          id: "ch_options",
          sources: [`${at("options")}|User-Agent=VLC%2F3%20x&Referer=https%3A%2F%2Fsite.test%2F`],
          headers: { "User-Agent": "Channel/1", "X-Channel": "yes" },
        },
        { id: "ch_table", sources: [{ url: at("table"), headers: { "X-Source": "yes" } }] },
        { id: "ch_relay", sources: [{ url: at("relay"), via: "relay:main" }] },
        { id: "ch_direct", sources: [at("direct")] },
        { id: "ch_odd", sources: [at("odd")] },
        { id: "ch_slow", sources: [at("slow")], response_header_timeout: "300ms", read_timeout: "300ms" },
      ],
    },
    relay: {
      inbounds: [
        { kind: "mixed", listen: "127.0.0.1:0", auth: "none" },
        { kind: "ingress", listen: "127.0.0.1:0", key: KEY },
      ],
    },
  });
  await product.push({ relays: relays(`http://127.0.0.1:${product.proxyPorts[1]}`) });
}, 60_000);

afterAll(async () => {
  await product.stop();
  await Promise.all([origin.stop(), elsewhere.stop()]);
});

function get(path: string): Promise<Response> {
  return fetch(`${product.edge}/proxy/${path}`);
}

/** What the origin was asked with, for the last request of a path. */
function askedWith(from: HlsOrigin, path: string) {
  return from.seen.findLast(({ url }) => url.split("?", 1)[0] === path)?.headers ?? {};
}

describe("cookies", () => {
  it("that an origin sets come back to it on redirects and children, and never reach a viewer", async () => {
    origin.on("/cookie/index.m3u8", (_, response) => {
      const location = "/cookie/real/index.m3u8";
      response
        .writeHead(302, { location, "set-cookie": ["sid=new; Path=/cookie", "other=1; Path=/else"] })
        .end();
    });
    origin.on("/cookie/real/index.m3u8", (request, response) => {
      const fits = request.headers.cookie === "mine=1; sid=new";
      response.writeHead(fits ? 200 : 403, { "set-cookie": "seg=2" });
      response.end(fits ? media("seg.ts") : "no");
    });
    origin.file("/cookie/real/seg.ts", "segment");
    const playlist = await get("ch_cookie/stream.m3u8");
    expect(playlist.status).toBe(200);
    expect(playlist.headers.get("set-cookie")).toBeNull();
    const [segment = ""] = await children(playlist);
    const reply = await fetch(segment);
    expect(await reply.text()).toBe("segment");
    expect(reply.headers.get("set-cookie")).toBeNull();
    expect(askedWith(origin, "/cookie/real/seg.ts").cookie).toBe("mine=1; seg=2; sid=new");
  });

  it("are known to an isolate that starts later, once the origin asks for them", async () => {
    await product.killEdge();
    await product.restartEdge();
    origin.on("/cookie/real/late.ts", (request, response) => {
      const fits = request.headers.cookie?.includes("sid=new") === true;
      response.writeHead(fits ? 200 : 403).end("late");
    });
    origin.file("/cookie/index.m3u8", media("real/late.ts"));
    const [segment = ""] = await children(await get("ch_cookie/stream.m3u8"));
    expect((await fetch(segment)).status).toBe(200);
  }, 30_000);
});

describe("header fields", () => {
  it("may stand behind the source's URL, before those of the channel", async () => {
    origin.file("/options/index.m3u8", media("seg.ts"));
    expect((await get("ch_options/stream.m3u8")).status).toBe(200);
    expect(askedWith(origin, "/options/index.m3u8")).toMatchObject({
      "user-agent": "VLC/3 x",
      referer: "https://site.test/",
      "x-channel": "yes",
    });
  });

  it("may stand in the source's table", async () => {
    origin.file("/table/index.m3u8", media("seg.ts"));
    await get("ch_table/stream.m3u8");
    expect(askedWith(origin, "/table/index.m3u8")).toMatchObject({ "x-source": "yes" });
  });
});

describe('via = "relay:NAME"', () => {
  it("fetches playlists, redirects and segments through the relay, whose rules decide about private addresses", async () => {
    const moved = `${elsewhere.url}/far/index.m3u8`;
    for (const name of ["relay", "direct"])
      origin.on(
        `/${name}/index.m3u8`,
        (_, response) => void response.writeHead(302, { location: moved }).end(),
      );
    elsewhere.file("/far/index.m3u8", media("seg.ts?x=1"));
    elsewhere.file("/far/seg.ts", "far away");
    expect(await codeOf(await get("ch_direct/stream.m3u8"))).toBe("target_refused");
    const [segment = ""] = await children(await get("ch_relay/stream.m3u8"));
    expect(await (await fetch(segment)).text()).toBe("far away");
    const part = await fetch(segment, { headers: { range: "bytes=4-7" } });
    expect([part.status, await part.text()]).toEqual([206, "away"]);
    expect(askedWith(elsewhere, "/far/seg.ts")).not.toHaveProperty("x-causeway-target");
  });
});

describe("odd replies", () => {
  it.each([
    ["gzip", gzipSync],
    ["br", brotliCompressSync],
  ])("a playlist in %s, called plain text, is read", async (coding, compress) => {
    const body = media(`${coding}.ts`);
    origin.on(`/odd/${coding}.m3u8`, (_, response) => {
      response.writeHead(200, { "content-encoding": coding, "content-type": "text/plain" });
      response.end(compress(body));
    });
    const reply = await get(`ch_odd/${coding}.m3u8`);
    expect(reply.headers.get("content-type")).toBe("application/vnd.apple.mpegurl");
    expect(await reply.text()).toBe(body);
  });

  it("a source that takes longer than it may is a timeout, before its headers and within its body", async () => {
    origin.on("/slow/index.m3u8", () => undefined);
    expect(await codeOf(await get("ch_slow/stream.m3u8"))).toBe("upstream_timeout");
    origin.on("/slow/index.m3u8", (_, response) => void response.write("#EXTM3U\n"));
    expect(await codeOf(await get("ch_slow/stream.m3u8"))).toBe("upstream_timeout");
  });
});
