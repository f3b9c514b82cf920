// `npm run bench:hls`: the playlist scanner beside an hls-parser round trip; what 200 viewers of one live channel ask of its
// origin; cached segments beside nginx and a Worker that only says hello, in turn within the same run; peak memory of
// workerd. Loopback only. `-- --quick` runs one short round of each.

import { readFileSync } from "node:fs";
import { HLS_LIMITS } from "../../shared/limits.ts";
import { namedPort } from "../support/named-port.ts";
import { startProduct } from "../support/product.ts";
import { startBareWorker } from "./bare-worker.ts";
import { startScript } from "./children.ts";
import { machineLine, median, medianRatio, table } from "./figures.ts";
import { startLiveOrigin } from "./hls-origin-live.ts";
import { HAS_NGINX, missingCaches, startCachingNginx } from "./hls-peers.ts";
import { formatScanFigures, measureScanner } from "./hls-scan.ts";
import { watchLive } from "./hls-viewers.ts";
import { GENERATOR, load } from "./http-load.ts";

const QUICK = process.argv.includes("--quick");
const ROUNDS = QUICK ? 1 : 7;
const SECONDS = QUICK ? 1 : 3;
const LIVE_SECONDS = QUICK ? 10 : 60;
const CONNECTIONS = 32;
const VIEWERS = 200;
const SEGMENT_MS = 2_000;
const HELLO = `export default { fetch: () => new Response("x".repeat(1024)) };`;

const originPort = await namedPort();
const nginxPort = await namedPort();
const origin = await startScript("http-origin.ts", originPort);
const live = await startLiveOrigin(SEGMENT_MS, 100_000);
const product = await startProduct({
  config: {
    channels: [
      { id: "ch_live", sources: [live.url] },
      { id: "ch_vod", sources: [`http://127.0.0.1:${originPort}/bytes/index.m3u8`] },
    ],
  },
});
const hello = await startBareWorker(HELLO);
const nginx = HAS_NGINX ? await startCachingNginx(nginxPort, originPort) : undefined;
const edgePort = Number(new URL(product.edge).port);

try {
  process.stdout.write(`${machineLine()}\n\n${formatScanFigures(await measureScanner())}\n\n`);
  await showAudience();
  await showCached();
  process.stdout.write(`Peak memory of workerd: ${peakMib(product.edgePid ?? 0)} MiB\n`);
} finally {
  await Promise.all([product.stop(), hello.stop(), nginx?.stop()]);
  await Promise.all([origin.stop(), live.stop()]);
}

/** How often the origin is asked, whatever the number of viewers. */
async function showAudience(): Promise<void> {
  const url = `${product.edge}/proxy/ch_live/stream.m3u8`;
  const reloadMs = SEGMENT_MS / 2;
  const startedAt = Date.now();
  const audience = await watchLive(url, { viewers: VIEWERS, seconds: LIVE_SECONDS, reloadMs });
  const freshMs = Math.max(SEGMENT_MS / 2, HLS_LIMITS.LIVE_FRESH_MIN_MS);
  const windows = Math.ceil((Date.now() - startedAt) / freshMs) + 1;
  const counts = [...live.segmentRequests().values()];
  const most = Math.max(...counts);
  const playlists = live.playlistRequests();
  const rows = [
    [
      "segments",
      `${audience.segments}`,
      `${counts.length}`,
      `${most} for one (aim 1: ${verdict(most === 1)})`,
    ],
    [
      "playlist",
      `${audience.playlists}`,
      `${playlists}`,
      `in ${windows} freshness windows (aim at most one each: ${verdict(playlists <= windows)})`,
    ],
  ];
  process.stdout.write(
    `${VIEWERS} viewers of one live channel for ${LIVE_SECONDS} s, ${(audience.bytes / 1e6).toFixed(0)} MB, ${audience.failures} failures\n` +
      `${table(["", "viewers' requests", "origin's requests", ""], rows)}\n\n`,
  );
}

function verdict(met: boolean): string {
  return met ? "met" : "missed";
}

interface Side {
  readonly name: string;
  readonly requestsPerS: (bytes: number) => Promise<number>;
}

async function showCached(): Promise<void> {
  const sides: Side[] = [
    { name: "causeway", requestsPerS: (bytes) => measured(edgePort, `/proxy/ch_vod/${bytes}.ts`) },
    ...(nginx
      ? [{ name: "nginx", requestsPerS: (bytes: number) => measured(nginxPort, `/bytes/${bytes}`) }]
      : []),
    { name: "hello worker", requestsPerS: () => measured(hello.port, "/") },
  ];
  const rows: string[][] = [];
  for (const bytes of [1_024, 64 * 1024, 1024 * 1024]) rows.push(...(await compared(bytes, sides)));
  process.stdout.write(
    `Cached segments, ${CONNECTIONS} connections by ${GENERATOR}, ${ROUNDS} rounds of ${SECONDS} s\n` +
      `${table(["segment", "", "requests/s", "MB/s", "causeway's share"], rows)}\n`,
  );
  const missing = missingCaches();
  if (missing.length > 0) process.stdout.write(`Not installed, so not measured: ${missing.join(", ")}\n`);
  process.stdout.write("\n");
}

/** All sides in turn. The hello Worker answers 1 KB whatever is asked for, so it is shown there only. */
async function compared(bytes: number, all: readonly Side[]): Promise<string[][]> {
  const sides = bytes === 1_024 ? all : all.filter(({ name }) => name !== "hello worker");
  const figures = new Map<string, number[]>(sides.map(({ name }) => [name, []]));
  for (const side of sides) await side.requestsPerS(bytes);
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, requestsPerS } of sides) figures.get(name)?.push(await requestsPerS(bytes));
    process.stderr.write(`${bytes} bytes: round ${round + 1} of ${ROUNDS}\n`);
  }
  const own = figures.get("causeway") ?? [];
  return sides.map(({ name }) => {
    const list = figures.get(name) ?? [];
    const rate = median(list);
    const share = name === "causeway" ? "" : medianRatio(own, list).toFixed(2);
    return [`${bytes / 1024} KiB`, name, rate.toFixed(0), ((rate * bytes) / 1e6).toFixed(0), share];
  });
}

async function measured(to: number, path: string): Promise<number> {
  const figures = await load({
    port: to,
    host: "127.0.0.1",
    path,
    connections: CONNECTIONS,
    seconds: SECONDS,
  });
  if (figures.errors > 0) throw new Error(`${figures.errors} requests failed: the figures would not compare`);
  return figures.requestsPerS;
}

/** Linux only; 0 elsewhere. */
function peakMib(pid: number): number {
  try {
    const [, kib = "0"] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return Math.round(Number(kib) / 1024);
  } catch {
    return 0;
  }
}
