// Keeps hold of the workerd processes that Miniflare starts: Miniflare tells nobody their ids, takes over the
// process's signals, and leaves workerd running when this process is killed outright.

import { AsyncLocalStorage } from "node:async_hooks";
import { type ChildProcess, spawn } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Whose processes are being started: several edges may run in one process. */
const owner = new AsyncLocalStorage<symbol>();

export interface RuntimeProcesses {
  /** Runs what makes a Miniflare: workerd processes that follow from it are the ones watched. */
  watch<T>(make: () => T): T;
  /** Id of the running workerd; undefined while there is none. */
  readonly pid: number | undefined;
  /** Ends what is left; to be called after Miniflare was disposed of. */
  release(): void;
}

/** Watches on behalf of one edge. */
export function watchRuntime(): RuntimeProcesses {
  const self = Symbol("edge");
  let current: ChildProcess | undefined;

  function onSpawn(message: unknown): void {
    if (owner.getStore() !== self) return;
    const child = (message as { process: ChildProcess }).process;
    // The channel reports a child before its fields are set.
    queueMicrotask(() => {
      if (!/workerd(\.exe)?$/.test(child.spawnfile ?? "") || child.pid === undefined) return;
      current = child;
      const guard = guardAgainstOrphans(child.pid);
      child.once("exit", () => {
        guard?.kill("SIGKILL");
        if (current === child) current = undefined;
      });
    });
  }

  subscribe("child_process", onSpawn);
  return {
    watch: (make) => owner.run(self, () => withoutSignalHandlers(make)),
    get pid() {
      return current?.pid;
    },
    release() {
      unsubscribe("child_process", onSpawn);
      current?.kill("SIGKILL");
    },
  };
}

/**
 * Has Miniflare start workerd with SIGINT ignored. A Ctrl-C goes to the whole foreground group, and workerd would end at
 * once, before the relay has reported its last second to it. Miniflare lets no process option be set, only the path.
 */
export async function shieldFromInterrupt(stateDir: string): Promise<void> {
  if (process.platform === "win32") return;
  const requireFromMiniflare = createRequire(createRequire(import.meta.url).resolve("miniflare"));
  const { default: workerd } = requireFromMiniflare("workerd") as { default: string };
  const script = join(resolve(stateDir), "workerd");
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  await writeFile(script, `#!/bin/sh\ntrap '' INT\nexec '${workerd.replaceAll("'", "'\\''")}' "$@"\n`, {
    mode: 0o700,
  });
  process.env.MINIFLARE_WORKERD_PATH = script;
}

/** A shell that ends workerd when its own standard input closes, which it does however this process ends. */
function guardAgainstOrphans(pid: number): ChildProcess | undefined {
  if (process.platform === "win32") return undefined;
  const guard = spawn(
    "/bin/sh",
    ["-c", 'read -r _; kill -9 "$1" 2>/dev/null', "causeway-guard", String(pid)],
    {
      stdio: ["pipe", "ignore", "ignore"],
      // A Ctrl-C goes to the whole foreground group: the guard must outlast it.
      detached: true,
    },
  );
  guard.on("error", () => undefined);
  guard.unref();
  (guard.stdin as unknown as { unref?: () => void } | null)?.unref?.();
  return guard;
}

/**
 * Runs `make` and takes away the signal handlers that it installs: Miniflare's would end the process at the first
 * Ctrl-C, before relay and demo origin have stopped. Its handler for `exit` stays.
 */
function withoutSignalHandlers<T>(make: () => T): T {
  const before = new Map(SIGNALS.map((signal) => [signal, new Set(process.listeners(signal))]));
  const made = make();
  for (const signal of SIGNALS) {
    for (const listener of process.listeners(signal)) {
      if (before.get(signal)?.has(listener) === false) process.off(signal, listener);
    }
  }
  return made;
}
