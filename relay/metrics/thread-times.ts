// How busy each thread's event loop is. Node keeps the times by itself; reading them costs nothing in between.

import { performance } from "node:perf_hooks";
import type { Worker } from "node:worker_threads";
import type { ThreadStats } from "./stats.ts";

export class ThreadTimes {
  readonly #workers = new Set<Worker>();

  /** Adds a thread until it ends. */
  watch(worker: Worker): void {
    this.#workers.add(worker);
    worker.once("exit", () => this.#workers.delete(worker));
  }

  /** The main thread first; others are named by their number in the process. */
  list(): ThreadStats[] {
    const own = { thread: "main", ...timesOf(performance.eventLoopUtilization()) };
    const others = [...this.#workers].map((worker) => ({
      thread: String(worker.threadId),
      ...timesOf(worker.performance.eventLoopUtilization()),
    }));
    return [own, ...others];
  }
}

function timesOf({ active, idle }: { readonly active: number; readonly idle: number }) {
  return { busy_ms: active, idle_ms: idle };
}
