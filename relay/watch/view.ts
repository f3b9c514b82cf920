// What `causeway stats` shows, wherever it comes from: the edge's snapshots and a relay's own stats are brought into this one
// form, which is also what --json prints. Pure.

/** One row: an inbound, a host or a channel. */
export interface ServiceView {
  readonly service: string;
  readonly kind: string;
  readonly active: number;
  readonly requests: number;
  readonly refused: number;
  readonly up: number;
  readonly down: number;
  /** Bytes per second. */
  readonly up_rate: number;
  readonly down_rate: number;
}

export interface UserView {
  readonly user: string;
  readonly active: number;
  readonly up: number;
  readonly down: number;
  readonly up_rate: number;
  readonly down_rate: number;
  /** Bytes left of the quota; absent: there is none, or it is not known. */
  readonly quota_left?: number;
}

export interface ConnectionView {
  readonly id: string;
  readonly kind: string;
  readonly service: string;
  readonly client: string;
  readonly user: string;
  readonly target: string;
  readonly up: number;
  readonly down: number;
  /** Milliseconds since the epoch. */
  readonly started_at: number;
}

/** One open session of the UDP tunnel. */
export interface TunnelView {
  /** The relay whose end it is. */
  readonly relay: string;
  /** A client's session at the relay, or the relay's own at another. */
  readonly role: "server" | "client";
  /** The client's name, or the outbound's. */
  readonly name: string;
  readonly remote: string;
  /** What carries it. */
  readonly engine: string;
  readonly rtt_ms: number;
  /** Part of the packets sent that were lost. */
  readonly loss: number;
  /** Bytes per second that the path delivers, as far as it was used. */
  readonly rate: number;
  readonly streams: number;
}

export interface LinkView {
  readonly name: string;
  readonly connected: boolean;
}

export interface StatsView {
  /** Whose figures they are. */
  readonly source: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly since: number;
  readonly active: number;
  readonly requests: number;
  readonly up: number;
  readonly down: number;
  readonly up_rate: number;
  readonly down_rate: number;
  readonly services: readonly ServiceView[];
  /** Empty where the source tells of none. */
  readonly users: readonly UserView[];
  /** The longest open ones; `active` counts all. */
  readonly connections: readonly ConnectionView[];
  readonly tunnels: readonly TunnelView[];
  readonly links: readonly LinkView[];
}

/** Bytes moved, as rates are made of. */
export interface Moved {
  readonly up: number;
  readonly down: number;
}

/** Rates per second between two looks; nothing moved backwards, so a restart of the source begins at zero. */
export function ratesBetween(
  before: Moved | undefined,
  after: Moved,
  ms: number,
): { up_rate: number; down_rate: number } {
  if (before === undefined || ms <= 0) return { up_rate: 0, down_rate: 0 };
  const rate = (way: "up" | "down") => Math.max(0, ((after[way] - before[way]) * 1_000) / ms);
  return { up_rate: rate("up"), down_rate: rate("down") };
}
