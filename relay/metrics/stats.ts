// What a relay tells of itself: on its admin API as JSON, and as metrics. Types only; everything in it is as of one moment.

import type { InboundReport } from "../../shared/control/orders.ts";
import type { CloseReason, FlowKind } from "../../shared/flow/flow.ts";
import type { Refusals } from "../../shared/flow/refusals.ts";
import type { QuotaTerms } from "../limits/quota-lease.ts";

/** What moved since the relay's start. */
export interface Moved {
  /** Connections and requests that were carried. */
  readonly opened: number;
  /** Those of them that are open. */
  readonly active: number;
  /** Bytes from clients, and towards them. */
  readonly up: number;
  readonly down: number;
}

/** One inbound's sums, of one kind of traffic. */
export interface ServiceStats extends Moved {
  readonly service: string;
  readonly kind: FlowKind;
  /** Wishes that were not met, by error code. */
  readonly refused: Refusals;
  /** How those that are over ended. */
  readonly closed: Readonly<Record<CloseReason, number>>;
}

export interface UserStats extends Moved {
  readonly user: string;
}

/** What a user of the configuration may do; absent: without bound. */
export interface UserTermsStats {
  readonly user: string;
  readonly max_connections?: number;
  /** Bytes per second, each way. */
  readonly rate?: number;
  /** Milliseconds since the epoch. */
  readonly expires_at?: number;
  readonly quota?: {
    readonly limit: number;
    readonly period: QuotaTerms["period"];
    /** Absent: the file of quotas cannot be read. */
    readonly left?: number;
  };
}

/** How names were resolved, in all threads. */
export interface DnsStats {
  /** Found in the cache. */
  readonly hits: number;
  /** Asked of name servers: answered with addresses, by no such name, or not at all. */
  readonly answered: number;
  readonly unknown: number;
  readonly failed: number;
}

/** One thread's time since its start, in milliseconds: at work, and waiting for something to do. */
export interface ThreadStats {
  readonly thread: string;
  readonly busy_ms: number;
  readonly idle_ms: number;
}

/** One session of the UDP tunnel that is open. */
export interface SessionStats {
  /** Where its packets come from or go to. */
  readonly remote: string;
  /** What carries it: portable, offload or websocket. */
  readonly engine: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly rtt_ms: number;
  /** Part of the packets sent that were lost. */
  readonly loss: number;
  /** Bytes per second that the path delivers, as far as it was used. */
  readonly rate: number;
  /** Bytes that may be on their way. */
  readonly window: number;
  readonly streams: number;
  /** Bytes of datagrams, packets' heads included. */
  readonly sent: number;
  readonly received: number;
}

/** A client of this relay's tunnel server, or a way out that rides a tunnel. */
export interface TunnelStats {
  readonly role: "server" | "client";
  /** The inbound's name in stats, or the outbound's name. */
  readonly service: string;
  /** The client's name, or the outbound's. */
  readonly name: string;
  /** Sessions since the relay's start. */
  readonly opened: number;
  /** Bytes of all of them. */
  readonly sent: number;
  readonly received: number;
  readonly sessions: readonly SessionStats[];
}

export interface RelayStats extends Moved {
  readonly name: string;
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly started_at: number;
  /** Client connections that hold a place now, handshakes and waits included, and how many may. */
  readonly places: { readonly taken: number; readonly max: number };
  readonly refused: number;
  readonly services: readonly ServiceStats[];
  /** Of users that have come; those past a bound are summed up as ":other". */
  readonly users: readonly UserStats[];
  readonly terms: readonly UserTermsStats[];
  readonly inbounds: readonly InboundReport[];
  readonly dns: DnsStats;
  /** Those that have had a session. */
  readonly tunnels: readonly TunnelStats[];
  /** Events other than a connection's beginning and end, by type. */
  readonly events: Readonly<Record<string, number>>;
  readonly threads: readonly ThreadStats[];
  /** The control link; absent: none is configured. */
  readonly link?: LinkStats;
}

export interface LinkStats {
  readonly connected: boolean;
  /** How often it came up. */
  readonly connects: number;
}
