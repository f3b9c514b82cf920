// The guide through the whole Worker: chosen from the sources, merged, and served.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { bearer, errorCode, send, VIEWER_TOKEN } from "../control/support.ts";
import { addressOf, alarm, gunzip, gzip, Provider, pushAndFollow } from "./fixture.ts";

const LIST = "http://p.test/list.m3u";
const EPG = "http://p.test/epg.xml?password=s3cret";
const OPEN = "https://open.test/guide.xml.gz";
const IMPORT = { name: "prov", url: LIST, every: "1h", epg: EPG };
const GUIDE = { name: "open", url: OPEN, every: "2h" };
const CHANNELS = [
  { id: "ch_news", name: "News & more", tvg_id: "news.uk", sources: ["http://o.test/i.m3u8"] },
  { id: "ch_plain", name: "Plain", logo: "http://l.test/p.png", sources: ["http://o.test/p.m3u8"] },
];
const M3U =
  '#EXTM3U\n#EXTINF:-1 tvg-id="1",One\nhttp://p.test/1.m3u8\n#EXTINF:-1 tvg-id="news.uk",News 2\nhttp://p.test/2.m3u8\n';

let provider: Provider;

function programme(channel: string, title: string, hours = 0): string {
  const time = (offset: number) =>
    new Date(Date.now() + (hours + offset) * 3_600_000).toISOString().replaceAll(/[-T:]|\..*/g, "");
  return `<programme start="${time(0)} +0000" stop="${time(1)} +0000" channel="${channel}"><title>${title}</title></programme>`;
}

function guide(...elements: string[]): string {
  return `<?xml version="1.0"?><tv>${elements.join("\n")}</tv>`;
}

async function open(text: string): Promise<void> {
  const body = await gzip(text);
  provider.answers.set(OPEN, () => new Response(body, { headers: { "Content-Type": "application/gzip" } }));
}

/** What is in the guide: ids of channels, and titles by channel. */
async function shown(): Promise<{ channels: string[]; titles: string[] }> {
  const text = await (await send("/epg.xml")).text();
  const channels = [...text.matchAll(/<channel id="([^"]*)">/g)].map(([, id = ""]) => id);
  const titles = [...text.matchAll(/channel="([^"]*)"><title>([^<]*)/g)].map(
    ([, id, title]) => `${id}: ${title}`,
  );
  return { channels, titles };
}

async function later(ms: number): Promise<void> {
  vi.setSystemTime(Date.now() + ms);
  await alarm();
}

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  provider = new Provider();
  provider.start();
  provider.text(LIST, M3U);
  provider.text(
    EPG,
    guide(programme("1", "Theirs"), programme("news.uk", "Their news"), programme("2", "Unlisted")),
  );
  await open(
    guide(programme("NEWS.uk", "Open news"), programme("1", "Other one"), programme("x", "Unlisted")),
  );
});

afterEach(async () => {
  await pushAndFollow({});
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("/epg.xml", () => {
  it("reads a guide as large as allowed that comes without compression, or out of its transfer's", async () => {
    const megabyte = new Uint8Array(1_000_000).fill(0x20);
    const [head, tail] = guide(programme("news.uk", "Late news")).split("<programme");
    const text = (part: string) => new TextEncoder().encode(part);
    const parts = [
      text(head ?? ""),
      ...Array.from({ length: 120 }, () => megabyte),
      text(`<programme${tail}`),
    ];
    provider.answers.set(OPEN, () => {
      const left = [...parts];
      const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
        const part = left.shift();
        if (part) controller.enqueue(part);
        else controller.close();
      };
      return new Response(new ReadableStream({ pull }));
    });
    await pushAndFollow({ channels: CHANNELS, guides: [GUIDE] });
    expect((await shown()).titles).toEqual(["news.uk: Late news"]);
  });

  it("merges guides: imports' own ones before others, and the first that has a channel serves it alone", async () => {
    await pushAndFollow({ channels: CHANNELS, channel_imports: [IMPORT], guides: [GUIDE] });
    expect(await shown()).toEqual({
      channels: ["news.uk", "1"],
      titles: ["1: Theirs", "news.uk: Their news"],
    });
    await pushAndFollow({
      channels: CHANNELS,
      channel_imports: [{ ...IMPORT, tvg_prefix: "p." }],
      guides: [GUIDE],
    });
    expect(await shown()).toEqual({
      channels: ["news.uk", "p.1", "p.news.uk"],
      titles: ["p.1: Theirs", "p.news.uk: Their news", "news.uk: Open news"],
    });
  });

  it("finds channels by name, and calls them by our names and pictures", async () => {
    await open(
      guide('<channel id="77"><display-name>PLAIN</display-name></channel>', programme("77", "By name")),
    );
    await pushAndFollow({ channels: CHANNELS, guides: [GUIDE] });
    const text = await (await send("/epg.xml")).text();
    expect(text).toContain(
      '<channel id="ch_plain"><display-name>Plain</display-name><icon src="http://l.test/p.png"/></channel>',
    );
    expect((await shown()).titles).toEqual(["ch_plain: By name"]);
    expect(await (await send("/playlist.m3u")).text()).toContain('tvg-id="ch_plain"');
  });

  it("is compressed for who takes that, plain for others, and a file at /epg.xml.gz", async () => {
    await pushAndFollow({ channels: CHANNELS, guides: [GUIDE] });
    const plain = await send("/epg.xml");
    expect([
      plain.headers.get("content-encoding"),
      plain.headers.get("content-type"),
      plain.headers.get("vary"),
    ]).toEqual([null, "application/xml; charset=utf-8", "Accept-Encoding"]);
    const text = await plain.text();
    expect(text).toContain("Open news");
    const packed = await send("/epg.xml", { headers: { "Accept-Encoding": "br;q=1, gzip;q=0.8" } });
    expect(packed.headers.get("content-encoding")).toBe("gzip");
    const refused = await send("/epg.xml", { headers: { "Accept-Encoding": "gzip;q=0, *" } });
    expect(refused.headers.get("content-encoding")).toBeNull();
    const file = await send("/epg.xml.gz");
    expect([file.headers.get("content-encoding"), file.headers.get("content-type")]).toEqual([
      null,
      "application/gzip",
    ]);
    expect(await gunzip(await file.arrayBuffer())).toBe(text);
    for (const reply of [plain, packed, file])
      expect(reply.headers.get("access-control-allow-origin")).toBe("*");
  });

  it("answers HEAD, and 304 as long as it has not changed", async () => {
    await pushAndFollow({ channels: CHANNELS, guides: [GUIDE] });
    const head = await send("/epg.xml", { method: "HEAD" });
    const headers = { "If-None-Match": head.headers.get("etag") ?? "" };
    expect([head.status, await head.text()]).toEqual([200, ""]);
    expect((await send("/epg.xml", { headers })).status).toBe(304);
    await open(guide(programme("news.uk", "New news")));
    await later(7_200_000);
    expect((await send("/epg.xml", { headers })).status).toBe(200);
    expect((await send("/epg.xml", { method: "POST" })).status).toBe(405);
  });

  it("is announced in the list, and not found without guides", async () => {
    await pushAndFollow({ channels: CHANNELS, guides: [GUIDE] });
    expect(await (await send("/playlist.m3u")).text()).toMatch(
      /^#EXTM3U url-tvg="http:\/\/control.test:8787\/epg.xml"/,
    );
    await pushAndFollow({ channels: CHANNELS });
    expect(await (await send("/playlist.m3u")).text()).toMatch(/^#EXTM3U\n/);
    expect((await send("/epg.xml")).status).toBe(404);
  });

  it("answers 503 while no guide is there yet", async () => {
    provider.answers.set(OPEN, "refuse");
    await pushAndFollow({ channels: CHANNELS, guides: [GUIDE] });
    const reply = await send("/epg.xml");
    expect([reply.status, reply.headers.get("retry-after")]).toEqual([503, "10"]);
    expect(await errorCode(reply)).toBe("guide_unavailable");
  });
});

describe("a guide's refresh", () => {
  async function errors(): Promise<string[]> {
    const reply = await send("/api/imports", bearer(VIEWER_TOKEN));
    const { imports } = await reply.json<{ imports: { kind: string; error: string }[] }>();
    return imports.map(({ kind, error }) => `${kind} ${error}`.trim());
  }

  it.each([
    ["what is no guide", "<html><body>Forbidden</body></html>", "guide_malformed"],
    ["a guide without our channels", guide(programme("x", "y")), "guide_empty"],
  ])("keeps the last good guide through %s, and the others go on", async (_, body, code) => {
    await pushAndFollow({ channels: CHANNELS, channel_imports: [IMPORT], guides: [GUIDE] });
    await open(body);
    provider.text(EPG, guide(programme("1", "Theirs, later")));
    await later(7_200_000);
    expect(await errors()).toEqual(["list", "import_guide", `guide ${code}`]);
    expect((await shown()).titles).toContain("news.uk: Open news");
  });

  it("leaves out what is malformed, whatever stands around it", async () => {
    const broken =
      '<programme start="20260101" channel="news.uk"><title>A</b></programme><programme channel="news.uk" start="';
    await open(guide(broken, programme("news.uk", "Tom &amp; Jerry & co")));
    await pushAndFollow({ channels: CHANNELS, guides: [GUIDE] });
    expect((await shown()).titles).toEqual(["news.uk: Tom &amp; Jerry &amp; co"]);
  });

  it("reads guides in other encodings", async () => {
    const latin = `<?xml version="1.0" encoding="ISO-8859-1"?><tv>${programme("news.uk", "Caf\u00e9")}</tv>`;
    provider.answers.set(OPEN, () => new Response(Uint8Array.from(latin, (char) => char.charCodeAt(0))));
    await pushAndFollow({ channels: CHANNELS, guides: [GUIDE] });
    expect((await shown()).titles).toEqual(["news.uk: Café"]);
  });

  it("is made at once when other channels are listed, and not when nothing has changed", async () => {
    await pushAndFollow({ channels: CHANNELS, guides: [GUIDE] });
    await pushAndFollow({ channels: CHANNELS, guides: [GUIDE], hosts: [] });
    expect(provider.count(OPEN)).toBe(1);
    await pushAndFollow({ channels: [{ ...CHANNELS[0], tvg_id: "x" }], guides: [GUIDE] });
    expect(provider.count(OPEN)).toBe(2);
    expect((await shown()).titles).toEqual(["x: Unlisted"]);
  });

  it("follows its list: a channel that appears there has its programmes", async () => {
    await pushAndFollow({ channel_imports: [IMPORT] });
    provider.text(LIST, `${M3U}#EXTINF:-1 tvg-id="2",Two\nhttp://p.test/3.m3u8\n`);
    await later(3_600_000);
    expect((await shown()).titles).toEqual(["1: Theirs", "news.uk: Their news", "2: Unlisted"]);
    expect(await addressOf("Two")).toMatch(/^\/proxy\/ch_prov_two-/);
  });
});
