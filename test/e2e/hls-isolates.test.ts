// What isolates of one edge owe each other: addresses that any of them can read, one fetch for all, one source, one count.

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { children, media } from "../support/channels.ts";
import { type HlsOrigin, patternBytes, startHlsOrigin } from "../support/hls-origin.ts";
import { type Isolates, startIsolates } from "../support/isolates.ts";
import { serveLive, Viewer } from "../support/live-source.ts";

let a: HlsOrigin;
let b: HlsOrigin;
let isolates: Isolates;

beforeAll(async () => {
  [a, b] = await Promise.all([startHlsOrigin(), startHlsOrigin()]);
  const channel = (name: string, more: object = {}) => ({
    id: `ch_${name}`,
    sources: [`${a.url}/${name}/index.m3u8`],
    ...more,
  });
  isolates = await startIsolates(2, {
    channels: [
      channel("a"),
      channel("shield", { shield: true }),
      channel("pair", { sources: [`${a.url}/pair/index.m3u8`, `${b.url}/pair/index.m3u8`] }),
      channel("small", { max_viewers: 1 }),
    ],
  });
}, 60_000);

afterAll(async () => {
  await isolates?.stop();
  await Promise.all([a?.stop(), b?.stop()]);
});

/** The same request to each isolate at once. */
function ask(path: string, init: RequestInit = {}): Promise<Response[]> {
  return Promise.all(isolates.edges.map((edge) => fetch(`${edge}/proxy/${path}`, init)));
}

describe("a sealed address that one isolate made", () => {
  it("is read by the others, and is theirs, too", async () => {
    a.file("/a/index.m3u8", media("/elsewhere/1.ts?token=x"));
    a.on("/elsewhere/1.ts", (request, response) => void response.end(request.url));
    const [first = "", second = ""] = (
      await Promise.all((await ask("ch_a/stream.m3u8")).map((reply) => children(reply)))
    ).flat();
    expect(new URL(second).pathname).toBe(new URL(first).pathname);
    expect(second).not.toBe(first);
    const crossed = first.replace(isolates.edges[0] ?? "", isolates.edges[1] ?? "");
    expect(await (await fetch(crossed)).text()).toBe("/elsewhere/1.ts?token=x");
  });
});

describe("isolates that want the same at once", () => {
  const gated = (path: string, body: Uint8Array | string) => {
    const gate = Promise.withResolvers<void>();
    a.on(path, async (_, response) => {
      await gate.promise;
      response.end(body);
    });
    return gate;
  };

  it("fetch it once with shield = true, playlists, small and large segments", async () => {
    for (const [file, body] of [
      ["v.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\nsmall.ts\n"],
      ["small.ts", patternBytes(50_000)],
      ["large.ts", patternBytes(900_000)],
    ] as const) {
      const gate = gated(`/shield/${file}`, body);
      const asked = ask(`ch_shield/${file}`);
      await vi.waitFor(() => expect(a.count(`/shield/${file}`)).toBe(1), 5_000);
      // A request that is answered shows that those sent before it are on their way.
      await Promise.all((await ask("ch_none/none.ts")).map((reply) => reply.text()));
      gate.resolve();
      for (const reply of await asked)
        expect([file, Buffer.compare(Buffer.from(await reply.arrayBuffer()), Buffer.from(body))]).toEqual([
          file,
          0,
        ]);
      expect([file, a.count(`/shield/${file}`)]).toEqual([file, 1]);
    }
  });

  it("take from the data centre's cache what one of them has fetched", async () => {
    const [here = "", there = ""] = isolates.edges;
    let turn = 0;
    await vi.waitFor(async () => {
      const file = `cached${turn++}.ts`;
      a.file(`/a/${file}`, patternBytes(50_000));
      await (await fetch(`${here}/proxy/ch_a/${file}`)).arrayBuffer();
      const reply = await fetch(`${there}/proxy/ch_a/${file}`);
      await reply.arrayBuffer();
      expect(reply.headers.get("cache-status")).toBe("causeway; hit; detail=edge");
      expect(a.count(`/a/${file}`)).toBe(1);
    }, 10_000);
  });
});

describe("a source that fails", () => {
  it("is left by all isolates, whose viewers see the same numbers", async () => {
    serveLive(a, "/pair/index.m3u8", { base: 500_000, name: "a" });
    serveLive(b, "/pair/index.m3u8", { base: 7, name: "b" });
    const viewers = isolates.edges.map((edge) => new Viewer(`${edge}/proxy/ch_pair/stream.m3u8`));
    const loadAll = async () => {
      for (const viewer of viewers) await viewer.load();
    };
    await vi.waitFor(async () => {
      await loadAll();
      for (const viewer of viewers) expect(viewer.sources).toEqual(["a"]);
    }, 10_000);
    a.on("/pair/index.m3u8", (_, response) => void response.writeHead(503).end());
    await vi.waitFor(
      async () => {
        await loadAll();
        for (const viewer of viewers) expect(viewer.sources).toEqual(["b"]);
      },
      { timeout: 15_000, interval: 100 },
    );
    const [here, there] = viewers;
    const both = [...(here?.segments ?? [])].filter(([number]) => there?.segments.has(number));
    expect(both.length).toBeGreaterThan(0);
    for (const [number, name] of both) expect([number, there?.segments.get(number)]).toEqual([number, name]);
  }, 30_000);
});

describe("a channel's places", () => {
  it("are counted over all isolates", async () => {
    const [here = "", there = ""] = isolates.edges;
    const at = (edge: string, agent: string) =>
      fetch(`${edge}/proxy/ch_small/none.ts`, { headers: { "user-agent": agent } }).then(
        ({ status }) => status,
      );
    expect(await at(here, "ch_small's first")).toBe(404);
    expect(await at(there, "another")).toBe(503);
    expect(await at(there, "ch_small's first")).toBe(404);
  });
});
