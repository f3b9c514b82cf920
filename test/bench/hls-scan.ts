// Measures the playlist scanner and rewriter beside a round trip through hls-parser, on the playlists that DESIGN and the
// issue name. Ratios count, not times: both sides run here, one after the other, in turns. Alone: node test/bench/hls-scan.ts

import { setTimeout } from "node:timers/promises";
import HlsParser from "hls-parser";
import { Children, type Seals } from "../../shared/hls/children.ts";
import { rewritePlaylist } from "../../shared/hls/rewrite.ts";
import { scanPlaylist } from "../../shared/hls/scan.ts";
import { createSealer } from "../../shared/hls/seal.ts";

export interface ScanFigure {
  readonly name: string;
  /** Median of one run, in microseconds. */
  readonly causewayUs: number;
  readonly parserUs: number;
  /** hls-parser's time as a multiple of Causeway's, and what it should be at least. */
  readonly ratio: number;
  readonly aim: number;
}

const LINES = 40_000;
const RUN_MS = 3_000;
const PAUSE_MS = 20;
const CASES = [
  { name: "10 segments, live, relative", text: playlist(10, (i) => `seg${i}.ts`), aim: 8 },
  { name: "80,000 lines, all relative, untouched", text: playlist(LINES, (i) => `seg${i}.ts`), aim: 10 },
  {
    name: "80,000 lines, all absolute in four directories, sealed",
    text: playlist(LINES, (i) => `https://cdn${i % 4}.example.com/live/channel${i % 4}/seg${i}.ts`),
    aim: 4,
  },
] as const;

function playlist(segments: number, uri: (index: number) => string): string {
  const head = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:1000\n";
  const lines = Array.from({ length: segments }, (_, i) => `#EXTINF:6.000,\n${uri(1_000 + i)}\n`);
  // Flat, as it comes from the network, and not a tree of its parts.
  return new TextDecoder().decode(new TextEncoder().encode(head + lines.join("")));
}

async function realSeals(): Promise<Seals> {
  const sealer = await createSealer(crypto.getRandomValues(new Uint8Array(32)));
  return {
    place: (place) => sealer.seal("directory", JSON.stringify(["ch_a", 0, place.directory, []])),
    query: (query) => sealer.seal("query", query),
    document: (kind, url) => sealer.seal(kind, url),
  };
}

/** As worker/hls/rewriter.ts does it. */
function rewrite(text: string, seals: Seals): string | Promise<string> {
  const found = scanPlaylist(text);
  if (found.stays) return text;
  const base = "https://origin.example/live/index.m3u8";
  const scope = {
    base,
    encoding: "utf-8",
    fragmented: false,
    mirrored: true,
    bound: false,
    hideQuery: true,
  } as const;
  const children = new Children({ ...scope, rest: "stream.m3u8", root: "https://edge/proxy/ch_a/" }, seals);
  const options = {
    mirrored: true,
    bound: false,
    hideQuery: true,
    imported: new Map<string, string>(),
    offers: false,
  };
  return rewritePlaylist(text, children, { playlist: found, ...options });
}

/** Medians of both sides, measured by turns so that whatever else the machine does strikes both. */
async function compare(text: string, seals: Seals): Promise<readonly [number, number]> {
  const ours: number[] = [];
  const theirs: number[] = [];
  const repeat = text.length < 10_000 ? 2_000 : 1;
  const timed = async (times: number[], run: () => unknown): Promise<void> => {
    // What the other side left to the garbage collector is not this one's.
    await setTimeout(PAUSE_MS);
    const started = performance.now();
    for (let i = 0; i < repeat; i++) {
      const result = run();
      if (result instanceof Promise) await result;
    }
    times.push(((performance.now() - started) * 1_000) / repeat);
  };
  const end = performance.now() + RUN_MS;
  while (performance.now() < end) {
    await timed(ours, () => rewrite(text, seals));
    await timed(theirs, () => HlsParser.stringify(HlsParser.parse(text)));
  }
  return [median(ours), median(theirs)];
}

function median(times: number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** The figures of all cases. */
export async function measureScanner(): Promise<ScanFigure[]> {
  const seals = await realSeals();
  const figures: ScanFigure[] = [];
  for (const { name, text, aim } of CASES) {
    await compare(text, seals);
    const [causewayUs, parserUs] = await compare(text, seals);
    figures.push({ name, causewayUs, parserUs, ratio: parserUs / causewayUs, aim });
  }
  return figures;
}

export function formatScanFigures(figures: readonly ScanFigure[]): string {
  return figures
    .map(({ name, causewayUs, parserUs, ratio, aim }) => {
      const verdict = ratio >= aim ? "met" : "missed";
      const times = `${causewayUs.toFixed(1)} us, hls-parser ${parserUs.toFixed(1)} us`;
      return `${name}: ${times}: 1/${ratio.toFixed(1)} (aim 1/${aim}: ${verdict})`;
    })
    .join("\n");
}

if (import.meta.main) {
  console.log(formatScanFigures(await measureScanner()));
}
