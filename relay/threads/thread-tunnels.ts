// Tunnels as the threads last told of them; those of one name in several threads are shown as one.

import type { TunnelStats } from "../metrics/stats.ts";

export class ThreadTunnels {
  readonly #byThread = new Map<number, readonly TunnelStats[]>();

  /** What thread `index` told. */
  hear(index: number, tunnels: readonly TunnelStats[]): void {
    this.#byThread.set(index, tunnels);
  }

  /** A thread has ended, and its sessions with it. */
  lose(index: number): void {
    this.#byThread.delete(index);
  }

  list(): TunnelStats[] {
    const merged = new Map<string, TunnelStats>();
    for (const tunnel of [...this.#byThread.values()].flat()) {
      const key = `${tunnel.role} ${tunnel.service} ${tunnel.name}`;
      const other = merged.get(key);
      merged.set(key, other === undefined ? tunnel : together(other, tunnel));
    }
    return [...merged.values()];
  }
}

function together(a: TunnelStats, b: TunnelStats): TunnelStats {
  return {
    ...a,
    opened: a.opened + b.opened,
    sent: a.sent + b.sent,
    received: a.received + b.received,
    sessions: [...a.sessions, ...b.sessions],
  };
}
