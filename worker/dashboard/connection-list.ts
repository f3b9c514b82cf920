// What connections are open, from snapshots and the events between them. Pure: no DOM, time comes in as an argument.

import type { CloseReason, FlowRecord } from "../../shared/flow/flow.ts";
import type { Snapshot, StatsMessage } from "../../shared/flow/snapshot.ts";
import { DASHBOARD_LIMITS } from "../../shared/limits.ts";

/** A connection as it is listed. */
export interface ListedConnection extends FlowRecord {
  /** Bytes per second, smoothed over the last snapshots. */
  up_rate: number;
  down_rate: number;
  /** From where the next rate is measured: the stats object's clock in milliseconds, and the bytes by then. */
  measured: { at: number; up: number; down: number };
  /** Set once it has ended; `at` is the page's own clock in milliseconds. */
  closed?: { at: number; reason: CloseReason; ended_at: number };
}

/** Weight of the newest measurement: batches and snapshots beat against each other, so single ones jump. */
const SMOOTHING = 0.5;

export class ConnectionList {
  #rows = new Map<string, ListedConnection>();
  /** When the newest snapshot was made, by the stats object's clock. */
  #snapshotAt = 0;

  /** Takes in one message, received at `now`. */
  apply(message: StatsMessage, now: number): void {
    if (message.type === "snapshot") {
      this.#replace(message, now);
      return;
    }
    for (const record of message.opened) {
      if (this.#rows.size >= DASHBOARD_LIMITS.CONNECTIONS_MAX) break;
      if (!this.#rows.has(record.id)) this.#rows.set(record.id, unmeasured(record, this.#snapshotAt));
    }
    for (const { ended_at, reason, ...record } of message.closed) {
      // One that was never listed needs no end: the bound left it out.
      if (!this.#rows.has(record.id)) continue;
      const closed = { at: now, reason, ended_at };
      this.#rows.set(record.id, { ...unmeasured(record, this.#snapshotAt), closed });
    }
  }

  rows(): ListedConnection[] {
    return [...this.#rows.values()];
  }

  /** A snapshot lists what is open: the rest goes, except what closed a moment ago. */
  #replace(snapshot: Snapshot, now: number): void {
    this.#snapshotAt = snapshot.at;
    const before = this.#rows;
    this.#rows = new Map();
    for (const record of snapshot.connections) {
      const known = before.get(record.id);
      if (known?.closed) continue;
      this.#rows.set(
        record.id,
        known ? measure(known, record, snapshot.at) : unmeasured(record, snapshot.at),
      );
    }
    for (const [id, row] of before) {
      if (row.closed && now - row.closed.at < DASHBOARD_LIMITS.CLOSED_SHOWN_MS) this.#rows.set(id, row);
    }
  }
}

function unmeasured(record: FlowRecord, at: number): ListedConnection {
  return { ...record, up_rate: 0, down_rate: 0, measured: { at, up: record.up, down: record.down } };
}

function measure(known: ListedConnection, record: FlowRecord, at: number): ListedConnection {
  const { measured, up_rate, down_rate } = known;
  const span = at - measured.at;
  if (span < DASHBOARD_LIMITS.RATE_SPAN_MS_MIN) return { ...record, up_rate, down_rate, measured };
  return {
    ...record,
    up_rate: smoothRate(up_rate, record.up - measured.up, span),
    down_rate: smoothRate(down_rate, record.down - measured.down, span),
    measured: { at, up: record.up, down: record.down },
  };
}

function smoothRate(before: number, bytes: number, spanMs: number): number {
  const now = (Math.max(0, bytes) * 1000) / spanMs;
  // The first measurement stands for itself, and what stopped must come to rest.
  if (before === 0 || now === 0) return now;
  return before + SMOOTHING * (now - before);
}
