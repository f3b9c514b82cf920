// Where the ends of the tunnels of `npm run bench:udpack` run: on loopback, or on a side of their own that a link leads to.

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { type Child, startProgram } from "./children.ts";

const READY_DEADLINE_MS = 10_000;
const READY_POLL_MS = 20;
/** State of listening sockets in /proc/net/tcp, and of all that are bound in /proc/net/udp. */
const LISTENING = { tcp: "0A", udp: "07" } as const;
const PORT_AT = 1;
const STATE_AT = 3;

/** What a program listens at. */
export interface Listening {
  readonly protocol: "tcp" | "udp";
  readonly port: number;
}

export interface Side {
  /** The address of what listens here. */
  readonly host: string;
  /** Starts a program and waits until it listens. */
  start(command: string, args: readonly string[], listening: Listening): Promise<Child>;
  /** Runs a program to its end; what it printed. @throws where it fails or takes longer */
  run(command: string, args: readonly string[], timeoutMs: number): Promise<string>;
}

async function output(command: string, args: readonly string[], timeoutMs: number): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, { timeout: timeoutMs });
  return stdout;
}

/** This machine as it is. Who listens for UDP is not waited for: clients ask again. */
export const LOOPBACK: Side = {
  host: "127.0.0.1",
  start: (command, args, { protocol, port }) =>
    startProgram(command, args, protocol === "tcp" ? port : undefined),
  run: output,
};

/** A network namespace by its name, Linux only. */
export function namespaceSide(name: string, host: string): Side {
  const inside = (command: string, args: readonly string[]) => ["netns", "exec", name, command, ...args];
  return {
    host,
    async start(command, args, listening) {
      const child = await startProgram("ip", inside(command, args), undefined);
      await untilListening(child, listening);
      return child;
    },
    run: (command, args, timeoutMs) => output("ip", inside(command, args), timeoutMs),
  };
}

/** Its namespace cannot be reached from here, but its tables can be read. */
async function untilListening({ pid, stop }: Child, listening: Listening): Promise<void> {
  const deadline = performance.now() + READY_DEADLINE_MS;
  while (!isListening(pid, listening)) {
    if (performance.now() > deadline) {
      await stop();
      throw new Error(`Nothing listens at ${listening.protocol} port ${listening.port} of the namespace`);
    }
    await delay(READY_POLL_MS);
  }
}

function isListening(pid: number, { protocol, port }: Listening): boolean {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return ["", "6"].some((family) =>
    linesOf(`/proc/${pid}/net/${protocol}${family}`)
      .map((line) => line.trim().split(/ +/))
      .some((cells) => cells[PORT_AT]?.endsWith(suffix) && cells[STATE_AT] === LISTENING[protocol]),
  );
}

/** None where there is no such file, or the process has ended. */
function linesOf(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n");
  } catch {
    return [];
  }
}
