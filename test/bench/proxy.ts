// `npm run bench:proxy`: what the reverse proxy costs beside Workers of a few lines that do the least of the same job, on the
// same workerd build, in turn within the same run: requests/s with every feature configured and none used, CPU time of
// metered bodies, WebSocket round trips. nginx and Caddy where installed, for the record. Loopback only.
// `-- --quick` runs one short round of each.

import { get } from "node:http";
import { namedPort } from "../support/named-port.ts";
import { startProduct } from "../support/product.ts";
import { allFeaturesHost } from "./all-features.ts";
import { type Case, compareAll } from "./bare-comparison.ts";
import { byobLoopScript, passthroughScript, socketPumpScript, startByEachWay } from "./bare-worker.ts";
import { cpuSeconds, startScript } from "./children.ts";
import { machineLine, median, table } from "./figures.ts";
import { GENERATOR, load } from "./http-load.ts";
import { HTTP_PEERS, installedPeers, missingPeers } from "./http-peers.ts";
import { loadSockets } from "./socket-load.ts";

const QUICK = process.argv.includes("--quick");
const ROUNDS = QUICK ? 1 : 7;
const SECONDS = QUICK ? 1 : 3;
const CONNECTIONS = 32;
const LARGE_BYTES = 64 * 1024 * 1024;
const GIB = 1024 ** 3;

const originPort = await namedPort();
const echoPort = await namedPort();
const origin = await startScript("http-origin.ts", originPort);
const echo = await startScript("socket-origin.ts", echoPort);
const upstream = `http://127.0.0.1:${originPort}`;
const product = await startProduct({
  config: {
    hosts: [
      { host: "plain.localhost", upstreams: [upstream] },
      allFeaturesHost("all.localhost", upstream),
      allFeaturesHost("socket.localhost", `http://127.0.0.1:${echoPort}`),
    ],
  },
});
const passthrough = await startByEachWay((way) => passthroughScript(originPort, way));
const byobLoop = await startByEachWay((way) => byobLoopScript(originPort, way));
const socketPump = await startByEachWay((way) => socketPumpScript(echoPort, way));
const edgePort = Number(new URL(product.edge).port);

const CASES: readonly Case[] = [
  {
    name: "1 KB, nothing configured",
    unit: "requests/s",
    aim: ">= 0.65",
    product: () => requestsPerS(edgePort, "plain.localhost", "/bytes/1024"),
    bare: (way) => requestsPerS(passthrough[way].port, "plain.localhost", "/bytes/1024"),
    meets: (ratio) => ratio >= 0.65,
  },
  {
    name: "1 KB, every feature configured, none used",
    unit: "requests/s",
    aim: ">= 0.65",
    product: () => requestsPerS(edgePort, "all.localhost", "/bytes/1024"),
    bare: (way) => requestsPerS(passthrough[way].port, "all.localhost", "/bytes/1024"),
    meets: (ratio) => ratio >= 0.65,
  },
  {
    name: "metered bodies of 64 MiB against a BYOB loop",
    unit: "CPU-ms/GiB",
    aim: "<= 1.20",
    product: () => cpuMsPerGib(product.edgePid ?? 0, edgePort, "plain.localhost"),
    bare: (way) => cpuMsPerGib(byobLoop[way].pid, byobLoop[way].port, "plain.localhost"),
    meets: (ratio) => ratio <= 1.2,
  },
  {
    name: "WebSocket echo, metered, against a bare pump",
    unit: "round trips/s",
    aim: ">= 0.90",
    product: () => roundTripsPerS(edgePort),
    bare: (way) => roundTripsPerS(socketPump[way].port),
    meets: (ratio) => ratio >= 0.9,
  },
];

try {
  process.stdout.write(
    `${machineLine()}\n${CONNECTIONS} connections by ${GENERATOR}, ${ROUNDS} rounds of ${SECONDS} s\n\n`,
  );
  process.stdout.write(`\n${await compareAll(CASES, ROUNDS)}\n\n`);
  await recordPeers();
} finally {
  const bare = [passthrough, byobLoop, socketPump].flatMap((ways) => Object.values(ways));
  await Promise.all([product.stop(), ...bare.map((each) => each.stop())]);
  await Promise.all([origin.stop(), echo.stop()]);
}

/** What other proxies do with the same load on the same origin; they are not held to anything. */
async function recordPeers(): Promise<void> {
  const rows: string[][] = [];
  for (const peer of installedPeers()) {
    const peerPort = await namedPort();
    const running = await HTTP_PEERS[peer].start(peerPort, originPort);
    try {
      const figures: number[] = [];
      for (let round = 0; round < Math.min(ROUNDS, 3); round++)
        figures.push(await requestsPerS(peerPort, "plain.localhost", "/bytes/1024"));
      const cpu = await cpuMsPerGib(running.pid, peerPort, "plain.localhost");
      rows.push([peer, median(figures).toFixed(0), cpu.toFixed(0)]);
    } finally {
      await running.stop();
    }
  }
  if (rows.length > 0)
    process.stdout.write(`${table(["peer", "1 KB, requests/s", "64 MiB, CPU-ms/GiB"], rows)}\n`);
  const missing = missingPeers();
  if (missing.length > 0) process.stdout.write(`Not installed, so not measured: ${missing.join(", ")}\n`);
}

async function requestsPerS(to: number, host: string, path: string): Promise<number> {
  const { requestsPerS: figure, errors } = await load({
    port: to,
    host,
    path,
    connections: CONNECTIONS,
    seconds: SECONDS,
  });
  if (errors > 0) throw new Error(`${errors} requests failed: the figures would not compare`);
  return figure;
}

/** CPU time of a process and its children while large bodies pass through it, one connection at a time. */
async function cpuMsPerGib(pid: number, to: number, host: string): Promise<number> {
  const before = cpuSeconds(pid);
  const count = QUICK ? 8 : 32;
  for (let i = 0; i < count; i++) await download(to, host);
  return ((cpuSeconds(pid) - before) * 1_000 * GIB) / (count * LARGE_BYTES);
}

async function download(to: number, host: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    get({ host: "127.0.0.1", port: to, path: `/bytes/${LARGE_BYTES}`, headers: { host } }, (reply) => {
      let bytes = 0;
      reply.on("data", (piece: Buffer) => {
        bytes += piece.length;
      });
      reply.on("error", reject);
      reply.on("end", () => {
        if (bytes === LARGE_BYTES) resolve();
        else reject(new Error(`Got ${bytes} bytes of ${LARGE_BYTES}`));
      });
    }).on("error", reject);
  });
}

async function roundTripsPerS(to: number): Promise<number> {
  const options = { port: to, host: "socket.localhost", connections: CONNECTIONS, seconds: SECONDS };
  return (await loadSockets(options)).roundTripsPerS;
}
