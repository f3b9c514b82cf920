// `npm run bench:udpack`: one download at a time through UDPack with each of its engines and through kcptun, every tunnel a
// TCP forward with ends of their own processes and datagrams of 1,400 bytes. On clean loopback; then, beside TCP itself, over
// a link with a bottleneck, 50 ms of round trip, and loss: two network namespaces, which take root, or else a link for
// datagrams alone. Rounds are interleaved; ends by itself after about six minutes. `-- --quick`: one short round; `-- clean` or
// `-- lossy`: that part alone; `-- gib`: 1 GiB per engine instead. Elsewhere's load shows as wide ranges: CPU per GB is
// then the steadier figure.

import { readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { engineOpener } from "../../relay/udpack/engine/open.ts";
import { namedPort } from "../support/named-port.ts";
import { type Child, isInstalled, startScript } from "./children.ts";
import { machineLine } from "./figures.ts";
import { openTunNetwork, type TunNetwork, whyNoTunNetwork } from "./tun-network.ts";
import type { LinkProbe } from "./tun-probe.ts";
import { cleanAims, cleanTable, lossyAims, lossyTable } from "./udpack-aims.ts";
import { gibTable } from "./udpack-gib.ts";
import { LOOPBACK } from "./udpack-side.ts";
import { compare, type Download, warmUp } from "./udpack-transfers.ts";
import { kcptun, MTU, type Path, plainTcp, startTunnel, type Tunnel, udpack } from "./udpack-tunnels.ts";

const QUICK = process.argv.includes("--quick");
const CLEAN_ROUNDS = QUICK ? 3 : 5;
const LOSSY_ROUNDS = QUICK ? 1 : 3;
const MIB = 1024 ** 2;
const MB = 1e6;
const CLEAN: Download = { bytes: (QUICK ? 64 : 256) * MIB, withinMs: 60_000 };
const LOSSY: Download = {
  bytes: (QUICK ? 32 : 64) * MIB,
  withinMs: QUICK ? 4_000 : 8_000,
  shorts: 3,
};
const LOSSES = [0, 0.01, 0.05] as const;
const LINK = { delayMs: 25, rate: 25e6, queueBytes: 1e6 } as const;
/** IPv4 and UDP around each datagram. */
const HEADER_BYTES = 28;
const PROBE_TIMEOUT_MS = 20_000;
/** Of TCP, which is no tunnel: BBR for the record. */
const CONGESTION_CONTROLS = ["bbr", "cubic"] as const;
const WINDOW = 4_096;
/** Packets that the lossy link and its queue hold: more of kcptun's, which knows no congestion, only fill the queue. */
const LINK_WINDOW = 1_536;
const KCPTUN_MODES = ["fast2", "fast3"] as const;

// Otherwise the end would come without its listeners, and namespaces and children would stay. A second signal, which npm and
// terminals send, must not end it sooner.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(1));

const missing: string[] = [];
const aims: string[] = [];
const engines = await workingEngines();
const hasKcptun = ["kcptun-client", "kcptun-server"].every(isInstalled);
if (!hasKcptun) missing.push("kcptun (not installed)");
missing.push(
  isInstalled("hysteria")
    ? "hysteria 2 (its datagrams cannot be set to the same size)"
    : "hysteria 2 (not installed)",
);
say(`${machineLine()}; load average before: ${loadavg()[0]?.toFixed(1)}`);
if (process.argv.includes("gib")) {
  say(`\nClean loopback: one download of 1 GiB\n\n${await gibTable(engines)}`);
} else {
  await everything();
}

async function everything(): Promise<void> {
  say(`UDP payload up to ${MTU} bytes; sockets may ask for ${socketBufferBytes()} bytes of receive buffer.`);
  say("UDPack: relay/udpack/endpoint as a bare TCP forward. kcptun: AES-128, no FEC, no compression;");
  say(
    `of modes ${KCPTUN_MODES.join(" and ")}, on the link also of windows ${WINDOW} and ${LINK_WINDOW}, the fastest in a first transfer.`,
  );
  say(`Not measured: ${missing.join("; ")}.`);
  if (!process.argv.includes("lossy")) await clean();
  if (!process.argv.includes("clean")) await lossy();
  if (aims.length === 0) return;
  say(`\nAims${QUICK ? " (short runs say little of them)" : ""}:\n`);
  for (const aim of aims) say(`- ${aim}`);
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
  const { path, origin } = await loopback();
  try {
    const tunnels = [plainTcp(path), ...(await startAll(path, CLEAN, [WINDOW]))];
    const measured = await compare("clean", tunnels, CLEAN, CLEAN_ROUNDS);
    say(`\nClean loopback: downloads of ${CLEAN.bytes / MIB} MiB, rounds: ${CLEAN_ROUNDS}\n`);
    say(cleanTable(measured));
    aims.push(...cleanAims(measured));
  } finally {
    await origin.stop();
  }
}

async function loopback(): Promise<{ path: Path; origin: Child }> {
  const originPort = await namedPort();
  const origin = await startScript("tcp-origin.ts", originPort);
  return { path: { near: LOOPBACK, far: LOOPBACK, originPort }, origin };
}

/** Over the link that TCP can cross as well, where this machine lets one be made. */
async function lossy(): Promise<void> {
  const network = await tunNetwork();
  if (network === undefined) {
    const { path, origin } = await loopback();
    try {
      for (const loss of LOSSES) await overLink({ ...path, datagramLink: { ...LINK, loss } }, loss);
    } finally {
      await origin.stop();
    }
    return;
  }
  try {
    const { near, far } = network;
    const originPort = await namedPort();
    const script = join(import.meta.dirname, "tcp-origin.ts");
    const args = [script, String(originPort), far.host];
    const origin = await far.start(process.execPath, args, { protocol: "tcp", port: originPort });
    try {
      for (const loss of LOSSES) {
        await network.lose(loss);
        await overLink({ near, far, originPort, network }, loss);
      }
    } finally {
      await origin.stop();
    }
  } finally {
    network.close();
  }
}

async function tunNetwork(): Promise<TunNetwork | undefined> {
  let why = whyNoTunNetwork();
  try {
    if (why === undefined) return await openTunNetwork(LINK, MTU + HEADER_BYTES);
  } catch (error) {
    why = `the system refused: ${String(error)}`;
  }
  say(`\nTCP over the lossy link is left out (two network namespaces with TUN devices: ${why}).`);
  return undefined;
}

async function overLink(path: Path, loss: number): Promise<void> {
  const label = `${loss * 100} % loss`;
  const link = `${LINK.delayMs * 2} ms, ${LINK.rate / MB} MB/s, queue of ${LINK.queueBytes / MB} MB`;
  const probed = path.network && (await probe(path));
  const tunnels = await startAll(path, LOSSY, [WINDOW, LINK_WINDOW]);
  if (path.network) tunnels.push(...CONGESTION_CONTROLS.map((name) => plainTcp(path, name)));
  const measured = await compare(label, tunnels, LOSSY, LOSSY_ROUNDS);
  say(
    `\n${label} each way: ${link}; downloads of ${LOSSY.bytes / MIB} MiB, at most ${LOSSY.withinMs / 1_000} s of them; rounds: ${LOSSY_ROUNDS}; after each ${LOSSY.shorts} of 1 MiB`,
  );
  if (probed) say(`Seen from its ends: ${probed}`);
  say(`\n${lossyTable(measured)}`);
  if (loss > 0) aims.push(...lossyAims(label, measured));
}

/** What the link does, by datagrams of its own. */
async function probe({ near, far }: Path): Promise<string> {
  const port = await namedPort();
  const script = join(import.meta.dirname, "tun-probe.ts");
  const listening = { protocol: "udp", port } as const;
  const echo = await far.start(process.execPath, [script, "echo", far.host, String(port)], listening);
  try {
    const args = [script, "ask", far.host, String(port), String(LINK.rate)];
    const seen = JSON.parse(await near.run(process.execPath, args, PROBE_TIMEOUT_MS)) as LinkProbe;
    const lost = `${(seen.lost * 100).toFixed(2)} % of ${seen.sent} datagrams lost`;
    return `round trip ${seen.rttMs.toFixed(1)} ms, ${lost}, at most ${(seen.bytesPerS / MB).toFixed(1)} MB/s`;
  } finally {
    await echo.stop();
  }
}

/** UDPack's engines and the fastest kcptun, warm. */
async function startAll(path: Path, download: Download, windows: readonly number[]): Promise<Tunnel[]> {
  const tunnels: Tunnel[] = [];
  for (const engine of engines) {
    const tunnel = await startTunnel(udpack(engine), path);
    tunnels.push(tunnel);
    await warmUp(tunnel, download);
  }
  if (hasKcptun) tunnels.push(await fastestKcptun(path, download, windows));
  return tunnels;
}

async function fastestKcptun(path: Path, download: Download, windows: readonly number[]): Promise<Tunnel> {
  let best: { readonly tunnel: Tunnel; readonly mbPerS: number } | undefined;
  for (const window of windows) {
    for (const mode of KCPTUN_MODES) {
      const tunnel = await startTunnel(kcptun({ mode, window }), path);
      const mbPerS = await warmUp(tunnel, download);
      process.stderr.write(`first transfer, ${tunnel.name}: ${mbPerS.toFixed(1)} MB/s\n`);
      const slower = best && best.mbPerS >= mbPerS ? tunnel : best?.tunnel;
      if (best === undefined || mbPerS > best.mbPerS) best = { tunnel, mbPerS };
      await slower?.stop();
    }
  }
  if (best === undefined) throw new Error("Cannot choose settings for kcptun: there are none");
  return best.tunnel;
}
