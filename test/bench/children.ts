// Child processes of the benchmarks: every part runs in a process of its own, so that its CPU time can be told apart.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const CLOCK_TICKS_PER_S = 100;
const READY_DEADLINE_MS = 10_000;

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export interface Child {
  readonly pid: number;
  stop(): Promise<void>;
}

/** True when `command` is on PATH. */
export function isInstalled(command: string): boolean {
  return spawnSync("sh", ["-c", `command -v ${command}`]).status === 0;
}

/** Starts a program and waits until its port accepts connections; undefined: it listens for UDP alone. */
export async function startProgram(
  command: string,
  args: readonly string[],
  port: number | undefined,
): Promise<Child> {
  // Peers log every connection; what our own scripts say is an error.
  const errors = [command, ...args].includes(process.execPath) ? "inherit" : "ignore";
  // As many descriptors as the system lets: ten thousand connections of a proxy take two each.
  const script = 'ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -H -n)"; exec "$@"';
  const child = spawn("sh", ["-c", script, "sh", command, ...args], { stdio: ["ignore", "ignore", errors] });
  running.add(child);
  if (port !== undefined) await untilListening(port);
  return {
    pid: child.pid ?? 0,
    async stop() {
      running.delete(child);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await Promise.race([exited, delay(3_000, undefined, { ref: false })]);
      child.kill("SIGKILL");
    },
  };
}

/** Starts a TypeScript file of this folder with the port as its first argument. */
export function startScript(file: string, port: number, ...args: string[]): Promise<Child> {
  return startProgram(process.execPath, [join(import.meta.dirname, file), String(port), ...args], port);
}

/** CPU seconds that a process and its descendants have used: Linux only, 0 elsewhere. */
export function cpuSeconds(pid: number): number {
  return processTree(pid).reduce((sum, id) => sum + ownCpuSeconds(id), 0);
}

/** Memory of a process and its descendants, shared pages in parts: Linux only, NaN elsewhere. */
export function memoryBytes(pid: number): number {
  return processTree(pid).reduce((sum, id) => sum + ownMemoryBytes(id), 0);
}

function ownMemoryBytes(pid: number): number {
  try {
    const [, kb] = /^Pss: +(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")) ?? [];
    return Number(kb) * 1024;
  } catch {
    return Number.NaN;
  }
}

/** A process and its descendants; asked for once, because some proxies have hundreds. */
function processTree(root: number): number[] {
  const { stdout } = spawnSync("ps", ["-e", "-o", "pid=,ppid="], { encoding: "utf8" });
  const pairs = (stdout ?? "").split("\n").map((line) => line.trim().split(/ +/).map(Number));
  const tree = [root];
  for (const parent of tree) tree.push(...pairs.flatMap(([pid, of]) => (of === parent && pid ? [pid] : [])));
  return tree;
}

function ownCpuSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ");
    return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_S;
  } catch {
    return 0;
  }
}

async function untilListening(port: number): Promise<void> {
  const deadline = Date.now() + READY_DEADLINE_MS;
  while (Date.now() < deadline) {
    const socket = connect({ host: "127.0.0.1", port });
    const [ready] = await Promise.race([
      once(socket, "connect").then(() => [true]),
      once(socket, "close").then(() => [false]),
    ]).catch(() => [false]);
    socket.destroy();
    if (ready) return;
    await delay(50);
  }
  throw new Error(`Nothing listens on 127.0.0.1:${port}`);
}
