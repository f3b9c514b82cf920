// Low-latency channels through the whole product, with an origin that moves only when the test says so: who waits for what,
// how often the origin is asked, and that no body is taken for another.

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { HLS_LIMITS } from "../../shared/limits.ts";
import { bytesOf, type ChannelProduct, codeOf, folder, sha256, startChannels } from "../support/channels.ts";
import type { HlsOrigin } from "../support/hls-origin.ts";
import { type LlOrigin, serveLowLatency } from "../support/ll-hls-origin.ts";

let channels: ChannelProduct;
let origin: HlsOrigin;
let get: ChannelProduct["get"];

beforeAll(async () => {
  channels = await startChannels();
  ({ origin, get } = channels);
}, 60_000);

afterAll(() => channels?.stop());

/** A stream of its own, its address at the edge, and how often the origin was asked for a file, or a playlist's query. */
function stream(parts: "files" | "ranges" = "files", partBytes?: number) {
  const name = folder();
  const live = serveLowLatency(origin, { folder: `a/${name}`, parts, ...(partBytes ? { partBytes } : {}) });
  const asked = (file: string) => origin.seen.filter(({ url }) => url === `/a/${name}/${file}`).length;
  return { live, asked, url: (file: string) => `ch_a/${name}/${file}` };
}

/** Until the origin holds so many requests. */
function holding(live: LlOrigin, count: number): Promise<void> {
  return vi.waitFor(() => expect(live.held).toBe(count), { timeout: 5_000, interval: 10 });
}

/** A request that is answered shows that those sent before it are on their way. */
async function settle(): Promise<void> {
  await (await get("ch_none/x")).text();
}

describe("a blocking reload", () => {
  it("is held at the origin once for all who ask the same, and answered when the part is there", async () => {
    const { live, asked, url } = stream();
    const path = `index.m3u8?_HLS_msn=${live.msn}&_HLS_part=${live.part}`;
    const replies = Array.from({ length: 20 }, () => get(url(path)));
    await holding(live, 1);
    await settle();
    live.publish();
    const texts = await Promise.all(replies.map(async (reply) => (await reply).text()));
    expect(new Set(texts)).toEqual(new Set([live.playlist(false)]));
    expect(asked(path)).toBe(1);
    const later = await get(url(path));
    expect(later.headers.get("cache-control")).toBe("max-age=12");
    expect([later.headers.get("cache-status"), later.headers.has("age")]).toEqual([
      "causeway; hit; detail=memory",
      true,
    ]);
    await later.text();
    expect(asked(path)).toBe(1);
  });

  it("may be held for longer than other requests", async () => {
    const { live, url } = stream();
    await (await get(url("index.m3u8"))).text();
    const brief = (file: string) => get(url(file).replace("ch_a", "ch_brief"));
    const reply = brief(`index.m3u8?_HLS_msn=${live.msn}&_HLS_part=${live.part}`);
    await holding(live, 1);
    const other = await brief(`s${live.msn}.${live.part}.mp4`);
    expect([other.status, await codeOf(other)]).toEqual([504, "upstream_timeout"]);
    live.publish();
    expect((await reply).status).toBe(200);
  });

  it("is a resource of its own for each segment, part and skip", async () => {
    const { live, asked, url } = stream();
    const last = live.msn - 1;
    const queries = [`?_HLS_msn=${last}&_HLS_skip=YES`, `?_HLS_msn=${last}`, `?_HLS_msn=${last}&_HLS_part=0`];
    for (const query of [...queries, ...queries]) await (await get(url(`index.m3u8${query}`))).text();
    for (const query of queries) expect(asked(`index.m3u8${query}`)).toBe(1);
  });

  it("gives everyone else the newest playlist without asking again", async () => {
    const { live, asked, url } = stream();
    live.publish();
    const reply = await get(url(`index.m3u8?_HLS_msn=${live.msn - 1}`));
    const text = await reply.text();
    expect(await (await get(url("index.m3u8"))).text()).toBe(text);
    expect(asked("index.m3u8")).toBe(0);
  });

  it("is one of a bounded number that the origin holds: who asks for more gets what there is", async () => {
    const { live, url } = stream();
    const ask = (part: number) => get(url(`index.m3u8?_HLS_msn=${live.msn}&_HLS_part=${part}`));
    const held = Array.from({ length: HLS_LIMITS.BLOCKING_MAX }, (_, n) => ask(100 + n));
    await holding(live, HLS_LIMITS.BLOCKING_MAX);
    expect(await (await ask(5_000)).text()).toBe(live.playlist(false));
    live.publish(200);
    for (const reply of held) await (await reply).text();
    await vi.waitFor(
      async () => expect(await (await get(url("index.m3u8"))).text()).toBe(live.playlist(false)),
      { timeout: 5_000, interval: 100 },
    );
    const next = ask(live.part);
    await holding(live, 1);
    live.publish();
    expect((await next).status).toBe(200);
  });

  it("that is too far ahead asks the origin once a second at most", async () => {
    const { live, asked, url } = stream();
    const path = `index.m3u8?_HLS_msn=${live.msn + 50}`;
    const codes = [];
    for (let n = 0; n < 5; n++) codes.push(await codeOf(await get(url(path))));
    expect(new Set(codes)).toEqual(new Set(["origin_status"]));
    expect(asked(path)).toBe(1);
  });

  it("whose number is invented does not reach the origin where it is clear without that", async () => {
    const { live, url } = stream();
    const text = await (await get(url("index.m3u8"))).text();
    const before = origin.seen.length;
    for (let n = 0; n < 20; n++)
      for (const msn of [live.msn - 1 - (n % 3), live.msn + 1_000 + n])
        expect(await (await get(url(`index.m3u8?_HLS_msn=${msn}`))).text()).toBe(text);
    expect(origin.seen.length).toBe(before);
  });

  it("that the origin refuses is answered with the whole playlist while there is one", async () => {
    const { live, url } = stream();
    const text = await (await get(url("index.m3u8"))).text();
    const reply = await get(url(`index.m3u8?_HLS_msn=${live.msn + 5}&_HLS_skip=YES`));
    expect([reply.status, reply.headers.get("cache-status")]).toEqual([200, "causeway; hit; detail=stale"]);
    expect(await reply.text()).toBe(text);
  });

  it.each(["_HLS_part=1", "_HLS_msn=x", "_HLS_msn=1&_HLS_msn=2", "_HLS_skip=maybe"])(
    "is refused with %s, without asking the origin",
    async (query) => {
      const { asked, url } = stream();
      const reply = await get(url(`index.m3u8?${query}`));
      expect([reply.status, await codeOf(reply)]).toEqual([400, "bad_request"]);
      expect(asked(`index.m3u8?${query}`)).toBe(0);
    },
  );
});

describe("a delta update", () => {
  it("is never given to who asked for the whole playlist", async () => {
    const { live, url } = stream();
    const msn = live.msn;
    const delta = await (await get(url(`index.m3u8?_HLS_msn=${msn - 1}&_HLS_skip=YES`))).text();
    expect(delta).toContain("#EXT-X-SKIP:SKIPPED-SEGMENTS=3");
    for (const query of ["", `?_HLS_msn=${msn - 1}`, ""]) {
      const text = await (await get(url(`index.m3u8${query}`))).text();
      expect(text).toBe(live.playlist(false));
    }
  });
});

describe("a hinted part", () => {
  it("is held at the origin once for all, and every viewer gets all of it", async () => {
    const { live, asked, url } = stream();
    const [msn, part] = [live.msn, live.part];
    const file = `s${msn}.${part}.mp4`;
    const replies = Array.from({ length: 8 }, () => get(url(file)));
    await holding(live, 1);
    await settle();
    live.publish();
    const bodies = await Promise.all(replies.map(async (reply) => sha256(await bytesOf(await reply))));
    expect(new Set(bodies)).toEqual(new Set([sha256(live.bytesOf(msn, part))]));
    expect(asked(file)).toBe(1);
  });

  it("that came too early is asked for again a moment later", async () => {
    const { live, asked, url } = stream();
    await (await get(url("index.m3u8"))).text();
    const [msn, part] = [live.msn, live.part + 1];
    const file = `s${msn}.${part}.mp4`;
    const early = await Promise.all(Array.from({ length: 5 }, () => get(url(file))));
    expect(new Set(early.map(({ status }) => status))).toEqual(new Set([404]));
    expect(asked(file)).toBe(1);
    live.publish(2);
    await vi.waitFor(async () => {
      expect(sha256(await bytesOf(await get(url(file))))).toBe(sha256(live.bytesOf(msn, part)));
    }, 900);
  });
});

describe("parts that are ranges of a growing file", () => {
  const part = (n: number) => ({ headers: { Range: `bytes=${n * 2_000}-${n * 2_000 + 1_999}` } });

  it("are kept each under its exact range", async () => {
    const { live, url } = stream("ranges");
    const msn = live.msn;
    live.publish(2);
    for (const n of [0, 1, 0, 1]) {
      const reply = await get(url(`s${msn}.mp4`), part(n));
      expect([reply.status, sha256(await bytesOf(reply))]).toEqual([206, sha256(live.bytesOf(msn, n))]);
    }
    const file = `/a/${url(`s${msn}.mp4`).slice("ch_a/".length)}`;
    expect(origin.seen.filter((seen) => seen.url === file).map(({ headers }) => headers.range)).toEqual([
      "bytes=0-1999",
      "bytes=2000-3999",
    ]);
  });

  it("are held when they are asked for by an open range, once for all", async () => {
    const { live, asked, url } = stream("ranges");
    const msn = live.msn;
    const ask = () => get(url(`s${msn}.mp4`), { headers: { Range: "bytes=0-" } });
    const replies = [ask(), ask(), ask()];
    await holding(live, 1);
    await settle();
    live.publish();
    for (const reply of replies)
      expect(sha256(await bytesOf(await reply))).toBe(sha256(live.bytesOf(msn, 0)));
    expect(asked(`s${msn}.mp4`)).toBe(1);
  });

  it("leave the file itself uncached until it is complete", async () => {
    const { live, url } = stream("ranges");
    const msn = live.msn;
    live.publish(2);
    await (await get(url("index.m3u8"))).text();
    const early = await bytesOf(await get(url(`s${msn}.mp4`)));
    expect(early.byteLength).toBe(4_000);
    live.publish(2);
    await (await get(url(`index.m3u8?_HLS_msn=${msn}`))).text();
    for (let n = 0; n < 2; n++)
      expect(sha256(await bytesOf(await get(url(`s${msn}.mp4`))))).toBe(sha256(live.segment(msn)));
    const again = await get(url(`s${msn}.mp4`));
    expect(again.headers.get("cache-status")).toBe("causeway; hit; detail=memory");
    await again.arrayBuffer();
  });
});
