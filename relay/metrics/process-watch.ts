// What the operating system and the runtime say about this process, as metrics under the names that every exporter uses.

import { readdirSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { METRICS_LIMITS } from "../../shared/limits.ts";
import type { MetricFamily } from "../../shared/metrics/prometheus.ts";

const QUANTILES = [0.5, 0.9, 0.99, 1] as const;
const NS_PER_S = 1e9;

export class ProcessWatch {
  /** How late the main thread's timers are; it counts while it is enabled only. */
  readonly #delay: ReturnType<typeof monitorEventLoopDelay>;

  constructor() {
    this.#delay = monitorEventLoopDelay({ resolution: METRICS_LIMITS.LOOP_DELAY_STEP_MS });
    this.#delay.enable();
  }

  stop(): void {
    this.#delay.disable();
  }

  /** As of now; delays are those since the last time. */
  metrics(): MetricFamily[] {
    const { rss, heapUsed, heapTotal, external, arrayBuffers } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    const startedAt = Date.now() / 1_000 - process.uptime();
    const open = openDescriptors();
    return [
      one("counter", "process_cpu_user_seconds_total", "CPU time outside the kernel.", user / 1e6),
      one("counter", "process_cpu_system_seconds_total", "CPU time within the kernel.", system / 1e6),
      one("counter", "process_cpu_seconds_total", "CPU time of all threads.", (user + system) / 1e6),
      one("gauge", "process_start_time_seconds", "Start of the process, Unix time.", startedAt),
      one("gauge", "process_resident_memory_bytes", "Memory in use.", rss),
      ...(open === undefined ? [] : [one("gauge", "process_open_fds", "Open file descriptors.", open)]),
      one("gauge", "nodejs_heap_size_used_bytes", "Objects in the main thread's heap.", heapUsed),
      one("gauge", "nodejs_heap_size_total_bytes", "The main thread's heap.", heapTotal),
      one("gauge", "nodejs_external_memory_bytes", "Memory that objects of the main thread hold.", external),
      one("gauge", "nodejs_array_buffers_bytes", "Part of it that buffers hold.", arrayBuffers),
      this.#takeDelay(),
    ];
  }

  #takeDelay(): MetricFamily {
    const { min, count } = this.#delay;
    const step = METRICS_LIMITS.LOOP_DELAY_STEP_MS / 1_000;
    const samples = QUANTILES.map((quantile) => {
      const ns = count === 0 ? 0 : quantile === 1 ? this.#delay.max : this.#delay.percentile(quantile * 100);
      // What is measured is the whole time between two ticks, of which one step is meant to pass.
      const late = min === 0 ? 0 : Math.max(0, ns / NS_PER_S - step);
      return { labels: { quantile: String(quantile) }, value: late };
    });
    this.#delay.reset();
    return {
      name: "causeway_relay_loop_delay_seconds",
      help: "How late the main thread's timers came since the last scrape.",
      type: "gauge",
      samples,
    };
  }
}

/** Linux only. */
function openDescriptors(): number | undefined {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return undefined;
  }
}

function one(type: "counter" | "gauge", name: string, help: string, value: number): MetricFamily {
  return { name, help, type, samples: [{ value }] };
}
