// Channels whose sources fail in ways that take a second look: they stand still, or they fail while a reload is held.

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type HlsOrigin, startHlsOrigin } from "../support/hls-origin.ts";
import { serveLive, Viewer } from "../support/live-source.ts";
import { type Product, startProduct } from "../support/product.ts";

/** Without it no reload reaches a source. */
const HOLDS = "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES\n";
const POLL = { timeout: 20_000, interval: 100 };

let a: HlsOrigin;
let b: HlsOrigin;
let product: Product;

beforeAll(async () => {
  [a, b] = await Promise.all([startHlsOrigin(), startHlsOrigin()]);
  const channel = (name: string) => ({
    id: `ch_${name}`,
    sources: [`${a.url}/${name}/index.m3u8`, `${b.url}/${name}/index.m3u8`],
  });
  product = await startProduct({ config: { channels: ["stuck", "blocked"].map(channel) } });
}, 60_000);

afterAll(async () => {
  await product?.stop();
  await Promise.all([a?.stop(), b?.stop()]);
});

/** Both sources of a channel, with numbers far apart, and a viewer of the first. */
async function watch(name: string): Promise<Viewer> {
  serveBoth(name);
  const watching = new Viewer(`${product.edge}/proxy/ch_${name}/stream.m3u8`);
  await vi.waitFor(async () => {
    await watching.load();
    expect(watching.sources).toEqual(["a"]);
  }, POLL);
  return watching;
}

function serveBoth(name: string, stopsAt: number = Number.POSITIVE_INFINITY): void {
  const common = { head: HOLDS, stopsAt: () => stopsAt };
  serveLive(a, `/${name}/index.m3u8`, { ...common, base: 500_000, name: "a" });
  serveLive(b, `/${name}/index.m3u8`, { ...common, base: 7, name: "b" });
}

describe("a blocking reload", () => {
  it("finds out that its source fails as soon as any other does", async () => {
    const watching = await watch("blocked");
    a.on("/blocked/index.m3u8", (_, response) => void response.writeHead(503).end());
    // The last playlist is usable, but no longer fresh.
    await new Promise((resolve) => setTimeout(resolve, 600));
    const reload = await fetch(`${watching.url}?_HLS_msn=${watching.last + 1}`);
    expect(await reload.text()).toContain("/b-");
    expect(a.seen.some(({ url }) => url.includes("_HLS_msn="))).toBe(true);
  }, 30_000);
});

describe("sources that all stand still", () => {
  it("show nothing old as new, and are 502 in the end", async () => {
    const watching = await watch("stuck");
    serveBoth("stuck", Date.now());
    const until = Date.now() + 9_500;
    await vi.waitFor(
      async () => {
        await watching.load();
        expect(Date.now()).toBeGreaterThan(until);
      },
      { timeout: 20_000, interval: 100 },
    );
    expect([watching.status, watching.code]).toEqual([502, "playlist_stale"]);
    const names = [...watching.segments.values()];
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    serveBoth("stuck");
    await vi.waitFor(async () => {
      await watching.load();
      expect(watching.status).toBe(200);
    }, POLL);
  }, 40_000);
});
