// Channels with several sources that fail in every way, while somebody watches.

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type HlsOrigin, startHlsOrigin } from "../support/hls-origin.ts";
import { livePlaylist, serveLive, Viewer } from "../support/live-source.ts";
import { type Product, startProduct } from "../support/product.ts";

const POLL = { timeout: 20_000, interval: 100 };
const NAMES = [
  "status",
  "hang",
  "garbage",
  "frozen",
  "refused",
  "aes",
  "back",
  "dead",
  "master",
  "mixed",
  "moved",
  "token",
  "pushed",
];

let a: HlsOrigin;
let b: HlsOrigin;
let product: Product;

beforeAll(async () => {
  [a, b] = await Promise.all([startHlsOrigin(), startHlsOrigin()]);
  // A machine of its own, so that its death is nobody else's.
  const mortal = await startHlsOrigin();
  serveLive(mortal, "/refused/index.m3u8", { base: 1_000, name: "a" });
  const channel = (name: string) => ({
    id: `ch_${name}`,
    sources: [`${name === "refused" ? mortal.url : a.url}/${name}/index.m3u8`, `${b.url}/${name}/index.m3u8`],
    response_header_timeout: "700ms",
    failback: "1s",
  });
  product = await startProduct({ config: { channels: NAMES.map(channel) } });
  killMortal = () => mortal.stop();
}, 60_000);

let killMortal: () => Promise<void>;

afterAll(async () => {
  await product.stop();
  await Promise.all([a.stop(), b.stop(), killMortal()]);
});

function viewer(name: string): Viewer {
  return new Viewer(`${product.edge}/proxy/ch_${name}/stream.m3u8`);
}

/** Both sources of a channel, with numbers far apart. */
function serveBoth(name: string, head = ""): void {
  serveLive(a, `/${name}/index.m3u8`, { base: 500_000, name: "a", head });
  serveLive(b, `/${name}/index.m3u8`, { base: 7, name: "b", head });
}

/** Watches until the segments are those of `source` alone. */
async function watchUntil(watching: Viewer, source: string): Promise<void> {
  await vi.waitFor(async () => {
    await watching.load();
    expect(watching.status).toBe(200);
    expect(watching.sources).toEqual([source]);
  }, POLL);
}

describe("a source that fails", () => {
  it.each([
    ["status", () => a.on("/status/index.m3u8", (_, response) => void response.writeHead(503).end("busy"))],
    ["hang", () => a.on("/hang/index.m3u8", () => undefined)],
    ["garbage", () => a.file("/garbage/index.m3u8", "<html>Payment required</html>")],
    ["refused", () => killMortal()],
    [
      "frozen",
      () => {
        const stopsAt = Date.now();
        serveLive(a, "/frozen/index.m3u8", { base: 500_000, name: "a", stopsAt: () => stopsAt });
      },
    ],
  ])(
    "by %s is replaced by the next one, in the viewers' numbers",
    async (name, fail) => {
      serveBoth(name);
      const watching = viewer(name);
      await watchUntil(watching, "a");
      await fail();
      const before = watching.last;
      await watchUntil(watching, "b");
      const first = [...watching.segments].find(([, segment]) => segment.startsWith("b-"));
      // Whatever the first source still brought before it was given up came first.
      expect(first?.[0]).toBeGreaterThan(before);
      expect(watching.segments.get((first?.[0] ?? 0) - 1)).toMatch(/^a-/);
      expect(watching.text).toMatch(/#EXT-X-DISCONTINUITY(?:-SEQUENCE:1)?\n/);
      expect(b.count(`/${name}/index.m3u8`)).toBeGreaterThan(0);
    },
    40_000,
  );

  it("leaves segments' keys right: what goes by the source's numbers says so", async () => {
    serveBoth("aes", '#EXT-X-KEY:METHOD=AES-128,URI="k.key"\n');
    const watching = viewer("aes");
    await watchUntil(watching, "a");
    expect(watching.text).not.toContain("IV=");
    a.on("/aes/index.m3u8", (_, response) => void response.writeHead(500).end());
    await watchUntil(watching, "b");
    const pairs = [...watching.text.matchAll(/IV=0x([0-9a-f]{32})\n#EXTINF:0.5,\n.*\/b-(\d+)\.ts/g)];
    expect(pairs.length).toBeGreaterThan(2);
    for (const [, iv = "", number] of pairs) expect(Number.parseInt(iv, 16)).toBe(Number(number));
  }, 30_000);

  it("is used again once it has been healthy for a while, and the numbers still go on after a restart", async () => {
    serveBoth("back");
    const watching = viewer("back");
    await watchUntil(watching, "a");
    a.file("/back/index.m3u8", "broken");
    await watchUntil(watching, "b");
    serveBoth("back");
    await watchUntil(watching, "a");
    await product.killEdge();
    await product.restartEdge();
    const later = new Viewer(`${product.edge}/proxy/ch_back/stream.m3u8`);
    for (const [number, name] of watching.segments) later.segments.set(number, name);
    await vi.waitFor(() => later.load(), POLL);
    expect(later.sources).toEqual(["a"]);
  }, 60_000);
});

describe("while all sources fail", () => {
  it("the last playlist is served for 1.5 target durations, then 502 with a code; it goes on when one is back", async () => {
    serveBoth("dead");
    const watching = viewer("dead");
    await watchUntil(watching, "a");
    for (const origin of [a, b]) origin.on("/dead/index.m3u8", (_, reply) => void reply.writeHead(404).end());
    const statuses: number[] = [];
    await vi.waitFor(async () => {
      await watching.load();
      statuses.push(watching.status);
      expect(watching.status).toBe(502);
    }, POLL);
    expect(watching.code).toBe("origin_status");
    expect(statuses[0]).toBe(200);
    serveBoth("dead");
    await vi.waitFor(async () => {
      await watching.load();
      expect(watching.status).toBe(200);
    }, POLL);
  }, 40_000);
});

describe("a multivariant playlist", () => {
  it("hands each variant over to the other source's most similar one", async () => {
    const media = (name: string) =>
      `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="g",NAME="De",LANGUAGE="de",URI="${name}-audio.m3u8"\n`;
    const variant = (bandwidth: number, size: string, uri: string) =>
      `#EXT-X-STREAM-INF:BANDWIDTH=${bandwidth},RESOLUTION=${size},AUDIO="g"\n${uri}\n`;
    a.file(
      "/master/index.m3u8",
      `#EXTM3U\n${media("a")}${variant(1e6, "640x360", "a-low.m3u8?t=1")}${variant(3e6, "1280x720", "a-high.m3u8")}`,
    );
    b.file(
      "/master/index.m3u8",
      `#EXTM3U\n${variant(2.8e6, "1280x720", "sub/b-1.m3u8")}${variant(9e5, "640x360", "sub/b-2.m3u8")}${media("b")}`,
    );
    serveLive(a, "/master/a-low.m3u8", { base: 100, name: "alow" });
    serveLive(a, "/master/a-high.m3u8", { base: 100, name: "ahigh" });
    serveLive(a, "/master/a-audio.m3u8", { base: 9_000, name: "aaudio" });
    serveLive(b, "/master/sub/b-1.m3u8", { base: 600, name: "bhigh" });
    serveLive(b, "/master/sub/b-2.m3u8", { base: 600, name: "blow" });
    serveLive(b, "/master/b-audio.m3u8", { base: 4, name: "baudio" });
    const url = `${product.edge}/proxy/ch_master/stream.m3u8`;
    const text = await (await fetch(url)).text();
    const uris = [...text.matchAll(/b\/[^"\s]+/g)].map(([uri]) => new Viewer(new URL(uri, url).href));
    const [audio, low, high] = uris as [Viewer, Viewer, Viewer];
    await watchUntil(audio, "aaudio");
    await watchUntil(low, "alow");
    await watchUntil(high, "ahigh");
    expect(a.seen.some((request) => request.url === "/master/a-low.m3u8?t=1")).toBe(true);
    // Where one has been shown more than the other their numbers part: none ever goes back.
    const newest = ({ segments }: Viewer) => Math.max(...segments.keys());
    await vi.waitFor(async () => {
      await Promise.all([low.load(), high.load()]);
      expect(newest(low)).toBe(newest(high));
    }, POLL);
    for (const path of ["index", "a-low", "a-high", "a-audio"])
      a.on(`/master/${path}.m3u8`, (_, response) => void response.writeHead(404).end());
    await watchUntil(low, "blow");
    await watchUntil(high, "bhigh");
    await watchUntil(audio, "baudio");
    // Variants of one source count alike, so a player may change between them.
    await Promise.all([low.load(), high.load()]);
    const names = [...low.segments].filter(([, name]) => name.startsWith("blow"));
    for (const [number, name] of names)
      expect(high.segments.get(number) ?? name.replace("blow", "bhigh")).toBe(name.replace("blow", "bhigh"));
    // Nobody can make a source look bad by asking for something else under a variant's address.
    const altered = await fetch(low.url.replace(/[^/]+\.m3u8/, "other.m3u8"));
    expect(await altered.text()).toContain("blow");
  }, 60_000);

  it("that takes over from a media playlist gives its first variant", async () => {
    serveLive(a, "/mixed/index.m3u8", { base: 100, name: "a" });
    b.file("/mixed/index.m3u8", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv/one.m3u8\n");
    serveLive(b, "/mixed/v/one.m3u8", { base: 5, name: "b" });
    const watching = viewer("mixed");
    await watchUntil(watching, "a");
    a.file("/mixed/index.m3u8", "");
    await watchUntil(watching, "b");
  }, 30_000);
});

describe("a source that redirects to one of many machines", () => {
  it("is read from one of them as long as that works", async () => {
    let turn = 0;
    // Another port than the configured source's is a foreign host: a redirect must stay on the machine here.
    a.on("/moved/index.m3u8", (_, response) => {
      response.writeHead(302, { location: `/moved/m${++turn}/index.m3u8` }).end();
    });
    for (let n = 1; n < 20; n++) serveLive(a, `/moved/m${n}/index.m3u8`, { base: 1_000 * n, name: "a" });
    serveLive(b, "/moved/index.m3u8", { base: 3, name: "b" });
    const watching = viewer("moved");
    await watchUntil(watching, "a");
    const before = watching.last;
    await vi.waitFor(async () => {
      await watching.load();
      expect(watching.last).toBeGreaterThan(before + 3);
    }, POLL);
    expect(turn).toBe(1);
  }, 30_000);
});

describe("a variant's address from long ago", () => {
  it("leads to what the source calls that variant now, and makes no source look bad", async () => {
    const master = (token: number) => `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8?token=${token}\n`;
    let valid = 1;
    a.on("/token/index.m3u8", (_, response) => void response.end(master(valid)));
    a.on("/token/v.m3u8", (_, response, { searchParams }) => {
      if (searchParams.get("token") !== `${valid}`) response.writeHead(403).end();
      else response.end(livePlaylist({ base: 500, name: "a" }));
    });
    serveLive(b, "/token/index.m3u8", { base: 3, name: "b" });
    const url = `${product.edge}/proxy/ch_token/stream.m3u8`;
    const [uri = ""] = /b\/\S+/.exec(await (await fetch(url)).text()) ?? [];
    const watching = new Viewer(new URL(uri, url).href);
    await watchUntil(watching, "a");
    valid = 2;
    const asked = a.count("/token/v.m3u8");
    const before = watching.last;
    await vi.waitFor(async () => {
      await watching.load();
      expect(watching.sources).toEqual(["a"]);
      expect(watching.last).toBeGreaterThan(before + 8);
    }, POLL);
    expect(b.count("/token/index.m3u8")).toBe(0);
    // Once refused it is not asked for again by every reload.
    expect(a.seen.filter((request) => request.url === "/token/v.m3u8?token=1")).toHaveLength(asked + 1);
  }, 40_000);

  it("goes on after a push with other sources, in the viewers' numbers", async () => {
    const master = (uri: string) => `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n${uri}\n`;
    a.file("/pushed/index.m3u8", master("v.m3u8"));
    serveLive(a, "/pushed/v.m3u8", { base: 900_000, name: "a" });
    serveLive(b, "/pushed/index.m3u8", { base: 3, name: "b" });
    const url = `${product.edge}/proxy/ch_pushed/stream.m3u8`;
    const [uri = ""] = /b\/\S+/.exec(await (await fetch(url)).text()) ?? [];
    const watching = new Viewer(new URL(uri, url).href);
    await watchUntil(watching, "a");
    serveLive(b, "/pushed/new.m3u8", { base: 40, name: "new" });
    const sources = [`${b.url}/pushed/new.m3u8`, `${b.url}/pushed/index.m3u8`];
    await product.push({ channels: [{ id: "ch_pushed", sources }] });
    await watchUntil(watching, "new");
  }, 40_000);
});
