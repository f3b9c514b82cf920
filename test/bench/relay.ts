// `npm run bench:relay`: one bulk stream through the relay's mixed inbound, down and up, against a bare Node `pipe`
// proxy and whatever peers are installed: MB/s, and MB per CPU-second of the proxy's process. Origin, proxy and client
// are processes of their own; rounds are interleaved. Loopback only; ends by itself after about two minutes.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { claimPort } from "../../relay/serve/listen.ts";
import { cpuSeconds, startScript } from "./children.ts";
import { machineLine, median, medianRatio, table } from "./figures.ts";
import { type Peer, startPeers } from "./relay-peers.ts";

const run = promisify(execFile);
const ROUNDS = 5;
const BYTES = 1024 ** 3;
const MB = 1e6;

interface Figures {
  readonly mbPerS: number[];
  readonly mbPerCpuS: number[];
}

const originPort = await claimPort({ host: "127.0.0.1", port: 0, setting: "port" });
const origin = await startScript("tcp-origin.ts", originPort);
const { peers, missing } = await startPeers(originPort);
try {
  process.stdout.write(`${machineLine()}\n1 GiB per transfer, ${ROUNDS} rounds, ratios against Node pipe\n`);
  if (missing.length > 0) process.stdout.write(`Not installed: ${missing.join(", ")}\n`);
  for (const direction of ["down", "up"] as const) {
    process.stdout.write(
      `\n${direction === "down" ? "Download" : "Upload"}\n\n${await compare(direction)}\n`,
    );
  }
} finally {
  await Promise.all([origin.stop(), ...peers.map(({ child }) => child.stop())]);
}

async function compare(direction: "down" | "up"): Promise<string> {
  const figures = new Map<Peer, Figures>(peers.map((peer) => [peer, { mbPerS: [], mbPerCpuS: [] }]));
  for (const peer of peers) await transfer(peer, direction, BYTES / 4);
  for (let round = 0; round < ROUNDS; round++) {
    for (const peer of peers) {
      const before = cpuSeconds(peer.child.pid);
      const seconds = await transfer(peer, direction, BYTES);
      figures.get(peer)?.mbPerS.push(BYTES / MB / seconds);
      figures.get(peer)?.mbPerCpuS.push(BYTES / MB / (cpuSeconds(peer.child.pid) - before));
    }
    process.stderr.write(`${direction}: round ${round + 1} of ${ROUNDS}\n`);
  }
  return table(["proxy", "MB/s", "ratio", "MB per CPU-s", "ratio"], rows(figures));
}

function rows(figures: ReadonlyMap<Peer, Figures>): string[][] {
  const baseline = [...figures].find(([peer]) => peer.name === "Node pipe")?.[1] ?? {
    mbPerS: [],
    mbPerCpuS: [],
  };
  return [...figures].map(([peer, { mbPerS, mbPerCpuS }]) => [
    peer.name,
    median(mbPerS).toFixed(0),
    medianRatio(mbPerS, baseline.mbPerS).toFixed(2),
    median(mbPerCpuS).toFixed(0),
    medianRatio(mbPerCpuS, baseline.mbPerCpuS).toFixed(2),
  ]);
}

async function transfer(peer: Peer, direction: "down" | "up", bytes: number): Promise<number> {
  const order = { port: peer.port, direction, bytes, ...(peer.isSocks ? { socksTarget: originPort } : {}) };
  const { stdout } = await run(
    process.execPath,
    [join(import.meta.dirname, "tcp-client.ts"), JSON.stringify(order)],
    {
      timeout: 60_000,
    },
  );
  return (JSON.parse(stdout) as { seconds: number }).seconds;
}
