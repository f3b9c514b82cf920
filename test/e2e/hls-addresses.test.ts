// Addresses through the whole product: origins whose own names mean something else at the edge, redirects to another base,
// and the JSON documents that name further playlists.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ChannelProduct, children, codeOf, folder, media, startChannels } from "../support/channels.ts";
import type { HlsOrigin } from "../support/hls-origin.ts";

let channels: ChannelProduct;
let origin: HlsOrigin;
let get: ChannelProduct["get"];

beforeAll(async () => {
  channels = await startChannels();
  ({ origin, get } = channels);
}, 60_000);

afterAll(() => channels?.stop());

const textOf = async (url: string) => (await fetch(url)).text();

describe("origins", () => {
  it("may use the names that the edge uses itself", async () => {
    const name = folder();
    const names = ["b/1.ts", "t.x/1.ts", "stream.ts", "stream.m3u8/1.ts", "t.y.ts"];
    origin.file("/open/index.m3u8", media(...names));
    for (const one of names) origin.file(`/open/${one}`, `${name} ${one}`);
    const found = await children(await get("ch_open/stream.m3u8"));
    expect(await Promise.all(found.map(textOf))).toEqual(names.map((one) => `${name} ${one}`));
  });

  it("may call a variant stream.m3u8, and have a folder b in it", async () => {
    origin.file("/gone/index.m3u8", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nstream.m3u8\n");
    origin.file("/gone/stream.m3u8", media("b/b/1.ts"));
    origin.file("/gone/b/b/1.ts", "deep");
    const [variant = ""] = await children(await get("ch_gone/stream.m3u8"));
    const [segment = ""] = await children(await fetch(variant));
    expect(await textOf(segment)).toBe("deep");
  });

  it("may have a file of one name in several places", async () => {
    const name = folder();
    const places = [`/a/${name}`, `/other/${name}`, `/third/${name}`];
    origin.file(`/a/${name}/v.m3u8`, media("seg1.ts", ...places.slice(1).map((place) => `${place}/seg1.ts`)));
    for (const place of places) origin.file(`${place}/seg1.ts`, place);
    const found = await children(await get(`ch_a/${name}/v.m3u8`));
    expect(await Promise.all(found.map(textOf))).toEqual(places);
  });

  it("may name a playlist by a script, beside which its segments lie", async () => {
    const name = folder();
    origin.file(`/a/${name}/v.m3u8`, "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlist.php?id=1\n");
    origin.file(`/a/${name}/list.php`, media("1.ts", "deep/2.ts", "chunk"), {
      "content-type": "application/vnd.apple.mpegurl",
    });
    for (const file of ["1.ts", "deep/2.ts", "chunk"]) origin.file(`/a/${name}/${file}`, file);
    const [variant = ""] = await children(await get(`ch_a/${name}/v.m3u8`));
    const found = await children(await fetch(variant));
    expect(await Promise.all(found.map(textOf))).toEqual(["1.ts", "deep/2.ts", "chunk"]);
  });

  it("may have queries as long as addresses get", async () => {
    const name = folder();
    origin.on(`/a/${name}/1.ts`, (_, response, url) => void response.end(`${url.search.length}`));
    origin.file(`/a/${name}/v.m3u8`, media(`1.ts?k=${"q".repeat(10_000)}`));
    const found = await children(await get(`ch_a/${name}/v.m3u8`));
    expect(await Promise.all(found.map(textOf))).toEqual(["10003"]);
  });

  it("may end lines with CR alone: nothing that a player reads as a line passes unseen", async () => {
    const name = folder();
    origin.file(`/a/${name}/1.ts`, "first");
    const absolute = `${origin.url}/a/${name}/1.ts?token=hidden`;
    const texts = [media(absolute).replaceAll("\n", "\r"), media(absolute).replace("2,\n", "2,\r")];
    for (const [index, text] of texts.entries()) {
      origin.file(`/a/${name}/${index}.m3u8`, text);
      const reply = await get(`ch_a/${name}/${index}.m3u8`);
      const rewritten = await reply.clone().text();
      expect(rewritten).not.toContain("hidden");
      const found = await children(reply);
      expect(await Promise.all(found.map(textOf))).toEqual(["first"]);
    }
  });

  it("may redirect a playlist to another base, whose children are meant then", async () => {
    const name = folder();
    origin.on(`/a/${name}/v.m3u8`, (_request, response) => {
      response.writeHead(302, { location: `/moved/${name}/v.m3u8` }).end();
    });
    origin.file(`/moved/${name}/v.m3u8`, media("seg1.ts", "x/seg1.ts"));
    origin.file(`/moved/${name}/seg1.ts`, "moved");
    origin.file(`/moved/${name}/x/seg1.ts`, "moved x");
    const reply = await get(`ch_a/${name}/v.m3u8`);
    const found = await children(reply);
    expect(await Promise.all(found.map(textOf))).toEqual(["moved", "moved x"]);
  });

  it("may have encoded separators in their names, as object stores write them", async () => {
    const name = folder();
    origin.file(`/a/${name}/v.m3u8`, media(`${origin.url}/o/live%2F${name}%2F1.ts?alt=media`));
    origin.on(`/o/live%2F${name}%2F1.ts`, (request, response) => void response.end(request.url));
    const [segment = ""] = await children(await get(`ch_a/${name}/v.m3u8`));
    expect(await textOf(segment)).toBe(`/o/live%2F${name}%2F1.ts?alt=media`);
    const climbing = segment.replace("live%2F", "..%2Fa%2F");
    expect((await fetch(climbing)).status).toBe(404);
  });
});

describe("asset lists", () => {
  async function listOf(body: string, path = `/ads/${folder()}`): Promise<string> {
    const name = folder();
    const range = '#EXT-X-DATERANGE:ID="a",CLASS="com.apple.hls.interstitial"';
    const playlist = media("1.ts").replace(
      "#EXTINF",
      `${range},X-ASSET-LIST="${path}/list?account=7"\n#EXTINF`,
    );
    origin.file(`/a/${name}/v.m3u8`, playlist);
    origin.on(`${path}/list`, (request, response) => {
      response.setHeader("content-type", "application/json");
      response.end(body.replace("QUERY", new URL(request.url ?? "", "http://x").search));
    });
    const text = await (await get(`ch_a/${name}/v.m3u8`)).text();
    return /X-ASSET-LIST="([^"]+)"/.exec(text)?.[1] ?? "";
  }

  it("lead to playlists below the channel and show nothing of where these lie", async () => {
    const name = folder();
    origin.file(`/ads/${name}/ad.m3u8`, media("ad1.ts"));
    origin.file(`/ads/${name}/ad1.ts`, "advertisement");
    const list = await listOf(
      '{"ASSETS": [ {"URI":"ad.m3u8","DURATION":2} ], "ASKED":"QUERY"}',
      `/ads/${name}`,
    );
    expect(list).not.toMatch(/ads|list|account/);
    const reply = await fetch(`${list}?_HLS_primary_id=ID&unknown=1`);
    expect(reply.headers.get("content-type")).toBe("application/json");
    expect(reply.headers.get("access-control-allow-origin")).toBe("*");
    const text = await reply.text();
    expect(text).toMatch(
      /^\{"ASSETS": \[ \{"URI":"http[^"]+","DURATION":2\} \], "ASKED":"\?account=7&_HLS_primary_id=ID"\}$/,
    );
    const { ASSETS } = JSON.parse(text) as { ASSETS: [{ URI: string }] };
    expect(ASSETS[0].URI).not.toContain("/ads/");
    const [segment = ""] = await children(await fetch(ASSETS[0].URI));
    expect(await textOf(segment)).toBe("advertisement");
    const head = await fetch(`${list}?_HLS_primary_id=ID`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    expect(Number(head.headers.get("content-length"))).toBe(text.length);
  });

  it("are relative to where redirects led", async () => {
    const name = folder();
    origin.file(`/far/${name}/ad.m3u8`, media("1.ts"));
    origin.file(`/far/${name}/list.json`, '{"ASSETS":[{"URI":"ad.m3u8","DURATION":2}]}');
    const list = await listOf("", `/ads/${name}`);
    origin.on(`/ads/${name}/list`, (_request, response) => {
      response.writeHead(302, { location: `/far/${name}/list.json` }).end();
    });
    const { ASSETS } = (await (await fetch(list)).json()) as { ASSETS: [{ URI: string }] };
    expect((await fetch(ASSETS[0].URI)).status).toBe(200);
  });

  it.each([
    ["no JSON", "nothing { today"],
    ["more than a document may be", JSON.stringify({ ASSETS: [], X: "x".repeat(1_100_000) })],
  ])("that are %s are an error of the origin's", async (_what, body) => {
    const reply = await fetch(await listOf(body));
    expect([reply.status, await codeOf(reply)]).toEqual([502, "upstream_invalid"]);
    expect(reply.headers.get("access-control-allow-origin")).toBe("*");
  });

  it("cannot be forged, borrowed, or taken for something else", async () => {
    const list = await listOf('{"ASSETS":[]}');
    expect((await fetch(list)).status).toBe(200);
    for (const forged of [
      list.replace("ch_a", "ch_open"),
      list.replace("~.assets", "~.steering"),
      list.replace("~.assets", "list~.json"),
      list.replace("/b/", "/b/A"),
    ]) {
      const reply = await fetch(forged);
      expect([forged, reply.status]).toEqual([forged, 404]);
      await reply.body?.cancel();
    }
  });
});

describe("content steering", () => {
  it("sends its own addresses, and makes a clone's change at the origin", async () => {
    const name = folder();
    const host = new URL(origin.url).hostname;
    const clone = (id: string, replacement: object) => ({
      "BASE-ID": "a",
      ID: id,
      "URI-REPLACEMENT": replacement,
    });
    const manifest = {
      VERSION: 1,
      TTL: 10,
      "RELOAD-URI": "next?n=2",
      "PATHWAY-CLONES": [
        clone("c", { HOST: host, PARAMS: { token: "SECRET" } }),
        clone("d", { HOST: "localhost" }),
        clone("e", { "PER-VARIANT-URIS": { v: `${origin.url}/else/${name}/v.m3u8` } }),
      ],
    };
    const steering = `#EXT-X-CONTENT-STEERING:SERVER-URI="/steer/${name}/first?account=7",PATHWAY-ID="a"`;
    const variant = '#EXT-X-STREAM-INF:BANDWIDTH=1,PATHWAY-ID="a",STABLE-VARIANT-ID="v"\nlow/v.m3u8';
    origin.file(`/a/${name}/master.m3u8`, `#EXTM3U\n${steering}\n${variant}\n`);
    origin.file(`/steer/${name}/first`, JSON.stringify(manifest));
    origin.file(`/steer/${name}/next`, JSON.stringify({ VERSION: 1 }));
    origin.file(`/else/${name}/v.m3u8`, media("1.ts"));
    origin.on(
      `/a/${name}/low/v.m3u8`,
      (request, response) => void response.end(`${media("1.ts")}#${request.url}\n`),
    );
    origin.file(`/a/${name}/low/1.ts`, "segment");

    const reply = await get(`ch_a/${name}/master.m3u8`);
    const text = await reply.clone().text();
    const [plain = ""] = await children(reply);
    const server = /SERVER-URI="([^"]+)"/.exec(text)?.[1] ?? "";
    expect(server).not.toMatch(/steer\b|account/);
    const asked = await fetch(`${new URL(server, reply.url).href}?_HLS_pathway="a"`);
    const shown = await asked.text();
    expect(shown).not.toContain("SECRET");
    const got = JSON.parse(shown) as Record<string, unknown> & {
      "PATHWAY-CLONES": { "URI-REPLACEMENT": { HOST?: string; PARAMS?: Record<string, string> } }[];
    };
    expect(await (await fetch(String(got["RELOAD-URI"]))).json()).toEqual({ VERSION: 1 });

    const cloned = got["PATHWAY-CLONES"].map(({ "URI-REPLACEMENT": { HOST, PARAMS } }) => {
      const url = new URL(plain);
      if (HOST !== undefined) url.hostname = HOST;
      for (const [param, value] of Object.entries(PARAMS ?? {})) url.searchParams.set(param, value);
      return url.href;
    });
    const moved = await fetch(cloned[0] ?? "");
    expect(await moved.clone().text()).toContain(`#/a/${name}/low/v.m3u8?token=SECRET\n`);
    const [segment = ""] = await children(moved);
    expect(segment).toMatch(/\/b\/[\w-]+\/1\.ts$/);
    expect(await textOf(segment)).toBe("segment");
    expect(await codeOf(await fetch(cloned[1] ?? ""))).toBe("target_refused");
    const byName = /"PER-VARIANT-URIS":\{"v":"([^"]+)"/.exec(shown)?.[1] ?? "";
    expect((await fetch(byName)).status).toBe(200);
    const forged = await fetch((cloned[0] ?? "").replace("_pathway.c=", "_pathway.c=A"));
    expect([forged.status, await codeOf(forged)]).toEqual([404, "not_found"]);
  });
});
