// A provider's list and guide through the whole product: a real provider, a real player's requests, a guide far larger than
// what an isolate could hold.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type HlsOrigin, startHlsOrigin } from "../support/hls-origin.ts";
import { type Product, startProduct } from "../support/product.ts";

let product: Product;
let provider: HlsOrigin;

interface ImportReport {
  readonly name: string;
  readonly kind: string;
  readonly error: string;
  readonly count: number;
  readonly bytes: number;
  readonly refreshed_at: number;
  readonly tried_at: number;
}

beforeAll(async () => {
  provider = await startHlsOrigin();
  provider.file("/get.php", list("one", "two"));
  provider.file("/live/index.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-ENDLIST\n#EXTINF:2,\n1.ts\n");
  provider.file("/live/1.ts", "a segment");
  provider.file("/epg.xml.gz", gzipSync(guide(["one.tv"])));
  product = await startProduct({
    config: {
      channels: [],
      channel_imports: [
        {
          name: "prov",
          url: `${provider.url}/get.php?username=u&password=s3cret`,
          epg: `${provider.url}/epg.xml.gz?password=s3cret`,
        },
      ],
    },
  });
  await report("import_guide", ({ refreshed_at }) => refreshed_at > 0);
}, 60_000);

afterAll(async () => {
  await product?.stop();
  await provider?.stop();
});

function list(...names: readonly string[]): string {
  const entry = (name: string) =>
    `#EXTINF:-1 tvg-id="${name}.tv" group-title="G",${name}\n` +
    `#EXTVLCOPT:http-user-agent=VLC/3.0\n#EXTVLCOPT:http-referrer=http://ref.test/\n` +
    `${provider.url}/live/index.m3u8?user=u&pass=s3cret&name=${name}\n`;
  return `#EXTM3U\n${names.map(entry).join("")}`;
}

/** A guide of these channels; each has one programme that is on now. */
function guide(channels: Iterable<string>): string {
  const time = (ms: number) => new Date(ms).toISOString().replaceAll(/[-T:]|\..*/g, "");
  const [start, stop] = [time(Date.now()), time(Date.now() + 3_600_000)];
  let text = '<?xml version="1.0" encoding="UTF-8"?>\n<tv>\n';
  for (const id of channels)
    text += `<programme start="${start} +0000" stop="${stop} +0000" channel="${id}"><title>On ${id}</title></programme>\n`;
  return `${text}</tv>\n`;
}

/** The source of that kind once it is as wished. */
async function report(kind: string, wish: (report: ImportReport) => boolean): Promise<ImportReport> {
  return vi.waitFor(
    async () => {
      const { imports } = (await (await product.api("/api/imports")).json()) as { imports: ImportReport[] };
      const found = imports.find((one) => one.kind === kind);
      if (found && wish(found)) return found;
      throw new Error(`It is ${JSON.stringify(found)}`);
    },
    { timeout: 30_000, interval: 100 },
  );
}

async function refresh(kind: string): Promise<ImportReport> {
  const before = await report(kind, () => true);
  expect((await product.api("/api/imports/prov/refresh", { method: "POST" })).status).toBe(202);
  return report(kind, ({ tried_at }) => tried_at > before.tried_at);
}

/** The list once it satisfies `wish`: what is imported reaches every isolate within 5 s. */
async function lines(wish: (lines: string[]) => boolean): Promise<string[]> {
  return vi.waitFor(
    async () => {
      const text = await (await fetch(`${product.edge}/playlist.m3u`)).text();
      const found = text.split("\n").filter((line) => line !== "");
      if (wish(found)) return found;
      throw new Error(text);
    },
    { timeout: 6_000, interval: 100 },
  );
}

async function guideHead(): Promise<Headers> {
  return (await product.fetchHost("127.0.0.1", "/epg.xml", { method: "HEAD" })).headers;
}

/** Of the edge's process. */
function residentMegabytes(): number {
  const status = readFileSync(`/proc/${product.edgePid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024;
}

describe("an imported list", () => {
  it("plays through the edge with the list's header fields and without its addresses", async () => {
    const found = await lines(({ length }) => length === 5);
    expect(found.join("\n")).not.toMatch(/s3cret|ref\.test|get\.php/);
    const address = found[2] ?? "";
    const playlist = await (await fetch(address)).text();
    const segment = playlist.split("\n").find((line) => line !== "" && !line.startsWith("#")) ?? "";
    expect(await (await fetch(new URL(segment, address))).text()).toBe("a segment");
    const asked = provider.seen.filter(({ url }) => url.startsWith("/live/"));
    expect(asked.map(({ url }) => url)).toEqual([
      "/live/index.m3u8?user=u&pass=s3cret&name=one",
      "/live/1.ts",
    ]);
    for (const { headers } of asked) {
      expect(headers["user-agent"]).toBe("VLC/3.0");
      expect(headers.referer).toBe("http://ref.test/");
    }
  });

  it("changes within 5 s of a refresh, and keeps its addresses", async () => {
    const [, , one] = await lines(({ length }) => length === 5);
    provider.file("/get.php", list("zero", "one"));
    await refresh("list");
    const found = await lines((all) => all.some((line) => line.endsWith(",zero")));
    expect(found.indexOf(one ?? "")).toBe(4);
    expect(found).toHaveLength(5);
  });

  it("keeps the last good list while the provider is broken, and through a restart", async () => {
    const before = await lines(() => true);
    provider.file("/get.php", "<html>payment required</html>");
    expect(await refresh("list")).toMatchObject({ error: "list_malformed", count: 2 });
    await product.restartEdge();
    expect(await lines(() => true)).toEqual(before.map((line) => line));
    provider.file("/get.php", list("one", "two"));
    await refresh("list");
  });
});

describe("the guide", () => {
  it("has the programmes of listed channels, compressed for who takes it", async () => {
    const plain = await (await product.fetchHost("127.0.0.1", "/epg.xml")).text();
    expect(plain).toContain("<title>On one.tv</title>");
    const packed = await product.fetchHost("127.0.0.1", "/epg.xml", {
      headers: { "accept-encoding": "gzip" },
    });
    expect(packed.headers.get("content-encoding")).toBe("gzip");
    const bytes = Buffer.from(await packed.arrayBuffer());
    expect(Number(packed.headers.get("content-length"))).toBe(bytes.byteLength);
    const { gunzipSync } = await import("node:zlib");
    expect(gunzipSync(bytes).toString()).toBe(plain);
  });

  it("is read while it comes in: most of a large one never stays in memory", async () => {
    const ids = Array.from({ length: 400_000 }, (_, n) => `other-${n}.tv`);
    const large = guide([...ids, "one.tv", "two.tv"]);
    provider.file("/epg.xml.gz", gzipSync(large, { level: 1 }));
    const done = await refresh("import_guide");
    expect(done).toMatchObject({ error: "", count: 2, bytes: Buffer.byteLength(large) });
    await vi.waitFor(
      async () => expect(await (await fetch(`${product.edge}/epg.xml`)).text()).toContain("On two.tv"),
      { timeout: 6_000, interval: 100 },
    );
  });

  it("is unpacked no faster than its readers read, however well it is packed", async () => {
    const long = guide(["one.tv"]).replace("On one.tv", "A long text ".repeat(4_000));
    const programme = /<programme.*<\/programme>\n/.exec(long)?.[0] ?? "";
    provider.file("/epg.xml.gz", gzipSync(long.replace(programme, programme.repeat(2_000)), { level: 1 }));
    const before = (await guideHead()).get("etag");
    expect(await refresh("import_guide")).toMatchObject({ error: "", count: 2_000 });
    await vi.waitFor(async () => expect((await guideHead()).get("etag")).not.toBe(before), {
      timeout: 6_000,
      interval: 100,
    });
    const held = residentMegabytes();
    const { hostname, port } = new URL(product.edge);
    const readers = Array.from({ length: 4 }, () => connect(Number(port), hostname));
    for (const reader of readers) {
      reader.write("GET /epg.xml HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
      await once(reader, "readable");
    }
    await delay(1_000);
    const after = residentMegabytes();
    for (const reader of readers) reader.destroy();
    expect(after - held).toBeLessThan(100);
  });
});
