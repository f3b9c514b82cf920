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

/** Starts a program and waits until its port accepts connections. */
export async function startProgram(command: string, args: readonly string[], port: number): Promise<Child> {
  // Peers log every connection; what our own scripts say is an error.
  const errors = command === process.execPath ? "inherit" : "ignore";
  const child = spawn(command, args, { stdio: ["ignore", "ignore", errors] });
  running.add(child);
  await untilListening(port);
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

function processTree(pid: number): number[] {
  const { stdout } = spawnSync("ps", ["-o", "pid=", "--ppid", String(pid)], { encoding: "utf8" });
  const children = (stdout ?? "")
    .split("\n")
    .map(Number)
    .filter((id) => id > 0);
  return [pid, ...children.flatMap(processTree)];
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
