// Many connections at once through a relay with two threads, in a process of its own: most of them idle, some busy. The
// suite opens fewer than a large machine would; CAUSEWAY_IDLE=10000 opens as many as the relay is meant for. A tunnel takes two
// of a process's descriptors; where there are too few of them, some of the idle ones are browsers' kept-alive connections.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { namedPort } from "../../support/named-port.ts";
import { RawClient, socksRequest, takeResponse } from "../harness.ts";

const ROOT = join(import.meta.dirname, "../../..");
const IDLE = Number(process.env.CAUSEWAY_IDLE ?? 2_000);
const BUSY = 200;
const BUSY_BYTES = 256 * 1024;
/** Descriptors of a process for all else. */
const SPARE_DESCRIPTORS = 100;
/** Connections that are being opened at a time: the listener's queue holds 511. */
const AT_ONCE = 100;
/** Of the relay with both ends of an idle connection; the measured figure is a third of it. */
const KB_PER_IDLE_MAX = 60;

async function startProcess(workers: number, admin: number, port: number): Promise<ChildProcess> {
  const directory = await mkdtemp(join(tmpdir(), "causeway-crowd-"));
  const config = join(directory, "causeway.toml");
  const lines = [
    "[relay]",
    `workers = ${workers}`,
    `admin = "127.0.0.1:${admin}"`,
    'admin_token = "the-token-of-this-crowd"',
    "[[relay.inbounds]]",
    'kind = "mixed"',
    `listen = "127.0.0.1:${port}"`,
  ];
  await writeFile(config, `${lines.join("\n")}\n`);
  const args = [join(ROOT, "relay/main.ts"), "relay", "--config", config, "--log-level", "warn"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout ?? child, "data");
  return child;
}

/** An echo in a process of its own: it has as many descriptors open as the relay has tunnels. */
async function startEcho(): Promise<number> {
  const code = `
    const server = require("node:net").createServer((socket) => socket.on("error", () => {}).pipe(socket));
    server.listen({ port: 0, host: "127.0.0.1", backlog: 511 }, () => console.log(server.address().port));`;
  const child = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return Number(String(line));
}

/** How many of the idle connections may be tunnels: as many as the descriptors of one process are enough for. */
function tunnelsAtMost(): number {
  const [, limit] = /^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
  return Math.min(IDLE, Number(limit) - IDLE - 2 * BUSY - SPARE_DESCRIPTORS);
}

/** A client of the HTTP proxy that has got an answer, a refusal, and may ask again. */
async function openKeptAlive(port: number): Promise<Socket> {
  const client = await RawClient.open(port);
  client.send("GET /of-no-origin HTTP/1.1\r\nHost: x\r\n\r\n");
  expect((await takeResponse(client)).head).toMatch(/^HTTP\/1\.1 400 /);
  return client.socket;
}

/** Resident memory in KB. */
function memoryOf(pid: number | undefined): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

async function open(port: number, target: number, number: number): Promise<Socket> {
  // From many addresses: one has 28,000 ports only.
  const localAddress = `127.0.${1 + (number % 4)}.1`;
  const socket = connect({ host: "127.0.0.1", port, localAddress, noDelay: true });
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  socket.write(Uint8Array.of(5, 1, 0));
  await once(socket, "data");
  socket.write(Uint8Array.from(socksRequest("127.0.0.1", target)));
  const [reply] = (await once(socket, "data")) as [Buffer];
  expect(reply[1]).toBe(0);
  return socket;
}

async function openMany(count: number, one: (number: number) => Promise<Socket>): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let opened = 0; opened < count; opened += AT_ONCE) {
    const batch = Math.min(AT_ONCE, count - opened);
    sockets.push(...(await Promise.all(Array.from({ length: batch }, (_, index) => one(opened + index)))));
  }
  return sockets;
}

/** Sends `BUSY_BYTES` and reads them back. */
async function move(socket: Socket): Promise<void> {
  let received = 0;
  const done = new Promise<void>((resolve, reject) => {
    socket.on("data", (chunk: Buffer) => {
      received += chunk.length;
      if (received >= BUSY_BYTES) resolve();
    });
    socket.once("close", () => reject(new Error(`closed after ${received} bytes`)));
  });
  socket.write(Buffer.alloc(BUSY_BYTES, 7));
  await done;
}

interface Figures {
  readonly connections: number;
  readonly workers: number;
  readonly idleKb: number;
}

it(`holds ${IDLE} idle connections and ${BUSY} busy ones without error, and none after they have left`, async () => {
  const port = await namedPort();
  const admin = await namedPort();
  const workers = Number(process.env.CAUSEWAY_WORKERS ?? 2);
  const { pid } = await startProcess(workers, admin, port);
  const target = await startEcho();
  const status = async (): Promise<number> => {
    const headers = { Authorization: "Bearer the-token-of-this-crowd" };
    const reply = await fetch(`http://127.0.0.1:${admin}/api/proxy/status`, { headers });
    return ((await reply.json()) as { connections: number }).connections;
  };
  const before = memoryOf(pid);
  const tunnel = (number: number) => open(port, target, number);
  const tunnels = tunnelsAtMost();
  const idle = await openMany(tunnels, tunnel);
  const figures: Figures = { connections: tunnels, workers, idleKb: (memoryOf(pid) - before) / tunnels };
  idle.push(...(await openMany(IDLE - tunnels, () => openKeptAlive(port))));
  const busy = await openMany(BUSY, tunnel);
  await Promise.all(busy.map(move));
  await vi.waitFor(async () => expect(await status()).toBe(IDLE + BUSY), 5_000);
  expect(idle.every((socket) => !socket.destroyed && !socket.readableEnded)).toBe(true);
  expect(figures.idleKb).toBeLessThan(KB_PER_IDLE_MAX);
  if (process.env.CAUSEWAY_IDLE !== undefined)
    process.stdout.write(`${JSON.stringify({ ...figures, startKb: before, fullKb: memoryOf(pid) })}\n`);
  for (const socket of [...idle, ...busy]) socket.destroy();
  await vi.waitFor(async () => expect(await status()).toBe(0), { timeout: 10_000 });
}, 120_000);
