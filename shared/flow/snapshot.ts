// The messages of the stats WebSocket, as dashboards read them, and its own close code. Built by the stats object.

import type { ChannelSnapshot } from "./channel.ts";
import type { Counters } from "./counters.ts";
import type { ClosedFlowRecord, FlowKind, FlowRecord } from "./flow.ts";
import type { TunnelReport } from "./link.ts";
import type { QuotaState } from "./quota.ts";
import type { Refusals } from "./refusals.ts";
import type { SeriesPoint } from "./series.ts";

/** Per second, over the last whole step of the series: one that all sources have reported. */
export interface Rates {
  up: number;
  down: number;
  requests: number;
}

export interface ServiceSnapshot extends Counters {
  service: string;
  kind: FlowKind;
  active: number;
  up_rate: number;
  down_rate: number;
  /** Refusals by error code. */
  refused: Refusals;
  /** Present for channels. */
  channel?: ChannelSnapshot;
  /** Bytes of both kinds of a host together; absent: none is configured. */
  quota?: QuotaState;
  /** The first millisecond of the day from which on the host is over; since the epoch. */
  expires_at?: number;
}

/** A relay's control link. */
export interface LinkSnapshot {
  name: string;
  connected: boolean;
  /** When the link came up or went down: milliseconds since the epoch. */
  since: number;
  version: string;
  /** Its listeners, as `kind address`. */
  inbounds: string[];
  /** Sessions of its UDP tunnels; absent: none, or not told yet. */
  tunnels?: TunnelReport[];
}

export interface Snapshot {
  type: "snapshot";
  /** Milliseconds since the epoch, by the stats object. */
  at: number;
  /** When counting began. */
  since: number;
  totals: Counters;
  rates: Rates;
  active: number;
  /** Those with open flows first, then the busiest, up to a bound; `totals` covers all. */
  services: ServiceSnapshot[];
  /** The longest-lived active connections up to a bound; `active` counts all. */
  connections: FlowRecord[];
  links: LinkSnapshot[];
  /** Sources that fell silent with work open: their last second may be missing from the totals. */
  lost_sources: number;
  series: { step_ms: number; points: SeriesPoint[] };
}

/** Connections opened and closed since the last such message, oldest first; bounded, the rest only counted. */
export interface ConnectionEvents {
  type: "connections";
  opened: FlowRecord[];
  closed: ClosedFlowRecord[];
  /** Events left out of this message because of a bound. */
  dropped: number;
}

/** Closes a stats WebSocket that is to be opened anew: its session or token may have ended meanwhile (RFC 6455 section 7.4.2). */
export const RENEW_CLOSE = 4003;

/** Everything that the stats WebSocket sends. */
export type StatsMessage = Snapshot | ConnectionEvents;
