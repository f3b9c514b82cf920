// What is behind an isolate's memory: R2, leases, prefetching, purges, and how often the origin is asked for all that.

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { bytesOf, folder, sha256 } from "../support/channels.ts";
import { type HlsOrigin, patternBytes, startHlsOrigin } from "../support/hls-origin.ts";
import { type Product, startProduct } from "../support/product.ts";

let product: Product;
let origin: HlsOrigin;

const get = (path: string, init: RequestInit = {}) => fetch(`${product.edge}/proxy/${path}`, init);
const statusOf = (response: Response) => response.headers.get("cache-status");

beforeAll(async () => {
  origin = await startHlsOrigin();
  const channel = (name: string, more: object = {}) => ({
    id: `ch_${name}`,
    sources: [`${origin.url}/${name}/index.m3u8`],
    ...more,
  });
  product = await startProduct({
    bucket: true,
    config: {
      channels: [channel("a"), channel("shield", { shield: true }), channel("ahead", { prefetch: 2 })],
    },
  });
}, 60_000);

afterAll(async () => {
  await product?.stop();
  await origin?.stop();
});

/** Another isolate, and with an empty cache another data centre: storage and R2 stay. */
async function moveAway(options: { readonly cache: "kept" | "lost" }): Promise<void> {
  if (options.cache === "lost") {
    await product.killEdge();
    await rm(join(product.stateDir, "edge", "cache"), { recursive: true, force: true });
  }
  await product.restartEdge();
}

function live(first: number, names: readonly string[], target = 2): string {
  const lines = names.map((name) => `#EXTINF:${target},\n${name}\n`).join("");
  return `#EXTM3U\n#EXT-X-TARGETDURATION:${target}\n#EXT-X-MEDIA-SEQUENCE:${first}\n${lines}`;
}

describe("R2", () => {
  it("keeps what is read again after it has left memory, for when the data centre has lost it, too", async () => {
    const name = folder();
    const [short, long] = [patternBytes(300_000, 2), patternBytes(2_000_000, 3)];
    origin.file(`/a/${name}/short.mp4`, short, { "cache-control": "max-age=86400" });
    origin.file(`/a/${name}/long.mp4`, long, { "cache-control": "max-age=86400" });
    const load = async (file: string, init?: RequestInit) => {
      const response = await get(`ch_a/${name}/${file}`, init);
      return [statusOf(response), sha256(await bytesOf(response))];
    };
    for (const [file, body] of [["short.mp4", short] as const, ["long.mp4", long] as const])
      expect(await load(file)).toEqual(["causeway; fwd=miss; stored", sha256(body)]);
    await moveAway({ cache: "kept" });
    for (const [file, body] of [["short.mp4", short] as const, ["long.mp4", long] as const])
      expect(await load(file)).toEqual(["causeway; hit; detail=edge", sha256(body)]);
    // Written beside the reply: asked for until it has been found once.
    await vi.waitFor(async () => {
      await moveAway({ cache: "lost" });
      const part = { headers: { Range: "bytes=1000-1999" } };
      expect(await load("long.mp4", part)).toEqual([
        "causeway; hit; detail=r2",
        sha256(long.subarray(1_000, 2_000)),
      ]);
    }, 20_000);
    expect(await load("short.mp4")).toEqual(["causeway; hit; detail=r2", sha256(short)]);
    expect([origin.count(`/a/${name}/short.mp4`), origin.count(`/a/${name}/long.mp4`)]).toEqual([1, 1]);
  }, 60_000);
});

describe("shield = true", () => {
  it("fetches a segment once for all data centres, large ones, too", async () => {
    const name = folder();
    const sizes = [1_000, 300_000, 3_000_000, 12_000_000];
    for (const size of sizes) origin.file(`/shield/${name}/${size}.ts`, patternBytes(size));
    for (const size of sizes) {
      const response = await get(`ch_shield/${name}/${size}.ts`);
      expect(sha256(await bytesOf(response))).toBe(sha256(patternBytes(size)));
    }
    await moveAway({ cache: "lost" });
    for (const size of sizes.slice(1)) {
      const response = await get(`ch_shield/${name}/${size}.ts`);
      expect([size, statusOf(response)]).toEqual([size, "causeway; hit; detail=r2"]);
      expect(sha256(await bytesOf(response))).toBe(sha256(patternBytes(size)));
      expect(origin.count(`/shield/${name}/${size}.ts`)).toBe(1);
    }
  }, 60_000);

  it("passes on what the origin refuses", async () => {
    expect((await get(`ch_shield/${folder()}/none.ts`)).status).toBe(404);
  });
});

describe("prefetch = n", () => {
  it("fetches the newest segments of a live playlist before anybody asks, each once", async () => {
    const name = folder();
    for (const n of [1, 2, 3, 4]) origin.file(`/ahead/${name}/${n}.ts`, patternBytes(n * 1_000));
    origin.file(`/ahead/${name}/v.m3u8`, live(1, ["1.ts", "2.ts", "3.ts", "4.ts"]));
    await (await get(`ch_ahead/${name}/v.m3u8`)).text();
    await vi.waitFor(() => {
      for (const n of [3, 4]) expect(origin.count(`/ahead/${name}/${n}.ts`)).toBe(1);
    });
    await vi.waitFor(async () => {
      for (const n of [3, 4]) {
        const response = await get(`ch_ahead/${name}/${n}.ts`);
        expect(sha256(await bytesOf(response))).toBe(sha256(patternBytes(n * 1_000)));
        expect(statusOf(response)).toBe("causeway; hit; detail=memory");
      }
    });
    for (const n of [1, 2]) expect(origin.count(`/ahead/${name}/${n}.ts`)).toBe(0);
    for (const n of [3, 4]) expect(origin.count(`/ahead/${name}/${n}.ts`)).toBe(1);
  });

  it.each([
    ["because the origin says so", "x", { "cache-control": "no-store" }],
    ["because it is too large to be shared, and of unknown length", patternBytes(9_000_000), {}],
  ])("leaves alone what may not be kept, %s", async (_why, body, headers) => {
    const name = folder();
    let first = 1;
    origin.on(`/ahead/${name}/v.m3u8`, (_, response) => void response.end(live(first, ["1.ts"], 1)));
    if (typeof body === "string") origin.file(`/ahead/${name}/1.ts`, body, headers);
    else origin.on(`/ahead/${name}/1.ts`, (_, response) => void response.write(body, () => response.end()));
    await (await get(`ch_ahead/${name}/v.m3u8`)).text();
    await vi.waitFor(() => expect(origin.count(`/ahead/${name}/1.ts`)).toBe(1));
    for (const next of [2, 3]) {
      first = next;
      await vi.waitFor(async () => {
        expect(await (await get(`ch_ahead/${name}/v.m3u8`)).text()).toContain(`SEQUENCE:${next}`);
      }, 10_000);
    }
    expect(origin.count(`/ahead/${name}/1.ts`)).toBe(1);
  });

  it("holds up nobody: a segment that the origin holds back leaves the playlist alone", async () => {
    const name = folder();
    const gate = Promise.withResolvers<void>();
    origin.on(`/ahead/${name}/1.ts`, async (_request, response) => {
      await gate.promise;
      response.end("x");
    });
    origin.file(`/ahead/${name}/v.m3u8`, live(1, ["1.ts"]));
    expect((await get(`ch_ahead/${name}/v.m3u8`)).status).toBe(200);
    await vi.waitFor(() => expect(origin.count(`/ahead/${name}/1.ts`)).toBe(1));
    const viewer = get(`ch_ahead/${name}/1.ts`);
    gate.resolve();
    expect(await (await viewer).text()).toBe("x");
    expect(origin.count(`/ahead/${name}/1.ts`)).toBe(1);
  });
});

describe("what the origin does not have", () => {
  it("is asked for once a second at most", async () => {
    const path = `${folder()}/late.ts`;
    for (let n = 0; n < 10; n++) expect((await get(`ch_a/${path}`)).status).toBe(404);
    expect(origin.count(`/a/${path}`)).toBe(1);
    origin.file(`/a/${path}`, "there");
    await vi.waitFor(async () => expect(await (await get(`ch_a/${path}`)).text()).toBe("there"), 3_000);
    expect(origin.count(`/a/${path}`)).toBe(2);
  });
});

describe("what somebody has asked for too early", () => {
  it.each(["a", "shield"])("is there as soon as a playlist names it: channel %s", async (channel) => {
    const name = folder();
    const playlist = () => get(`ch_${channel}/${name}/v.m3u8`).then((reply) => reply.text());
    const early = () => get(`ch_${channel}/${name}/2.ts`);
    origin.file(`/${channel}/${name}/v.m3u8`, live(1, ["1.ts"], 1));
    expect(await playlist()).not.toContain("2.ts");
    expect((await early()).status).toBe(404);
    origin.file(`/${channel}/${name}/2.ts`, "there");
    origin.file(`/${channel}/${name}/v.m3u8`, live(1, ["1.ts", "2.ts"], 1));
    await vi.waitFor(async () => expect(await playlist()).toContain("2.ts"), {
      timeout: 10_000,
      interval: 20,
    });
    const reply = await early();
    expect([reply.status, await reply.text()]).toEqual([200, "there"]);
    expect(origin.count(`/${channel}/${name}/2.ts`)).toBe(2);
  });
});

describe("a segment's time in the cache", () => {
  it("is at least as long as its playlist may be watched, whatever the origin says", async () => {
    const name = folder();
    const headers = { "cache-control": "max-age=1", "content-type": "video/mp2t" };
    origin.file(`/a/${name}/known.ts`, "x", headers);
    origin.file(`/a/${name}/v.m3u8`, live(1, ["a.ts", "b.ts", "known.ts"]));
    await (await get(`ch_a/${name}/v.m3u8`)).text();
    const known = await get(`ch_a/${name}/known.ts`);
    await known.text();
    const [, seconds = "0"] = /max-age=(\d+)/.exec(known.headers.get("cache-control") ?? "") ?? [];
    expect(Number(seconds)).toBeGreaterThanOrEqual(8);
    const other = `${folder()}/unknown.ts`;
    origin.file(`/a/${other}`, "x", headers);
    const unknown = await get(`ch_a/${other}`);
    await unknown.text();
    expect(unknown.headers.get("cache-control")).toBe("max-age=1");
  });
});

describe("a purge of a channel", () => {
  it("makes playlists and segments come anew, and no other channel's", async () => {
    const name = folder();
    for (const channel of ["a", "ahead"]) {
      origin.file(`/${channel}/${name}/seg.ts`, "old");
      await (await get(`ch_${channel}/${name}/seg.ts`)).text();
    }
    origin.file(`/a/${name}/seg.ts`, "new");
    const order = await product.api("/api/cache/purge", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ url: `${product.edge}/proxy/ch_a/${name}/seg.ts` }),
    });
    expect(await order.json()).toMatchObject({ purged: { channel: "ch_a" } });
    await vi.waitFor(async () => expect(await (await get(`ch_a/${name}/seg.ts`)).text()).toBe("new"), 10_000);
    expect(statusOf(await get(`ch_ahead/${name}/seg.ts`))).toBe("causeway; hit; detail=memory");
    expect([origin.count(`/a/${name}/seg.ts`), origin.count(`/ahead/${name}/seg.ts`)]).toEqual([2, 1]);
  }, 15_000);
});

describe("conditions", () => {
  const DATE = "Wed, 01 Jul 2026 00:00:00 GMT";

  it("are judged by tag, and only without one by date", async () => {
    const path = `${folder()}/seg.ts`;
    origin.file(`/a/${path}`, "body", { etag: '"v1"', "last-modified": DATE });
    const ask = async (headers: Record<string, string>, method = "GET") => {
      const reply = await get(`ch_a/${path}`, { headers, method });
      await reply.arrayBuffer();
      return reply.status;
    };
    expect(await ask({ "If-Modified-Since": DATE })).toBe(304);
    expect(await ask({ "If-Modified-Since": "Tue, 30 Jun 2026 00:00:00 GMT" })).toBe(200);
    expect(await ask({ "If-None-Match": '"v2"', "If-Modified-Since": DATE })).toBe(200);
    expect(await ask({ "If-None-Match": 'W/"v1", "v3"' }, "HEAD")).toBe(304);
    expect(origin.count(`/a/${path}`)).toBe(1);
  });

  it("give a range only of the body that the client has", async () => {
    const path = `${folder()}/seg.ts`;
    origin.file(`/a/${path}`, "0123456789", { etag: '"v1"', "last-modified": DATE });
    const ask = async (condition: string) => {
      const headers = { Range: "bytes=2-4", "If-Range": condition };
      const reply = await get(`ch_a/${path}`, { headers });
      return [reply.status, await reply.text()];
    };
    expect(await ask('"v1"')).toEqual([206, "234"]);
    expect(await ask(DATE)).toEqual([206, "234"]);
    for (const other of ['"v2"', 'W/"v1"', "Tue, 30 Jun 2026 00:00:00 GMT"])
      expect(await ask(other)).toEqual([200, "0123456789"]);
    expect(origin.count(`/a/${path}`)).toBe(1);
  });
});
