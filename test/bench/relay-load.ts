// What else a proxy is asked beside bulk: how long small requests take while one bulk download runs, and what memory idle
// connections take. Loopback only.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { memoryBytes } from "./children.ts";
import type { Peer } from "./relay-peers.ts";

/** After the last connection: until buffers of handshakes are given back. */
const SETTLE_MS = 3_000;
/** A proxy that does not serve that many within this is not measured. */
const OPENING_MS = 50_000;

export interface Path {
  readonly port: number;
  readonly socksTarget?: number;
}

/** How a client reaches the origin at `originPort` by a peer. */
export function pathOf(peer: Peer, originPort: number): Path {
  return { port: peer.port, ...(peer.isSocks ? { socksTarget: originPort } : {}) };
}

/** What small requests took, in milliseconds. */
export interface SmallRequests {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
}

/** Small requests that are all made while a bulk download runs. */
export async function smallDuringBulk(path: Path, seconds: number): Promise<SmallRequests> {
  const stopping = new AbortController();
  // More than any proxy moves in that time.
  const bulk = run("tcp-client.ts", { ...path, direction: "down", bytes: 1024 ** 4 }, stopping.signal);
  bulk.catch(() => undefined);
  await delay(500);
  try {
    return JSON.parse(await run("small-client.ts", { ...path, seconds })) as SmallRequests;
  } finally {
    stopping.abort();
    await bulk.catch(() => undefined);
  }
}

export interface Idle {
  readonly opened: number;
  readonly bytesEach: number;
}

/** Memory of the peer's processes with that many idle connections, less what it took before; undefined: it serves less. */
export async function idleMemory(peer: Peer, path: Path, connections: number): Promise<Idle | undefined> {
  const before = memoryBytes(peer.child.pid);
  const script = join(import.meta.dirname, "idle-client.ts");
  const client = spawn(process.execPath, [script, JSON.stringify({ ...path, connections })], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(client, "exit");
  try {
    const [line] = (await Promise.race([
      once(client.stdout, "data"),
      exited.then(() => [undefined]),
      delay(OPENING_MS, [undefined]),
    ])) as [Buffer?];
    if (line === undefined) return undefined;
    await delay(SETTLE_MS);
    const opened = Number(String(line));
    return { opened, bytesEach: (memoryBytes(peer.child.pid) - before) / opened };
  } finally {
    client.kill("SIGKILL");
    await exited;
  }
}

async function run(script: string, order: object, signal?: AbortSignal): Promise<string> {
  const args = [join(import.meta.dirname, script), JSON.stringify(order)];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    timeout: 60_000,
    ...(signal && { signal }),
  });
  return stdout;
}
