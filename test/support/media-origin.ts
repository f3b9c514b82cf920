// An origin with real media, in the kinds that players treat differently: live, low latency, encrypted, in byte ranges of
// one file, with several languages. See media/README.md for what it is made of.

import { createCipheriv } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { type HlsOrigin, startHlsOrigin } from "./hls-origin.ts";

const MEDIA = new URL("./media/", import.meta.url);
const PART_MS = 500;
/** Of a segment. */
const PARTS = 2;
/** Segments until the media begins anew. */
const LOOP = 8;
/** Segments in a live playlist. */
const WINDOW = 6;
/** Segments back for which parts are listed. */
const PARTS_LISTED = 3;
const KEY = Buffer.from("0123456789abcdef");

export interface MediaOrigin {
  readonly origin: HlsOrigin;
  /** Reloads that were held until what they asked for was there. */
  readonly held: () => number;
  stop(): Promise<void>;
}

/**
 * Serves `/live/`, `/ll/`, `/aes/`, `/range/` and `/audio/`, each with an `index.m3u8`. Live ones count from `first`: two
 * origins that count differently are two sources of one channel as providers have them.
 */
export async function startMediaOrigin(first = 0): Promise<MediaOrigin> {
  const origin = await startHlsOrigin();
  const parts = await Promise.all(
    Array.from({ length: LOOP * PARTS }, (_, n) => readMedia(`part-${String(n).padStart(2, "0")}.mpegts`)),
  );
  const clock = new LiveClock(first);
  serveLive(origin, clock, parts);
  serveEncrypted(origin, parts);
  const files = await Promise.all(
    ["video", "en", "de"].map(async (name) => [name, ...(await track(name))] as const),
  );
  for (const [name, playlist, media] of files) {
    for (const folder of ["range", "audio"]) {
      origin.file(`/${folder}/${name}.m3u8`, playlist);
      origin.file(`/${folder}/${name}.mp4`, media, { "content-type": "video/mp4" });
    }
    if (name === "video") origin.file("/range/index.m3u8", playlist);
  }
  origin.file("/audio/index.m3u8", MASTER);
  return { origin, held: () => clock.held, stop: () => origin.stop() };
}

function readMedia(name: string): Promise<Buffer> {
  return readFile(new URL(name, MEDIA));
}

async function track(name: string): Promise<[playlist: string, media: Buffer]> {
  return [String(await readMedia(`${name}.m3u8`)), await readMedia(`${name}.mp4`)];
}

const MASTER = `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="English",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,URI="en.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="Deutsch",LANGUAGE="de",AUTOSELECT=YES,URI="de.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=100000,CODECS="avc1.4d400c,mp4a.40.2",RESOLUTION=192x108,AUDIO="a"
video.m3u8
`;

/** What of a live stream is there by now. */
class LiveClock {
  readonly first: number;
  held = 0;
  /** As if it had been going on for a whole window. */
  readonly #startedAt = Date.now() - WINDOW * PARTS * PART_MS;

  constructor(first: number) {
    this.first = first;
  }

  /** Parts so far. */
  get parts(): number {
    return Math.floor((Date.now() - this.#startedAt) / PART_MS);
  }

  /** Waits until so many parts are there. */
  async until(parts: number): Promise<void> {
    if (this.parts >= parts) return;
    this.held++;
    await wait(this.#startedAt + parts * PART_MS - Date.now() + 1);
  }
}

function serveLive(origin: HlsOrigin, clock: LiveClock, parts: readonly Buffer[]): void {
  origin.on("/live/index.m3u8", (_, response) => sendText(response, livePlaylist(clock, false)));
  origin.on("/ll/index.m3u8", async (_, response, url) => {
    const msn = url.searchParams.get("_HLS_msn");
    const part = url.searchParams.get("_HLS_part") ?? PARTS - 1;
    if (msn !== null) await clock.until((Number(msn) - clock.first) * PARTS + Number(part) + 1);
    sendText(response, livePlaylist(clock, true));
  });
  for (const folder of ["live", "ll"]) {
    for (let n = 0; n < 100; n++) {
      const media = Array.from(
        { length: PARTS },
        (_, p) => parts[((n % LOOP) * PARTS + p) % parts.length] ?? Buffer.of(),
      );
      origin.file(`/${folder}/${clock.first + n}.ts`, Buffer.concat(media));
      for (const [p, body] of media.entries()) {
        const name = `/${folder}/${clock.first + n}.${p}.ts`;
        origin.on(name, async (_, response) => {
          await clock.until(n * PARTS + p + 1);
          response
            .writeHead(200, { "content-length": body.byteLength, "content-type": "video/mp2t" })
            .end(body);
        });
      }
    }
  }
}

function sendText(response: ServerResponse, text: string): void {
  response.writeHead(200, { "content-type": "application/vnd.apple.mpegurl" }).end(text);
}

function livePlaylist(clock: LiveClock, lowLatency: boolean): string {
  const done = clock.parts;
  const whole = Math.floor(done / PARTS);
  const oldest = Math.max(0, whole - WINDOW);
  const lines = ["#EXTM3U", "#EXT-X-VERSION:9", "#EXT-X-TARGETDURATION:1"];
  if (lowLatency) {
    lines.push("#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5,HOLD-BACK=3.0");
    lines.push("#EXT-X-PART-INF:PART-TARGET=0.5");
  }
  lines.push(`#EXT-X-MEDIA-SEQUENCE:${clock.first + oldest}`);
  lines.push(`#EXT-X-DISCONTINUITY-SEQUENCE:${Math.floor(Math.max(0, oldest - 1) / LOOP)}`);
  for (let n = oldest; n <= whole; n++) {
    if (n > 0 && n % LOOP === 0) lines.push("#EXT-X-DISCONTINUITY");
    const listed = Math.min(PARTS, done - n * PARTS);
    if (lowLatency && n > whole - PARTS_LISTED)
      for (let p = 0; p < listed; p++)
        lines.push(`#EXT-X-PART:DURATION=0.5,URI="${clock.first + n}.${p}.ts",INDEPENDENT=YES`);
    if (n < whole) lines.push("#EXTINF:1.0,", `${clock.first + n}.ts`);
  }
  if (lowLatency) lines.push(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${clock.first + whole}.${done % PARTS}.ts"`);
  return `${lines.join("\n")}\n`;
}

/** Without an IV the sequence number is one (RFC 8216 section 5.2): the first half says it, the second does not. */
function serveEncrypted(origin: HlsOrigin, parts: readonly Buffer[]): void {
  origin.file("/aes/the.key", KEY, { "content-type": "application/octet-stream" });
  const lines = ["#EXTM3U", "#EXT-X-VERSION:5", "#EXT-X-TARGETDURATION:1", "#EXT-X-MEDIA-SEQUENCE:7"];
  for (const [n, media] of parts.entries()) {
    const iv = Buffer.alloc(16);
    iv.writeUInt32BE(n < LOOP ? 0xc0ffee : 7 + n, 12);
    if (n === 0) lines.push(`#EXT-X-KEY:METHOD=AES-128,URI="the.key",IV=0x${iv.toString("hex")}`);
    if (n === LOOP) lines.push('#EXT-X-KEY:METHOD=AES-128,URI="the.key"');
    const cipher = createCipheriv("aes-128-cbc", KEY, iv);
    origin.file(`/aes/${n}.ts`, Buffer.concat([cipher.update(media), cipher.final()]));
    lines.push("#EXTINF:0.5,", `${n}.ts`);
  }
  origin.file("/aes/index.m3u8", `${lines.join("\n")}\n#EXT-X-ENDLIST\n`);
}
