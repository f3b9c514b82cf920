// What strangers may try on a channel: to take it away from its viewers, to read what the origin wrote, or to make the edge
// work for its origin's harm.

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { bytesOf, codeOf, folder, media, sha256 } from "../support/channels.ts";
import { type HlsOrigin, patternBytes, startHlsOrigin } from "../support/hls-origin.ts";
import { type Product, startProduct } from "../support/product.ts";

const SECRET = "account-4711";

let origin: HlsOrigin;
let product: Product;

const get = (path: string, init: RequestInit = {}) => fetch(`${product.edge}/proxy/${path}`, init);

beforeAll(async () => {
  origin = await startHlsOrigin();
  const channel = (name: string) => ({ id: `ch_${name}`, sources: [`${origin.url}/${name}/index.m3u8`] });
  product = await startProduct({ config: { channels: ["a", "live", "down"].map(channel) } });
}, 60_000);

afterAll(async () => {
  await product?.stop();
  await origin?.stop();
});

/** The sealed place of `/a/NAME/`, as any viewer finds it in a playlist. */
async function sealedPlace(name: string): Promise<string> {
  origin.file(`/a/${name}/find.m3u8`, media(`${name}.ts?x=1`).replaceAll(`${name}.ts`, `/a/${name}/1.ts`));
  const text = await (await get(`ch_a/${name}/find.m3u8`)).text();
  return /b\/[A-Za-z0-9_-]+/.exec(text)?.[0] ?? "no place";
}

function live(): string {
  return `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:${Date.now() % 1_000_000}\n#EXTINF:1,\n/x/1.ts?k=1\n`;
}

describe("a playlist asked for as a segment", () => {
  it("is refused without taking the playlist from those who watch it", async () => {
    origin.on("/live/index.m3u8", (_, response) => void response.end(live()));
    origin.on("/live/v.m3u8", (_, response) => void response.end(live().replace("/x/", "/live/")));
    const place = /b\/[A-Za-z0-9_-]+/.exec(await (await get("ch_live/v.m3u8")).text())?.[0];
    expect((await get("ch_live/stream.m3u8")).status).toBe(200);
    const statuses = new Set<unknown>();
    const until = Date.now() + 3_000;
    while (Date.now() < until) {
      const asSegment = await get(`ch_live/${place}/index.m3u8~.ts`);
      expect([asSegment.status, await codeOf(asSegment)]).toEqual([404, "not_found"]);
      const reply = await get("ch_live/stream.m3u8");
      statuses.add(`${reply.status} ${reply.headers.get("cache-status")?.replace(/.*detail=/, "")}`);
      await reply.arrayBuffer();
    }
    expect([...statuses]).not.toContain("200 stale");
    expect([...statuses].filter((status) => !String(status).startsWith("200"))).toEqual([]);
  });

  it.each([
    ["by a range that leaves its beginning out", 400, { range: "bytes=1-" }, {}],
    ["by the end of it", 400, { range: "bytes=-200" }, {}],
    ["although it is large", 9_000_000, {}, {}],
    ["although it is large, by a range", 9_000_000, { range: "bytes=100-" }, {}],
    ["although it comes in pieces", 400, {}, { pieces: true }],
    ["although blank lines come first", 400, {}, { before: "\r\n\n " }],
  ])("is not given away %s", async (_how, size, headers, how: { pieces?: boolean; before?: string }) => {
    const { pieces = false, before = "" } = how;
    const name = folder();
    const line = `#EXTINF:2,\nhttp://cdn.test/${SECRET}/1.ts\n`;
    const body = `${before}${media("1.ts")}${line.repeat(Math.ceil(size / line.length))}`;
    const place = await sealedPlace(name);
    for (const file of ["list.m3u8", "get.php"]) {
      if (!pieces) origin.file(`/a/${name}/${file}`, body, { "content-type": "application/octet-stream" });
      else
        origin.on(`/a/${name}/${file}`, async (_, response) => {
          response.writeHead(200, { "content-type": "application/octet-stream" });
          for (const end of [3, 6, body.length]) {
            response.write(body.slice(end === 3 ? 0 : end === 6 ? 3 : 6, end));
            await new Promise((resolve) => setTimeout(resolve, 30));
          }
          response.end();
        });
      const reply = await get(`ch_a/${place}/${file}~.ts`, { headers: headers as Record<string, string> });
      const text = await reply.text();
      expect(text).not.toContain(SECRET);
      expect([file, reply.status]).toEqual([file, 404]);
    }
  });
});

describe("a document whose name is guessed", () => {
  it.each([
    ["an asset list", `{"ASSETS":[{"URI":"http://ads.test/${SECRET}.m3u8","DURATION":2}]}`],
    ["a steering manifest", `\n{"VERSION":1, "TTL":300, "RELOAD-URI" : "http://steer.test/${SECRET}"}`],
  ])("is not given away: %s", async (_what, body) => {
    const name = folder();
    origin.file(`/a/${name}/known.json`, body, { "content-type": "application/json" });
    origin.on(`/a/${name}/chunked.json`, (_, response) => void response.writeHead(200).end(body));
    for (const file of ["known.json", "chunked.json"])
      for (const headers of [{}, { range: "bytes=2-" }] as const) {
        const reply = await get(`ch_a/${name}/${file}`, { headers });
        expect([file, reply.status, await codeOf(reply)]).toEqual([file, 404, "not_found"]);
      }
  });

  it("leaves an application's own data alone", async () => {
    const name = folder();
    origin.file(`/a/${name}/data.json`, '{"title":"A film","ASSET":1}', {
      "content-type": "application/json",
    });
    expect(await (await get(`ch_a/${name}/data.json`)).json()).toEqual({ title: "A film", ASSET: 1 });
    const part = await get(`ch_a/${name}/data.json`, { headers: { range: "bytes=2-6" } });
    expect([part.status, await part.text()]).toEqual([206, "title"]);
  });
});

describe("a page instead of media", () => {
  it("is 502 although its length and type are not said", async () => {
    const name = folder();
    origin.on(`/a/${name}/1.ts`, (_, response) => {
      response.writeHead(200, { "content-type": "video/mp2t" });
      response.write("<!DOCTYPE html>");
      setTimeout(() => response.end("<title>Log in</title>"), 20);
    });
    const reply = await get(`ch_a/${name}/1.ts`);
    expect([reply.status, await codeOf(reply)]).toEqual([502, "segment_malformed"]);
  });
});

describe("an origin that fails", () => {
  it("is asked once a second by all viewers together, for playlists and for segments", async () => {
    origin.on("/down/index.m3u8", (_, response) => void response.writeHead(503).end());
    origin.on("/down/1.ts", (_, response) => void response.writeHead(500).end());
    for (const file of ["stream.m3u8", "1.ts"]) {
      const path = file === "1.ts" ? "/down/1.ts" : "/down/index.m3u8";
      const began = Date.now();
      for (let round = 0; round < 5; round++) {
        const replies = await Promise.all(Array.from({ length: 40 }, () => get(`ch_down/${file}`)));
        for (const reply of replies)
          expect([reply.status, await codeOf(reply)]).toEqual([502, "origin_status"]);
      }
      expect(origin.count(path)).toBeLessThanOrEqual(1 + Math.floor((Date.now() - began) / 1_000));
    }
  });
});

describe("200 viewers", () => {
  const crowd = (path: string) => Promise.all(Array.from({ length: 200 }, () => get(path)));
  const statuses = async (replies: readonly Response[]) => {
    await Promise.all(replies.map((reply) => reply.arrayBuffer()));
    return [...new Set(replies.map(({ status }) => status))];
  };

  it("cost the origin one request at the start, at the end of freshness and after a push", async () => {
    const name = folder();
    const path = `/a/${name}/v.m3u8`;
    origin.on(path, (_, response) => {
      setTimeout(() => response.end("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n1.ts\n"), 100);
    });
    origin.file(`/a/${name}/1.ts`, patternBytes(100_000, 8));
    const load = async () => {
      expect(await statuses(await crowd(`ch_a/${name}/v.m3u8`))).toEqual([200]);
      expect(await statuses(await crowd(`ch_a/${name}/1.ts`))).toEqual([200]);
    };
    await load();
    expect([origin.count(path), origin.count(`/a/${name}/1.ts`)]).toEqual([1, 1]);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await load();
    expect([origin.count(path), origin.count(`/a/${name}/1.ts`)]).toEqual([2, 1]);
    await product.push({ hosts: [] });
    await vi.waitFor(
      async () => {
        expect(await statuses(await crowd(`ch_a/${name}/1.ts`))).toEqual([200]);
        expect(origin.count(`/a/${name}/1.ts`)).toBe(2);
      },
      { timeout: 10_000, interval: 100 },
    );
    await load();
    expect(origin.count(`/a/${name}/1.ts`)).toBe(2);
  }, 30_000);

  it("cost it one request for each of many segments that come in pieces at a time", async () => {
    const name = folder();
    const files = Array.from({ length: 10 }, (_, n) => `${n}.ts`);
    const gate = Promise.withResolvers<void>();
    for (const file of files)
      origin.on(`/a/${name}/${file}`, async (_, response) => {
        response.write(patternBytes(1_500_000, 9));
        await gate.promise;
        response.end("end");
      });
    const all = files.flatMap((file) => Array.from({ length: 20 }, () => get(`ch_a/${name}/${file}`)));
    await vi.waitFor(() => {
      for (const file of files) expect(origin.count(`/a/${name}/${file}`)).toBeGreaterThan(0);
    });
    gate.resolve();
    expect(await statuses(await Promise.all(all))).toEqual([200]);
    expect(files.map((file) => origin.count(`/a/${name}/${file}`))).toEqual(files.map(() => 1));
  });
});

describe("viewers with different players", () => {
  it("cost the origin one request for a segment, whether they ask for all of it or from byte 0 on", async () => {
    const [small, large] = [patternBytes(300_000, 5), patternBytes(3_000_000, 6)];
    for (const [file, body] of [["small", small] as const, ["large", large] as const]) {
      const name = folder();
      const path = `/a/${name}/1.ts`;
      origin.file(`/a/${name}/v.m3u8`, media("1.ts"));
      await (await get(`ch_a/${name}/v.m3u8`)).arrayBuffer();
      let begin: () => void = () => undefined;
      const asked = new Promise<void>((resolve) => {
        begin = resolve;
      });
      origin.on(path, (_, response) => {
        response.writeHead(200, { "content-length": body.byteLength });
        response.write(body.subarray(0, 1_000));
        begin();
        setTimeout(() => response.end(body.subarray(1_000)), 300);
      });
      const first = get(`ch_a/${name}/1.ts`);
      await asked;
      const ranges = ["bytes=0-", "bytes=0-", "bytes=100-299", undefined];
      const rest = ranges.map((range) => get(`ch_a/${name}/1.ts`, range ? { headers: { range } } : {}));
      const [whole, open, , part] = await Promise.all([first, ...rest]);
      expect([file, sha256(await bytesOf(whole as Response))]).toEqual([file, sha256(body)]);
      expect(sha256(await bytesOf(open as Response))).toBe(sha256(body));
      expect(Buffer.compare(await bytesOf(part as Response), body.subarray(100, 300))).toBe(0);
      expect((part as Response).status).toBe(206);
      await Promise.all((await Promise.all(rest)).map((reply) => (reply.bodyUsed ? 0 : reply.arrayBuffer())));
      expect([file, origin.count(path)]).toEqual([file, 1]);
      const later = await get(`ch_a/${name}/1.ts`, { headers: { range: "bytes=0-" } });
      expect([later.status, later.headers.get("content-range")]).toEqual([
        206,
        `bytes 0-${body.byteLength - 1}/${body.byteLength}`,
      ]);
      await later.arrayBuffer();
      expect(origin.count(path)).toBe(1);
    }
  });

  it("learn of a segment by HEAD from an origin that has no HEAD", async () => {
    const name = folder();
    origin.on(`/a/${name}/1.ts`, (request, response) => {
      if (request.method === "HEAD") response.writeHead(405).end();
      else response.writeHead(200, { "content-length": 5 }).end("media");
    });
    const head = await get(`ch_a/${name}/1.ts`, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "5"]);
    expect(await (await get(`ch_a/${name}/1.ts`)).text()).toBe("media");
    expect(origin.count(`/a/${name}/1.ts`)).toBe(2);
  });
});

describe("every refusal", () => {
  it("says where it came from, and a range beyond the end how long the body is", async () => {
    const name = folder();
    origin.file(`/a/${name}/1.ts`, "0123456789");
    await (await get(`ch_a/${name}/1.ts`)).arrayBuffer();
    const beyond = await get(`ch_a/${name}/1.ts`, { headers: { range: "bytes=20-" } });
    expect([beyond.status, beyond.headers.get("content-range")]).toEqual([416, "bytes */10"]);
    expect(beyond.headers.get("access-control-expose-headers")).toContain("Content-Range");
    const missing = await get(`ch_a/${name}/none.ts`);
    const again = await get(`ch_a/${name}/none.ts`);
    const down = await get("ch_down/stream.m3u8");
    const unknown = await get("ch_nobody/stream.m3u8");
    const statusOf = (reply: Response) => reply.headers.get("cache-status");
    expect([missing, again, down].map(statusOf)).toEqual([
      "causeway; fwd=miss",
      "causeway; hit; detail=negative",
      expect.stringMatching(/^causeway; (?:fwd=miss|hit; detail=negative)/),
    ]);
    expect(statusOf(unknown)).toBeNull();
    for (const reply of [beyond, missing, again, down, unknown]) {
      expect(reply.headers.get("access-control-allow-origin")).toBe("*");
      await reply.arrayBuffer();
    }
  });

  it("can be read on any site although the channel's name is none", async () => {
    for (const path of ["ch_%20/stream.m3u8", "nothing", `ch_${"x".repeat(99)}/stream.m3u8`]) {
      const reply = await get(path);
      expect([path, reply.status, reply.headers.get("access-control-allow-origin")]).toEqual([
        path,
        404,
        "*",
      ]);
      await reply.arrayBuffer();
    }
  });
});
