// `npm run bench:relay`: the relay's mixed inbound against a bare Node `pipe` proxy and whatever peers are installed. Bulk, one
// stream down and up: MB/s, and MB per CPU-second of the proxy's process; connections per second; small requests during bulk;
// memory of idle connections. Origin, proxy and client are processes of their own; rounds are interleaved. Loopback only; ends
// by itself after about five minutes. With an argument, one part: bulk, rate, small or idle.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { namedPort } from "../support/named-port.ts";
import { cpuSeconds, startScript } from "./children.ts";
import { machineLine, median, medianRatio, table } from "./figures.ts";
import { idleMemory, pathOf, smallDuringBulk } from "./relay-load.ts";
import { type Peer, startPeers } from "./relay-peers.ts";
import { connectionRate, missingForRate, type Rate, startRateOrigin } from "./relay-rate.ts";

const run = promisify(execFile);
const ROUNDS = 5;
const BYTES = 1024 ** 3;
const MB = 1e6;
const RATE_ROUNDS = 3;
const RATE_SECONDS = 4;
const SMALL_SECONDS = 5;
const IDLE_CONNECTIONS = 10_000;

interface Figures {
  readonly mbPerS: number[];
  readonly mbPerCpuS: number[];
}

const originPort = await namedPort();
const origin = await startScript("tcp-origin.ts", originPort);
const { peers, missing, directory } = await startPeers(originPort);
const basic = peers.filter(({ isVariant }) => isVariant !== true);
const PARTS: Readonly<Record<string, () => Promise<void>>> = { bulk, rate, small, idle };
try {
  say(machineLine());
  if (missing.length > 0) say(`Not installed: ${missing.join(", ")}`);
  const wanted = process.argv[2];
  for (const [name, part] of Object.entries(PARTS)) if (wanted === undefined || wanted === name) await part();
} finally {
  await Promise.all([origin.stop(), ...peers.map(({ child }) => child.stop())]);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function bulk(): Promise<void> {
  say(`\n1 GiB per transfer, ${ROUNDS} rounds, ratios against Node pipe`);
  for (const direction of ["down", "up"] as const)
    say(`\n${direction === "down" ? "Download" : "Upload"}\n\n${await compare(direction)}`);
}

async function compare(direction: "down" | "up"): Promise<string> {
  const figures = new Map<Peer, Figures>(basic.map((peer) => [peer, { mbPerS: [], mbPerCpuS: [] }]));
  for (const peer of basic) await transfer(peer, direction, BYTES / 4);
  for (let round = 0; round < ROUNDS; round++) {
    for (const peer of basic) {
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
  const order = { ...pathOf(peer, originPort), direction, bytes };
  const script = join(import.meta.dirname, "tcp-client.ts");
  const { stdout } = await run(process.execPath, [script, JSON.stringify(order)], { timeout: 60_000 });
  return (JSON.parse(stdout) as { seconds: number }).seconds;
}

async function rate(): Promise<void> {
  const needed = missingForRate();
  if (needed.length > 0) return say(`\nConnections per second: not measured without ${needed.join(" and ")}`);
  const target = await startRateOrigin(directory);
  const rated = new Map<Peer, Rate[]>(peers.filter(({ isSocks }) => isSocks).map((peer) => [peer, []]));
  const measure = (peer: Peer, seconds: number) =>
    connectionRate(peer, { directory, originPort: target.port, seconds });
  try {
    for (const peer of rated.keys()) await measure(peer, 2);
    for (let round = 0; round < RATE_ROUNDS; round++) {
      for (const [peer, rates] of rated) rates.push(await measure(peer, RATE_SECONDS));
      process.stderr.write(`rate: round ${round + 1} of ${RATE_ROUNDS}\n`);
    }
  } finally {
    await target.child.stop();
  }
  const fastest = [...rated].find(([peer]) => peer.name === "microsocks")?.[1] ?? [];
  const lines = [...rated].map(([peer, rates]) => {
    const perS = rates.map((figure) => figure.perS);
    const ratio = medianRatio(
      perS,
      fastest.map((figure) => figure.perS),
    );
    return [
      peer.name,
      median(perS).toFixed(0),
      ratio.toFixed(2),
      median(rates.map(({ cpuUs }) => cpuUs)).toFixed(0),
    ];
  });
  const head = ["proxy", "connections/s", "ratio to microsocks", "CPU us each"];
  say(
    `\nConnections per second, one request of 2 bytes each (origin: ${target.name})\n\n${table(head, lines)}`,
  );
}

async function small(): Promise<void> {
  const lines: string[][] = [];
  for (const peer of basic) {
    const { count, p50, p99 } = await smallDuringBulk(pathOf(peer, originPort), SMALL_SECONDS);
    lines.push([peer.name, String(count), p50.toFixed(2), p99.toFixed(2)]);
  }
  const head = ["proxy", "requests", "p50 ms", "p99 ms"];
  say(`\nSmall requests, each on a new connection, during one bulk download\n\n${table(head, lines)}`);
}

async function idle(): Promise<void> {
  const lines: string[][] = [];
  for (const peer of peers) {
    // An origin for each, or the machine has no ports left for one: closed connections hold theirs for a minute.
    const ownPort = await namedPort();
    const own = await startScript("tcp-origin.ts", ownPort);
    const idle = await idleMemory(peer, pathOf(peer, ownPort), IDLE_CONNECTIONS);
    await own.stop();
    process.stderr.write(`idle: ${peer.name}\n`);
    const figures =
      idle === undefined ? ["fewer", "-"] : [String(idle.opened), (idle.bytesEach / 1024).toFixed(1)];
    lines.push([peer.name, ...figures]);
  }
  const head = ["proxy", "open", "KiB each"];
  say(
    `\nMemory of the proxy's processes per idle connection, ${IDLE_CONNECTIONS} asked for\n\n${table(head, lines)}`,
  );
}
