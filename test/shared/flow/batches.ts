// Batches and services for tests of accounting: complete records from the few fields a test cares about.

import type { Batch, ServiceDelta } from "../../../shared/flow/batch.ts";
import { zeroCounters } from "../../../shared/flow/counters.ts";
import type { FlowInit, FlowRecord } from "../../../shared/flow/flow.ts";

export function flowInit(fields: Partial<FlowInit> = {}): FlowInit {
  return {
    kind: "http",
    service: "app.test",
    client: "192.0.2.1",
    target: "http://up.test/",
    user: "",
    startedAt: 0,
    ...fields,
  };
}

export function flowRecord(fields: Partial<FlowRecord> = {}): FlowRecord {
  const { startedAt, ...init } = flowInit({ kind: "ws" });
  return { id: "s-1", ...init, started_at: startedAt, up: 0, down: 0, ...fields };
}

export function serviceDelta(fields: Partial<ServiceDelta> = {}): ServiceDelta {
  return { service: "app.test", kind: "http", ...zeroCounters(), active: 0, ...fields };
}

export function batchOf(fields: Partial<Batch> = {}): Batch {
  return {
    source: "s",
    origin: "edge",
    name: "edge",
    seq: 1,
    sealed_at: 1_000,
    covered_ms: 1_000,
    services: [],
    active: [],
    opened: [],
    closed: [],
    events_dropped: 0,
    last: false,
    ...fields,
  };
}
