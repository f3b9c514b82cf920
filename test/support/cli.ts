// The real CLI as a child process, for end-to-end tests: its output, its exit and what it leaves behind.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../relay/main.ts", import.meta.url));

export interface CliRun {
  readonly child: ChildProcess;
  readonly out: string;
  readonly err: string;
  /** Resolves with the match once standard output holds `pattern`; rejects when the process ends before. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resolves to the exit code once the process has ended and its output is read. */
  ended: Promise<number | null>;
}

/** Ctrl-C: a terminal sends SIGINT to every process of the foreground group. */
export function pressCtrlC({ child }: CliRun): void {
  if (child.pid !== undefined) process.kill(-child.pid, "SIGINT");
}

interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Starts `causeway ARGS` from its sources. */
export function runCli(args: readonly string[], options: RunOptions = {}): CliRun {
  return runProgram(MAIN, args, options);
}

/** Starts a script of Node's. */
export function runProgram(main: string, args: readonly string[], options: RunOptions = {}): CliRun {
  const child = spawn(process.execPath, [main, ...args], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    // A process group of its own, so that a test can press Ctrl-C as a terminal does: to all of it.
    detached: true,
  });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  const ended = once(child, "close").then(([code]) => code as number | null);
  return {
    child,
    get out() {
      return out;
    },
    get err() {
      return err;
    },
    ended,
    async until(pattern) {
      for (;;) {
        const match = pattern.exec(out);
        if (match !== null) return match;
        const next = await Promise.race([once(child.stdout, "data"), ended.then(() => undefined)]);
        if (next === undefined && pattern.exec(out) === null) {
          throw new Error(`The CLI ended without printing ${pattern}:\n${out}\n${err}`);
        }
      }
    },
  };
}

/** Ids of a process and everything it has started, from /proc. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const parent = /^\d+$/.test(name) ? parentOf(Number(name)) : undefined;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

function parentOf(pid: number): number | undefined {
  const stat = readQuietly(`/proc/${pid}/stat`);
  return Number(stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) || undefined;
}

/** True while a process runs; one that has ended and waits for its parent counts as gone. */
export function isRunning(pid: number): boolean {
  const stat = readQuietly(`/proc/${pid}/stat`);
  return stat !== undefined && stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "Z";
}

/** Local addresses, as /proc/net/tcp spells them, on which these processes listen. */
export function listeningAddresses(pids: readonly number[]): string[] {
  const inodes = new Set(pids.flatMap(socketInodes));
  return ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((table) =>
    (readQuietly(table) ?? "")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === "0A" && inodes.has(fields[9] ?? ""))
      .map((fields) => fields[1] ?? ""),
  );
}

function socketInodes(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      const match = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`));
      return match?.[1] ?? [];
    });
  } catch {
    return [];
  }
}

function readQuietly(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
