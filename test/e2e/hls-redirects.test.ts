// A channel whose origin redirects, through the whole product: load balancers do so, and each machine has its own session.

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type ChannelProduct, children, folder, media, startChannels } from "../support/channels.ts";
import type { HlsOrigin } from "../support/hls-origin.ts";

let channels: ChannelProduct;
let origin: HlsOrigin;
let get: ChannelProduct["get"];

beforeAll(async () => {
  channels = await startChannels();
  ({ origin, get } = channels);
}, 60_000);

afterAll(() => channels?.stop());

describe("a redirected playlist", () => {
  it("gives children that resolve against where it came from", async () => {
    origin.on("/moved/index.m3u8", (_request, response) => {
      response.writeHead(302, { location: "/new/place/index.m3u8?session=1" }).end();
    });
    origin.file("/new/place/index.m3u8", media("1.ts"));
    origin.file("/new/place/1.ts", "moved segment");
    const [first = ""] = await children(await get("ch_moved/stream.m3u8"));
    expect(first).toMatch(/\/proxy\/ch_moved\/b\/[A-Za-z0-9_-]+\/1\.ts$/);
    expect(await (await fetch(first)).text()).toBe("moved segment");
  });

  it("is asked for where a redirect led to, until that fails", async () => {
    const name = folder();
    const seen: string[] = [];
    let next = 1;
    origin.on(`/a/${name}/v.m3u8`, (_request, response) => {
      response.writeHead(302, { location: `/${name}/node${next++}/v.m3u8?session=1` }).end();
    });
    const live = (node: number) => {
      let sequence = 0;
      origin.on(`/${name}/node${node}/v.m3u8`, (request, response) => {
        seen.push(request.url ?? "");
        const head = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES\n";
        response.end(`${head}#EXT-X-MEDIA-SEQUENCE:${++sequence}\n#EXTINF:1,\n1.ts\n`);
      });
    };
    live(1);
    live(2);
    const load = (lang: number) => get(`ch_a/${name}/v.m3u8?_HLS_msn=${lang}`).then((reply) => reply.text());
    await load(1);
    await load(2);
    expect(seen).toEqual([`/${name}/node1/v.m3u8?session=1`, `/${name}/node1/v.m3u8?session=1&_HLS_msn=2`]);
    origin.on(`/${name}/node1/v.m3u8`, (_request, response) => void response.writeHead(403).end());
    expect(await load(3)).toContain("#EXTINF");
    await load(4);
    expect(seen.slice(2)).toEqual([
      `/${name}/node2/v.m3u8?session=1`,
      `/${name}/node2/v.m3u8?session=1&_HLS_msn=4`,
    ]);
    expect(origin.count(`/a/${name}/v.m3u8`)).toBe(2);
  });

  it("is asked for at its source again where it stands still although it is live", async () => {
    const name = folder();
    origin.on(`/a/${name}/v.m3u8`, (_request, response) => {
      response.writeHead(302, { location: `/${name}/node/v.m3u8` }).end();
    });
    origin.file(`/${name}/node/v.m3u8`, "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n1.ts\n");
    const loads = async () => {
      await (await get(`ch_a/${name}/v.m3u8`)).text();
      return origin.count(`/a/${name}/v.m3u8`);
    };
    expect(await loads()).toBe(1);
    await vi.waitFor(async () => expect(await loads()).toBeGreaterThan(1), { timeout: 6_000, interval: 300 });
  });
});
