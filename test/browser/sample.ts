// Sample snapshots for the dashboard's tests. Pure.

import { type Counters, zeroCounters } from "../../shared/flow/counters.ts";
import type { FlowKind, FlowRecord } from "../../shared/flow/flow.ts";
import type { TunnelReport } from "../../shared/flow/link.ts";
import type { ServiceSnapshot, Snapshot } from "../../shared/flow/snapshot.ts";

/** A snapshot of an idle edge; `with` replaces parts of it. */
export function snapshot(parts: Partial<Snapshot> = {}): Snapshot {
  const at = parts.at ?? Date.now();
  const last = at - (at % 2000);
  return {
    type: "snapshot",
    at,
    since: at - 3_600_000,
    totals: zeroCounters(),
    rates: { up: 0, down: 0, requests: 0 },
    active: parts.connections?.length ?? 0,
    services: [],
    connections: [],
    links: [],
    lost_sources: 0,
    series: {
      step_ms: 2000,
      points: Array.from({ length: 150 }, (_, i) => [last - (149 - i) * 2000, 0, 0, 0]),
    },
    ...parts,
  };
}

export function service(name: string, kind: FlowKind, counters: Partial<Counters> = {}): ServiceSnapshot {
  return {
    service: name,
    kind,
    ...zeroCounters(),
    active: 0,
    up_rate: 0,
    down_rate: 0,
    refused: {},
    ...counters,
  };
}

export function flow(id: string, parts: Partial<FlowRecord> = {}): FlowRecord {
  return {
    id,
    kind: "socks",
    service: "main/mixed",
    client: "192.0.2.7",
    target: "files.example:443",
    user: "alice",
    started_at: Date.now() - 5000,
    up: 0,
    down: 0,
    ...parts,
  };
}

export function tunnel(name: string, parts: Partial<TunnelReport> = {}): TunnelReport {
  const path = { rtt_ms: 48, loss: 0.012, rate: 12_500_000, streams: 3 };
  return { role: "server", name, remote: "192.0.2.7:4000", engine: "offload", ...path, ...parts };
}
