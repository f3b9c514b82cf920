// What the edge is told of tunnels' sessions: the newest ones up to a bound, rounded, whenever they have changed, and again
// after a while: the edge keeps them in memory, and may have lost it without the link.

import type { TunnelReport } from "../../shared/flow/link.ts";
import { LINK_LIMITS } from "../../shared/limits.ts";
import type { TunnelStats } from "../metrics/stats.ts";

export class TunnelNews {
  #told = "[]";
  #toldAt = Number.NEGATIVE_INFINITY;
  #lookedAt = Number.NEGATIVE_INFINITY;

  /** The link is new: the edge knows nothing. */
  forget(): void {
    this.#told = "[]";
    this.#lookedAt = Number.NEGATIVE_INFINITY;
  }

  /** What is to be told; undefined: nothing yet. `now` in milliseconds on a clock that only grows. */
  next(read: () => readonly TunnelStats[], now: number): TunnelReport[] | undefined {
    if (now - this.#lookedAt < LINK_LIMITS.TUNNELS_INTERVAL_MS) return undefined;
    this.#lookedAt = now;
    const reports = read().flatMap(reportsOf).slice(-LINK_LIMITS.TUNNELS_MAX);
    const text = JSON.stringify(reports);
    const isKnown = reports.length === 0 || now - this.#toldAt < LINK_LIMITS.TUNNELS_REPEAT_MS;
    if (text === this.#told && isKnown) return undefined;
    this.#told = text;
    this.#toldAt = now;
    return reports;
  }
}

function reportsOf({ role, name, sessions }: TunnelStats): TunnelReport[] {
  return sessions.map(({ remote, engine, rtt_ms, loss, rate, streams }) => ({
    role,
    name,
    remote,
    engine,
    rtt_ms: rounded(rtt_ms, 10),
    loss: rounded(loss, 10_000),
    rate: rounded(rate, 1),
    streams,
  }));
}

/** What is not known yet may be infinite, which JSON does not know. */
function rounded(value: number, parts: number): number {
  return Number.isFinite(value) ? Math.round(Math.max(0, value) * parts) / parts : 0;
}
