// A test player: hls.js on a page of its own origin, as a player on somebody's site would be.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import type HlsClass from "hls.js";
import type { Browser } from "playwright-core";

declare global {
  interface Window {
    Hls: typeof HlsClass;
    inBetween(): Promise<void>;
  }
}

/** What was seen while a channel played. */
export interface Playback {
  /** Seconds from the first moving picture until the end of watching. */
  elapsed: number;
  /** Seconds that the picture moved on in that time. */
  advanced: number;
  /** Everything that interrupted it, in order; empty when it was smooth. */
  trouble: string[];
  /** Pictures decoded, and their height. */
  frames: number;
  height: number;
  /** Partial segments loaded, and keys. */
  parts: number;
  keys: number;
  /** Names of the audio tracks, and how many segments of each were loaded. */
  audio: Record<string, number>;
}

export interface PlayOptions {
  /** Changes to the audio track of this index in the middle. */
  readonly audioTrack?: number;
  /** Run in the middle. */
  readonly inBetween?: () => Promise<void>;
}

const PAGE = `<!doctype html><title>Player</title><video muted playsinline></video><script src="/hls.js"></script>`;

/** Plays `playlist` for `seconds` in a page of its own and reports how it went. */
export async function playChannel(
  browser: Browser,
  playlist: string,
  seconds: number,
  { audioTrack, inBetween }: PlayOptions = {},
): Promise<Playback> {
  const library = await readFile(createRequire(import.meta.url).resolve("hls.js/dist/hls.min.js"));
  const server = createServer((request, response) => {
    const script = request.url === "/hls.js";
    response.setHeader("Content-Type", script ? "text/javascript" : "text/html");
    response.end(script ? library : PAGE);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const page = await browser.newPage();
  try {
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.exposeFunction("inBetween", async () => inBetween?.());
    return await page.evaluate(playInPage, { playlist, seconds, audioTrack });
  } finally {
    await page.close();
    server.closeAllConnections();
    server.close();
  }
}

/** Runs in the page. Rejects when playback has not begun after 15 s. */
async function playInPage({
  playlist,
  seconds,
  audioTrack,
}: {
  playlist: string;
  seconds: number;
  audioTrack: number | undefined;
}): Promise<Playback> {
  const video = document.querySelector("video");
  if (!video) throw new Error("Cannot play: the page has no video element");
  const trouble: string[] = [];
  let begun = false;
  for (const name of ["waiting", "stalled", "error", "pause", "ended"]) {
    video.addEventListener(name, () => begun && trouble.push(`${name} at ${video.currentTime.toFixed(2)}`));
  }
  const hls = new window.Hls({ startFragPrefetch: true });
  hls.on(window.Hls.Events.ERROR, (_, { fatal, details, response }) => {
    if (fatal || begun) trouble.push(`${fatal ? "fatal " : ""}${details} ${response?.code ?? ""}`);
  });
  let parts = 0;
  let keys = 0;
  const audio: Record<string, number> = {};
  hls.on(window.Hls.Events.FRAG_LOADED, (_, { frag, part }) => {
    if (part) parts++;
    const track = frag.type === "audio" ? hls.audioTracks[frag.level]?.name : undefined;
    if (track !== undefined) audio[track] = (audio[track] ?? 0) + 1;
  });
  hls.on(window.Hls.Events.KEY_LOADED, () => keys++);
  hls.loadSource(playlist);
  hls.attachMedia(video);
  await new Promise<void>((resolve, reject) => {
    const late = (): void =>
      reject(new Error(`Cannot play ${playlist}: ${trouble.join(", ") || "nothing came"}`));
    setTimeout(late, 15_000);
    video.addEventListener("timeupdate", () => video.currentTime > 0 && !video.seeking && resolve());
    void video.play().catch(() => undefined);
  });
  begun = true;
  const startedAt = performance.now();
  const from = video.currentTime;
  await new Promise((resolve) => setTimeout(resolve, seconds * 500));
  if (audioTrack !== undefined) hls.audioTrack = audioTrack;
  await window.inBetween();
  await new Promise((resolve) => setTimeout(resolve, seconds * 500));
  const elapsed = (performance.now() - startedAt) / 1000;
  const advanced = video.currentTime - from;
  const frames = video.getVideoPlaybackQuality().totalVideoFrames;
  const height = video.videoHeight;
  hls.destroy();
  return { elapsed, advanced, trouble: trouble.slice(0, 20), frames, height, parts, keys, audio };
}
