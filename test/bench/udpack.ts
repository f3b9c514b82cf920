// `npm run bench:udpack`: one download at a time through UDPack with each of its engines and through kcptun, every tunnel a
// TCP forward with ends of their own processes and datagrams of 1,400 bytes. On clean loopback, then over a link in user space
// with a bottleneck, 50 ms of round trip, and loss. MB/s, CPU of both ends, bytes on the wire; rounds are interleaved. Loopback
// only; ends by itself after about five minutes. `-- --quick`: one short round; `-- clean` or `-- lossy`: that part
// alone. Elsewhere's load shows as wide ranges: CPU per GB is then the steadier figure.

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { claimPort } from "../../relay/serve/listen.ts";
import { engineOpener } from "../../relay/udpack/engine/open.ts";
import { isInstalled, startScript } from "./children.ts";
import { machineLine, median, medianRatio, table } from "./figures.ts";
import { kcptun, MTU, type Path, plainTcp, startTunnel, type Tunnel, udpack } from "./udpack-tunnels.ts";

const run = promisify(execFile);
const QUICK = process.argv.includes("--quick");
const ROUNDS = QUICK ? 1 : 3;
const MIB = 1024 ** 2;
const CLEAN_BYTES = (QUICK ? 64 : 256) * MIB;
const LOSSY_BYTES = (QUICK ? 16 : 64) * MIB;
/** The first transfer through each tunnel, which does not count, as a part of the others. */
const FIRST_PART = 1 / 4;
const TRANSFER_TIMEOUT_MS = 120_000;
const MB = 1e6;
const GB = 1e9;
const LOSSES = [0, 0.01, 0.05] as const;
const LINK = { delayMs: 25, rate: 25e6, queueBytes: 1e6 } as const;
const WINDOW = 4_096;
/** Packets that the lossy link and its queue hold: more of kcptun's, which knows no congestion, only fill the queue. */
const LINK_WINDOW = 1_536;
const SPEED_HEAD = [
  "tunnel",
  "MB/s",
  "from-to",
  "ratio to kcptun",
  "CPU-s per GB",
  "ratio to kcptun",
] as const;
const KCPTUN_MODES = ["fast2", "fast3"] as const;

interface Figures {
  readonly mbPerS: number[];
  readonly cpuSPerGb: number[];
  /** Bytes on the wire for each byte of payload: with it, and against it. */
  readonly wireDown: number[];
  readonly wireUp: number[];
}

const missing: string[] = [];
const engines = await workingEngines();
const hasKcptun = ["kcptun-client", "kcptun-server"].every(isInstalled);
if (!hasKcptun) missing.push("kcptun (not installed)");
missing.push(
  isInstalled("hysteria")
    ? "hysteria 2 (its datagrams cannot be set to the same size)"
    : "hysteria 2 (not installed)",
  "TCP over the lossy link (it would take network namespaces joined by a TUN device, and root)",
);
const originPort = await claimPort({ host: "127.0.0.1", port: 0, setting: "port" });
const origin = await startScript("tcp-origin.ts", originPort);
try {
  const load = loadavg()[0] ?? Number.NaN;
  say(`${machineLine()}; load average before: ${load.toFixed(1)}`);
  say(`UDP payload up to ${MTU} bytes; sockets may ask for ${socketBufferBytes()} bytes of receive buffer.`);
  say("UDPack: relay/udpack/endpoint as a bare TCP forward. kcptun: AES-128, no FEC, no compression;");
  say(
    `of modes ${KCPTUN_MODES.join(" and ")}, on the link also of windows ${WINDOW} and ${LINK_WINDOW}, the fastest in a first transfer.`,
  );
  say(`Not measured: ${missing.join("; ")}.`);
  if (!process.argv.includes("lossy")) await clean();
  if (!process.argv.includes("clean")) for (const loss of LOSSES) await lossy(loss);
} finally {
  await origin.stop();
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** The offload engine is only named where it really runs. */
async function workingEngines(): Promise<("portable" | "offload")[]> {
  const listener = { received() {}, drained() {}, ended() {} };
  const engine = await engineOpener(true)({ address: "127.0.0.1", port: 0, listener });
  engine.close();
  if (engine.kind === "offload") return ["portable", "offload"];
  missing.push("UDPack offload (this Node or kernel does not have it)");
  return ["portable"];
}

function socketBufferBytes(): string {
  try {
    return readFileSync("/proc/sys/net/core/rmem_max", "utf8").trim();
  } catch {
    return "an unknown number of";
  }
}

async function clean(): Promise<void> {
  const tunnels = [plainTcp(originPort), ...(await startAll(CLEAN_BYTES, [WINDOW]))];
  const figures = await compare("clean", tunnels, CLEAN_BYTES);
  say(`\nClean loopback: downloads of ${CLEAN_BYTES / MIB} MiB, rounds: ${ROUNDS}\n`);
  say(table(SPEED_HEAD, rows(figures, speedCells)));
}

async function lossy(loss: number): Promise<void> {
  const tunnels = await startAll(LOSSY_BYTES, [WINDOW, LINK_WINDOW], { ...LINK, loss });
  const figures = await compare(`${loss * 100} % loss`, tunnels, LOSSY_BYTES);
  const link = `${LINK.delayMs * 2} ms, ${LINK.rate / MB} MB/s, queue of ${LINK.queueBytes / MB} MB`;
  say(`\n${loss * 100} % loss: ${link}; downloads of ${LOSSY_BYTES / MIB} MiB, rounds: ${ROUNDS}\n`);
  say(
    table(
      [...SPEED_HEAD, "wire bytes per byte", "and back"],
      rows(figures, (own, base) => [
        ...speedCells(own, base),
        median(own.wireDown).toFixed(3),
        median(own.wireUp).toFixed(3),
      ]),
    ),
  );
}

/** UDPack's engines and the fastest kcptun, warm. */
async function startAll(bytes: number, windows: readonly number[], path?: Path): Promise<Tunnel[]> {
  const tunnels: Tunnel[] = [];
  for (const engine of engines) {
    const tunnel = await startTunnel(udpack(engine), originPort, path);
    tunnels.push(tunnel);
    await transfer(tunnel, bytes * FIRST_PART);
  }
  if (hasKcptun) tunnels.push(await fastestKcptun(bytes, windows, path));
  return tunnels;
}

async function fastestKcptun(bytes: number, windows: readonly number[], path?: Path): Promise<Tunnel> {
  let best: { readonly tunnel: Tunnel; readonly seconds: number } | undefined;
  for (const window of windows) {
    for (const mode of KCPTUN_MODES) {
      const tunnel = await startTunnel(kcptun({ mode, window }), originPort, path);
      const seconds = await transfer(tunnel, bytes * FIRST_PART);
      process.stderr.write(
        `first transfer, ${tunnel.name}: ${((bytes * FIRST_PART) / MB / seconds).toFixed(1)} MB/s\n`,
      );
      const slower = best && best.seconds <= seconds ? tunnel : best?.tunnel;
      if (best === undefined || seconds < best.seconds) best = { tunnel, seconds };
      await slower?.stop();
    }
  }
  if (best === undefined) throw new Error("Cannot choose settings for kcptun: there are none");
  return best.tunnel;
}

/** Measures and stops the tunnels. */
async function compare(
  label: string,
  tunnels: readonly Tunnel[],
  bytes: number,
): Promise<ReadonlyMap<Tunnel, Figures>> {
  const figures = new Map<Tunnel, Figures>(
    tunnels.map((tunnel) => [tunnel, { mbPerS: [], cpuSPerGb: [], wireDown: [], wireUp: [] }]),
  );
  try {
    for (let round = 0; round < ROUNDS; round++) {
      for (const [tunnel, own] of figures) await measure(tunnel, own, bytes);
      process.stderr.write(`${label}: round ${round + 1} of ${ROUNDS}\n`);
    }
  } finally {
    await Promise.all(tunnels.map((tunnel) => tunnel.stop()));
  }
  return figures;
}

async function measure(tunnel: Tunnel, figures: Figures, bytes: number): Promise<void> {
  const [cpu, counts] = [tunnel.cpu(), await tunnel.counts()];
  figures.mbPerS.push(bytes / MB / (await transfer(tunnel, bytes)));
  figures.cpuSPerGb.push((tunnel.cpu() - cpu) / (bytes / GB));
  const after = await tunnel.counts();
  if (counts === undefined || after === undefined) return;
  figures.wireDown.push((after.down - counts.down) / bytes);
  figures.wireUp.push((after.up - counts.up) / bytes);
}

/** Seconds from the request to the last byte. */
async function transfer(tunnel: Tunnel, bytes: number): Promise<number> {
  const script = join(import.meta.dirname, "tcp-client.ts");
  const order = JSON.stringify({ port: tunnel.port, direction: "down", bytes });
  try {
    const { stdout } = await run(process.execPath, [script, order], { timeout: TRANSFER_TIMEOUT_MS });
    return (JSON.parse(stdout) as { seconds: number }).seconds;
  } catch (error) {
    throw new Error(`Cannot transfer ${bytes} bytes through ${tunnel.name}`, { cause: error });
  }
}

function rows(
  figures: ReadonlyMap<Tunnel, Figures>,
  cells: (own: Figures, base: Figures | undefined) => readonly string[],
): string[][] {
  const base = [...figures].find(([{ name }]) => name.startsWith("kcptun"))?.[1];
  return [...figures].map(([{ name }, own]) => [name, ...cells(own, base)]);
}

function speedCells({ mbPerS, cpuSPerGb }: Figures, base: Figures | undefined): string[] {
  return [
    figure(median(mbPerS), 1),
    `${Math.min(...mbPerS).toFixed(1)}-${Math.max(...mbPerS).toFixed(1)}`,
    figure(medianRatio(mbPerS, base?.mbPerS ?? []), 2),
    figure(median(cpuSPerGb), 1),
    figure(medianRatio(cpuSPerGb, base?.cpuSPerGb ?? []), 2),
  ];
}

function figure(value: number, digits: number): string {
  return Number.isNaN(value) ? "-" : value.toFixed(digits);
}
