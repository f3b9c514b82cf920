// A live HLS origin that counts what it is asked for: a segment every SEGMENT_MS, six in the playlist.

import { startHlsOrigin } from "../support/hls-origin.ts";

const WINDOW = 6;

export interface LiveOrigin {
  readonly url: string;
  readonly segmentMs: number;
  /** Requests of the playlist, and of each segment by its name. */
  playlistRequests(): number;
  segmentRequests(): ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

/** `segmentMs` is also the target duration, so it is a whole number of seconds. */
export async function startLiveOrigin(segmentMs: number, segmentBytes: number): Promise<LiveOrigin> {
  const origin = await startHlsOrigin();
  const startedAt = Date.now();
  const body = Buffer.alloc(segmentBytes, "causeway ");
  const served = new Set<number>();
  origin.on("/live/index.m3u8", (_request, response) => {
    const last = WINDOW + Math.floor((Date.now() - startedAt) / segmentMs);
    const first = last - WINDOW + 1;
    const lines = [
      "#EXTM3U",
      `#EXT-X-TARGETDURATION:${segmentMs / 1_000}`,
      `#EXT-X-MEDIA-SEQUENCE:${first}`,
      ...Array.from({ length: WINDOW }, (_, n) => `#EXTINF:${segmentMs / 1_000},\nseg${first + n}.ts`),
    ];
    for (let n = first; n <= last; n++) serve(n);
    response.end(`${lines.join("\n")}\n`);
  });
  function serve(n: number): void {
    if (served.has(n)) return;
    served.add(n);
    origin.file(`/live/seg${n}.ts`, body, { "content-type": "video/mp2t" });
  }
  return {
    url: `${origin.url}/live/index.m3u8`,
    segmentMs,
    playlistRequests: () => origin.count("/live/index.m3u8"),
    segmentRequests: () => {
      const counts = new Map<string, number>();
      for (const { url } of origin.seen) if (url.endsWith(".ts")) counts.set(url, (counts.get(url) ?? 0) + 1);
      return counts;
    },
    stop: () => origin.stop(),
  };
}
