// `npm run bench:udpack -- gib`: one download of 1 GiB per engine on clean loopback, every byte of it compared by hash, and
// the memory that both ends took at most. Origin and reader are here, and take their part of the processors.

import { createCipheriv, createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import { table } from "./figures.ts";
import { LOOPBACK } from "./udpack-side.ts";
import { startTunnel, udpack } from "./udpack-tunnels.ts";

const MIB = 1024 ** 2;
const BYTES = 1024 * MIB;
const MB = 1e6;
const ZEROS = Buffer.alloc(256 * 1024);
/** Bytes that differ at every place: AES-128-CTR over zeros. */
const CIPHER = "aes-128-ctr";

/** One row per engine. @throws where what came is not what was sent */
export async function gibTable(engines: readonly ("portable" | "offload")[]): Promise<string> {
  const rows: string[][] = [];
  for (const engine of engines) {
    const origin = createServer();
    origin.listen(0, LOOPBACK.host);
    await once(origin, "listening");
    const { port: originPort } = origin.address() as AddressInfo;
    const tunnel = await startTunnel(udpack(engine), { near: LOOPBACK, far: LOOPBACK, originPort });
    try {
      const startedAt = performance.now();
      const [sent, received] = await Promise.all([serveOnce(origin), download(tunnel.port)]);
      const seconds = (performance.now() - startedAt) / 1_000;
      if (sent !== received) throw new Error(`Cannot trust ${tunnel.name}: what came is not what was sent`);
      const memory = tunnel.ends.map(({ pid }) => `${(peakBytes(pid) / MIB).toFixed(0)}`);
      rows.push([
        tunnel.name,
        (BYTES / MB / seconds).toFixed(1),
        `equal, ${received.slice(0, 16)}…`,
        ...memory,
      ]);
    } finally {
      await tunnel.stop();
      origin.close();
    }
  }
  return table(["tunnel", "MB/s", "SHA-256", "client, peak MiB", "server, peak MiB"], rows);
}

/** Sends everything to the first connection that asks; its hash. The tunnel was tried by connections that do not. */
function serveOnce(origin: Server): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  origin.on("connection", (socket) => {
    socket.on("error", () => socket.destroy());
    socket.once("data", () => void sendAll(socket).then(resolve, reject));
  });
  return promise;
}

async function sendAll(socket: Socket): Promise<string> {
  const cipher = createCipheriv(CIPHER, Buffer.alloc(16, 1), Buffer.alloc(16));
  const hash = createHash("sha256");
  await pipeline(function* () {
    for (let left = BYTES; left > 0; left -= ZEROS.length) {
      const chunk = cipher.update(ZEROS);
      hash.update(chunk);
      yield chunk;
    }
  }, socket);
  return hash.digest("hex");
}

async function download(port: number): Promise<string> {
  const socket = connect({ host: LOOPBACK.host, port, allowHalfOpen: true });
  const hash = createHash("sha256");
  socket.write("?");
  for await (const chunk of socket) hash.update(chunk);
  return hash.digest("hex");
}

/** Most resident memory that a process ever had: Linux only, NaN elsewhere. */
function peakBytes(pid: number): number {
  try {
    const [, kb] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return Number(kb) * 1_024;
  } catch {
    return Number.NaN;
  }
}
