// What lies beside a channel at its origin: other channels of a provider, files that are no media. Whoever may watch one
// channel gets what its playlists name, and nothing else.

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { children, media } from "../support/channels.ts";
import { type HlsOrigin, startHlsOrigin } from "../support/hls-origin.ts";
import { type Product, startProduct } from "../support/product.ts";

const KIDS = "token-of-the-children-0123456789";
const GROUPS = ["Kids", "Adults", "Premium"];

let origin: HlsOrigin;
let product: Product;

beforeAll(async () => {
  origin = await startHlsOrigin();
  const entry = (group: string, n: number) =>
    `#EXTINF:-1 group-title="${group}",${group} ${n + 1}\n${origin.url}/live/u/p/${n + 1}.m3u8\n`;
  origin.file("/get.php", `#EXTM3U\n${GROUPS.map(entry).join("")}`);
  for (const n of [1, 2, 3]) {
    origin.file(
      `/live/u/p/${n}.m3u8`,
      `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n${n}_low.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2\n${n}_high.m3u8?k=1\n`,
    );
    for (const name of ["low", "high"])
      origin.file(`/live/u/p/${n}_${name}.m3u8`, media(`/hls/${n}_1.ts?k=1`));
    origin.file(`/live/u/p/${n}.ts`, `stream ${n}`);
    origin.file(`/hls/${n}_1.ts`, `segment ${n}`);
    origin.file(`/hls/${n}.m3u8`, media("1.ts"));
  }
  product = await startProduct({
    config: {
      edge: { signing_keys: [{ id: "k1", key: "a-signing-key-of-tests-0123456789" }] },
      channels: [
        { id: "ch_paid", access: "token", sources: [`${origin.url}/paid/index.m3u8`] },
        { id: "ch_odd", sources: [`${origin.url}/odd/index.m3u8`] },
      ],
      channel_imports: [
        {
          name: "tv",
          url: `${origin.url}/get.php?username=u&password=p4ss`,
          exclude_groups: ["Adults"],
          channel: { access: "token" },
        },
      ],
      viewers: [{ name: "kids", token: KIDS, groups: ["Kids"] }],
    },
  });
}, 60_000);

afterAll(async () => {
  await product?.stop();
  await origin?.stop();
});

/** Addresses of the playlist at `url`. */
async function childrenOf(url: string): Promise<string[]> {
  const reply = await fetch(url);
  expect(reply.status).toBe(200);
  return (await children(reply)).map((child) => new URL(child, url).href);
}

const statusOf = async (url: string) => (await fetch(url)).status;

describe("a viewer of one imported channel", () => {
  it("plays it, and gets no other channel of the provider by any address", async () => {
    const url = await vi.waitFor(
      async () => {
        const list = await (await fetch(`${product.edge}/v.${KIDS}/playlist.m3u`)).text();
        const own = list.split("\n").filter((line) => line.startsWith("http"));
        expect(own).toHaveLength(1);
        return own[0] ?? "";
      },
      { timeout: 15_000, interval: 100 },
    );
    const variants = await childrenOf(url);
    const segments = (await Promise.all(variants.map(childrenOf))).flat();
    for (const segment of segments) expect(await (await fetch(segment)).text()).toBe("segment 1");
    const asked = origin.seen.length;
    const beside = [url, ...variants, ...segments].map((address) => address.replace(/\?.*/, ""));
    for (const address of beside)
      for (const name of ["2.m3u8", "2_low.m3u8", "3.m3u8", "2.ts", "p/2.ts", "2.ts~.m3u8"]) {
        const reply = await fetch(address.replace(/[^/]*$/, name));
        const text = await reply.text();
        // In the place of a variant's name any other leads to that variant.
        if (reply.status === 200) expect(text).toMatch(/#EXTINF/);
        else expect(reply.status).toBe(404);
      }
    const others = origin.seen.slice(asked).filter(({ url: path }) => /\/[23](?:\.|_)/.test(path));
    // Only where its own segments lie is one file as good as another.
    expect(others.map(({ url: path }) => path)).toEqual(["/hls/2.ts"]);
  });
});

describe("a viewer of a channel with access by token", () => {
  it("gets no playlist beside its own, and its segments as they are written", async () => {
    origin.file("/paid/index.m3u8", media("1.ts"));
    origin.file("/paid/1.ts", "a segment");
    origin.file("/paid/other.m3u8", media("2.ts"));
    const signed = await product.api("/api/sign", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ channel: "ch_paid", expires: "1h" }),
    });
    const { url } = (await signed.json()) as { url: string };
    expect(await childrenOf(url)).toEqual([url.replace("stream.m3u8", "1.ts")]);
    expect(await statusOf(url.replace("stream.m3u8", "1.ts"))).toBe(200);
    expect(await statusOf(url.replace("stream.m3u8", "other.m3u8"))).toBe(404);
    expect(origin.count("/paid/other.m3u8")).toBe(0);
  });
});

describe("an extension that the edge adds", () => {
  it("leads to what it was added to, and to no other file", async () => {
    origin.file("/odd/index.m3u8", media("/v/chunk?n=1", "/v/part.php?n=2", "/v/3.ts?n=3"));
    for (const name of ["chunk", "part.php", "3.ts"]) origin.file(`/v/${name}`, name);
    const files = ["config.yaml", ".htpasswd", "users", "admin/users", "admin%2Fusers", "other.php"];
    for (const name of files) origin.file(`/v/${name}`, "a secret");
    const own = await childrenOf(`${product.edge}/proxy/ch_odd/stream.m3u8`);
    const texts = await Promise.all(own.map(async (child) => (await fetch(child)).text()));
    expect(texts).toEqual(["chunk", "part.php", "3.ts"]);
    for (const child of own)
      for (const name of files)
        for (const extension of ["ts", "json", "key"])
          await fetch(child.replace(/[^/]*\?/, `${name}~.${extension}?`)).then((reply) => reply.text());
    const asked = files.filter((name) => origin.count(`/v/${name}`) > 0);
    // Files of the very kind that a playlist names cannot be told apart.
    expect(asked).toEqual(["users", "other.php"]);
  });
});
