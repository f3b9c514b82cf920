// Past programmes that are one long file, through the whole product: larger than any segment may be, and seekable.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type HlsOrigin, startHlsOrigin } from "../support/hls-origin.ts";
import { type Product, startProduct } from "../support/product.ts";

const BYTES = 700 * 1024 * 1024;
/** Of any place of the recording. */
const PIECE = new Uint8Array(188 * 1_000).fill(0x47);

let origin: HlsOrigin;
let product: Product;

beforeAll(async () => {
  origin = await startHlsOrigin();
  product = await startProduct({
    config: {
      channels: [
        { id: "ch_raw", kind: "ts", catchup: "xc", sources: [`${origin.url}/live/user/s3cret/7.ts`] },
        {
          id: "ch_php",
          kind: "ts",
          catchup: "default",
          catchup_source: `${origin.url}/play.php?key=s3cret&at={utc}`,
          sources: [`${origin.url}/live/user/s3cret/7.ts`],
        },
      ],
    },
  });
});

afterAll(async () => {
  await product?.stop();
  await origin?.stop();
});

/** Where the redirect for a programme of an hour leads. */
async function programme(channel: string, date: Date): Promise<URL> {
  const address = `${product.edge}/proxy/${channel}/catchup.m3u8?utc=${date.getTime() / 1_000}&duration=3600`;
  const moved = await fetch(address, { redirect: "manual" });
  expect(moved.status).toBe(302);
  const location = moved.headers.get("location") ?? "";
  expect(location).not.toMatch(/s3cret/);
  return new URL(location, address);
}

describe("a recording", () => {
  it("larger than a segment passes at its viewer's pace, with its length, and by ranges", async () => {
    origin.on("/timeshift/user/s3cret/60/2026-01-02:03-04/7.ts", (request, response) => {
      const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
      const [from, to] = [Number(first ?? 0), Number(last || BYTES - 1)];
      response.writeHead(first === undefined ? 200 : 206, {
        "content-type": "video/mp2t",
        "content-length": to - from + 1,
        ...(first !== undefined && { "content-range": `bytes ${from}-${to}/${BYTES}` }),
      });
      if (request.method === "HEAD" || to - from < PIECE.length)
        response.end(PIECE.subarray(0, to - from + 1));
      else response.write(PIECE);
    });
    const url = await programme("ch_raw", new Date("2026-01-02T03:04:00Z"));
    const head = await fetch(url, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, String(BYTES)]);
    for (const [range, status] of [
      [undefined, 200],
      ["bytes=0-", 206],
    ] as const) {
      const leave = new AbortController();
      const reply = await fetch(url, { headers: range ? { range } : {}, signal: leave.signal });
      expect([reply.status, reply.headers.get("content-length")]).toEqual([status, String(BYTES)]);
      expect((await reply.body?.getReader().read())?.value?.[0]).toBe(0x47);
      leave.abort();
    }
    const end = await fetch(url, { headers: { range: `bytes=${BYTES - 100}-` } });
    expect([end.status, end.headers.get("content-range"), (await end.arrayBuffer()).byteLength]).toEqual([
      206,
      `bytes ${BYTES - 100}-${BYTES - 1}/${BYTES}`,
      100,
    ]);
  });

  it("is served where only the channel's kind tells that it is one, and no page or playlist is", async () => {
    origin.on("/play.php", (_, response, { searchParams }) => {
      const what = Number(searchParams.get("at")) % 3;
      response.end(what === 0 ? PIECE : what === 1 ? "<html>expired</html>" : "#EXTM3U\nhttp://s3cret.test/");
    });
    const at = (n: number) => programme("ch_php", new Date(Date.UTC(2026, 0, 2) + n * 1_000));
    const good = await fetch(await at(0));
    expect(Buffer.compare(new Uint8Array(await good.arrayBuffer()), PIECE)).toBe(0);
    for (const n of [1, 2]) {
      const reply = await fetch(await at(n));
      const text = await reply.text().catch(() => "");
      expect([n, text.includes("s3cret"), text.includes("expired")]).toEqual([n, false, false]);
    }
  });

  it("is nothing of another channel's", async () => {
    const url = await programme("ch_raw", new Date("2026-01-02T03:04:00Z"));
    const other = url.href.replace("ch_raw", "ch_php");
    expect((await fetch(other)).status).toBe(404);
  });
});
