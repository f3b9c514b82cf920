// Downloads through the tunnels of `npm run bench:udpack`: what they took, in rounds in which every tunnel has its turn.

import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { cpuSeconds } from "./children.ts";
import type { Tunnel } from "./udpack-tunnels.ts";

const MB = 1e6;
const GB = 1e9;
/** A page's picture, or a segment of a channel. */
const SHORT_BYTES = 1024 ** 2;
/** The first transfer through each tunnel, which does not count, as a part of the others. */
const FIRST_PART = 1 / 4;
/** A client that does not end by itself. */
const HUNG_MS = 30_000;
/** After a download that was broken off, until what was under way has come. */
const SETTLE_MS = 500;

export interface Figures {
  readonly mbPerS: number[];
  readonly cpuSPerGb: number[];
  /** Bytes on the wire for each byte of payload: with it, and against it. */
  readonly wireDown: number[];
  readonly wireUp: number[];
  /** What short downloads took. */
  readonly shortMs: number[];
}

/** What each tunnel is asked for; one that is slow is broken off, and what has come counts. */
export interface Download {
  readonly bytes: number;
  readonly withinMs: number;
  /** Short downloads after each, one after the other: 1 MiB each. */
  readonly shorts?: number;
}

interface Transferred {
  /** From the request to the last byte. */
  readonly seconds: number;
  readonly bytes: number;
}

/** Measures the tunnels in rounds and stops them. */
export async function compare(
  label: string,
  tunnels: readonly Tunnel[],
  download: Download,
  rounds: number,
): Promise<ReadonlyMap<Tunnel, Figures>> {
  const figures = new Map<Tunnel, Figures>(
    tunnels.map((tunnel) => [tunnel, { mbPerS: [], cpuSPerGb: [], wireDown: [], wireUp: [], shortMs: [] }]),
  );
  try {
    for (let round = 0; round < rounds; round++) {
      for (const [tunnel, own] of figures) await measure(tunnel, own, download);
      process.stderr.write(`${label}: round ${round + 1} of ${rounds}\n`);
    }
  } finally {
    await Promise.all(tunnels.map((tunnel) => tunnel.stop()));
  }
  return figures;
}

/** A shorter download that only warms the tunnel up; its MB/s. */
export async function warmUp(tunnel: Tunnel, { bytes, withinMs }: Download): Promise<number> {
  const first = await transfer(tunnel, { bytes: bytes * FIRST_PART, withinMs });
  return first.bytes / MB / first.seconds;
}

async function measure(tunnel: Tunnel, figures: Figures, download: Download): Promise<void> {
  const [cpu, counts] = [cpuOf(tunnel), await tunnel.counts()];
  const { bytes, seconds } = await transfer(tunnel, download);
  figures.mbPerS.push(bytes / MB / seconds);
  figures.cpuSPerGb.push((cpuOf(tunnel) - cpu) / (bytes / GB));
  const after = await tunnel.counts();
  if (counts !== undefined && after !== undefined) {
    figures.wireDown.push((after.down - counts.down) / bytes);
    figures.wireUp.push((after.up - counts.up) / bytes);
  }
  for (let i = 0; i < (download.shorts ?? 0); i++) {
    const short = await transfer(tunnel, { bytes: SHORT_BYTES, withinMs: download.withinMs });
    figures.shortMs.push(short.seconds * 1_000);
  }
}

/** CPU seconds of both ends together; NaN where there are none. */
function cpuOf({ ends }: Tunnel): number {
  return ends.length === 0 ? Number.NaN : ends.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0);
}

async function transfer(tunnel: Tunnel, download: Download): Promise<Transferred> {
  const { host, name, near, port } = tunnel;
  const { bytes, withinMs } = download;
  const script = join(import.meta.dirname, "tcp-client.ts");
  const order = JSON.stringify({ host, port, direction: "down", bytes, withinMs });
  try {
    await tunnel.prepare();
    const output = await near.run(process.execPath, [script, order], withinMs + HUNG_MS);
    const transferred = JSON.parse(output) as Transferred;
    if (transferred.bytes < bytes) await delay(SETTLE_MS);
    return transferred;
  } catch (error) {
    throw new Error(`Cannot transfer ${bytes} bytes through ${name}`, { cause: error });
  }
}
