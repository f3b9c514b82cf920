// Channels of every kind that players treat differently, with real media, through the edge, played by hls.js in a real
// browser, and read by ffmpeg's own HLS client.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { type MediaOrigin, startMediaOrigin } from "../support/media-origin.ts";
import { type Product, startProduct } from "../support/product.ts";
import { type Playback, type PlayOptions, playChannel } from "./player.ts";

vi.setConfig({ testTimeout: 40_000, hookTimeout: 90_000 });

const KINDS = ["live", "ll", "aes", "range", "audio"] as const;
const run = promisify(execFile);
const hasFfprobe = await run("ffprobe", ["-version"]).then(
  () => true,
  () => false,
);

let product: Product;
let browser: Browser;
let media: MediaOrigin;
let spare: MediaOrigin;

beforeAll(async () => {
  [media, spare] = await Promise.all([startMediaOrigin(10), startMediaOrigin(500)]);
  const sources = [`${media.origin.url}/live/index.m3u8`, `${spare.origin.url}/live/index.m3u8`];
  const channels = [
    ...KINDS.map((kind) => ({ id: `ch_${kind}`, sources: [`${media.origin.url}/${kind}/index.m3u8`] })),
    { id: "ch_spare", sources },
  ];
  [product, browser] = await Promise.all([startProduct({ config: () => ({ channels }) }), launchBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await product?.stop();
  await media?.stop();
  await spare?.stop();
});

function addressOf(channel: string): string {
  return `${product.edge}/proxy/ch_${channel}/stream.m3u8`;
}

async function play(channel: string, seconds: number, options?: PlayOptions): Promise<Playback> {
  const playback = await playChannel(browser, addressOf(channel), seconds, options);
  expect(playback.advanced).toBeGreaterThan(seconds * 0.8);
  expect(playback.height).toBe(108);
  return playback;
}

describe("in hls.js", () => {
  it("a low-latency channel plays by its parts, which are there when they are asked for", async () => {
    const held = media.held();
    const { trouble, parts } = await play("ll", 5);
    expect(trouble).toEqual([]);
    expect(parts).toBeGreaterThan(5);
    expect(media.held() - held).toBeGreaterThan(5);
  });

  it("an encrypted channel plays with and without IVs, by its key from the channel", async () => {
    const { trouble, keys } = await play("aes", 6);
    expect(trouble).toEqual([]);
    expect(keys).toBeGreaterThan(0);
  });

  it("a channel in byte ranges of one file plays", async () => {
    expect((await play("range", 6)).trouble).toEqual([]);
  });

  it("a channel with several languages plays each of them", async () => {
    const { trouble, audio } = await play("audio", 5, { audioTrack: 1 });
    expect(trouble).toEqual([]);
    expect(Object.keys(audio).sort()).toEqual(["Deutsch", "English"]);
  });
});

// Skipped where ffprobe is not installed.
describe.skipIf(!hasFfprobe)("in ffmpeg", () => {
  it.each(["aes", "range", "audio"])("the %s channel reads whole", async (channel) => {
    const { stdout, stderr } = await run("ffprobe", [
      ...["-v", "error", "-allowed_extensions", "ALL", "-count_packets", "-of", "json"],
      ...["-show_entries", "stream=codec_name,codec_type,nb_read_packets", addressOf(channel)],
    ]);
    expect(stderr).toBe("");
    const { streams } = JSON.parse(stdout) as { streams: Record<string, string>[] };
    const video = streams.find((stream) => stream.codec_type === "video");
    expect([video?.codec_name, Number(video?.nb_read_packets)]).toEqual(["h264", 80]);
    const audio = streams.filter((stream) => stream.codec_type === "audio");
    expect(audio.map(({ codec_name }) => codec_name)).toEqual(
      { aes: ["aac"], range: [], audio: ["aac", "aac"] }[channel],
    );
  });

  it("a live channel is read on while it grows", async () => {
    const { stdout, stderr } = await run("ffprobe", [
      ...[
        "-v",
        "error",
        "-select_streams",
        "v",
        "-count_packets",
        "-read_intervals",
        // By packets: where the pictures begin anew, times go back.
        "%+#60",
        "-of",
        "csv=p=0",
      ],
      ...["-show_entries", "stream=nb_read_packets", addressOf("live")],
    ]);
    expect(stderr).toBe("");
    expect(Number.parseInt(stdout, 10)).toBeGreaterThanOrEqual(40);
  });
});

// Comes last: it takes the first origin away.
describe("failover in hls.js", () => {
  it("goes on with the other source when the first one is gone", async () => {
    const { trouble } = await play("spare", 9, { inBetween: () => media.stop() });
    expect(trouble.filter((text) => text.startsWith("fatal"))).toEqual([]);
    expect(spare.origin.count("/live/index.m3u8")).toBeGreaterThan(0);
  });
});
