// A Flow is one transfer being counted: an HTTP exchange, a WebSocket, a channel's segment, a proxied connection.
// Whoever moves the bytes adds to `up` and `down`; the ledger turns that into batches. Pure: no I/O, no clock.

/**
 * What carries the bytes on a relay: SOCKS, HTTP CONNECT, plain HTTP proxying, TCP forwards, UDP, forwarded or by SOCKS5, and
 * streams of the UDP tunnel.
 */
const RELAY_KINDS = ["socks", "connect", "proxy", "tcp", "udp", "udpack"] as const;

/** What carries the bytes: on the edge http, ws and hls, else a relay's. */
export const FLOW_KINDS = ["http", "ws", "hls", ...RELAY_KINDS] as const;
export type FlowKind = (typeof FLOW_KINDS)[number];

/** Whether only relays have flows of this kind; the others are the edge's alone. */
export function isRelayKind(kind: FlowKind): boolean {
  return (RELAY_KINDS as readonly string[]).includes(kind);
}

/**
 * Why a flow ended. `done`: whole; `refused`: no reply ever began, though the client waited for one; `aborted`: the client
 * left; `failed`: the far side broke after its reply began; `idle`: nothing moved for too long; `closed`: by order or at
 * shutdown. Counted are `refused` as an error, `aborted` and `failed` as aborted.
 */
export const CLOSE_REASONS = ["done", "refused", "aborted", "failed", "idle", "closed"] as const;
export type CloseReason = (typeof CLOSE_REASONS)[number];

/** What is known when a flow begins. */
export interface FlowInit {
  kind: FlowKind;
  /** The host, channel or inbound that serves it; counters are kept per service. */
  service: string;
  /** The client's IP address. */
  client: string;
  /** Where the bytes go, without credentials or query. */
  target: string;
  /** The authenticated user, or "". */
  user: string;
  /** Milliseconds since the epoch. */
  startedAt: number;
}

export interface Flow extends Readonly<Omit<FlowInit, "target">> {
  readonly id: string;
  /** May become known, or change, while the flow is open; at most FLOW_LIMITS.TEXT_CHARS_MAX characters. */
  target: string;
  /** Body bytes from the client towards the target. */
  up: number;
  /** Body bytes from the target towards the client. */
  down: number;
  /** WebSocket messages from the client towards the target, and back; 0 for all that is no WebSocket. */
  messagesUp: number;
  messagesDown: number;
  /** Of a channel: the hash of who is sent something, once that begins; counted as watching until the flow ends. */
  viewer?: number | undefined;
  /** Set from elsewhere: whoever moves the bytes breaks the transfer off at its next step, as "closed". */
  readonly cut: CutCause | undefined;
  /** Called once when `cut` is set, in whatever context: for movers that have no next step. Must not throw. */
  onCut: ((cause: CutCause) => void) | undefined;
}

/** Why a transfer is broken off: its service is over its quota, or somebody with the right to has said so. */
export type CutCause = "quota" | "order";

/** A flow as it appears in batches, snapshots and connection events. */
export interface FlowRecord {
  id: string;
  kind: FlowKind;
  service: string;
  client: string;
  target: string;
  user: string;
  /** Milliseconds since the epoch. */
  started_at: number;
  up: number;
  down: number;
}

/** A flow that has ended. */
export interface ClosedFlowRecord extends FlowRecord {
  /** Milliseconds since the epoch. */
  ended_at: number;
  reason: CloseReason;
}

export function toFlowRecord(flow: Flow): FlowRecord {
  const { id, kind, service, client, target, user, startedAt, up, down } = flow;
  return { id, kind, service, client, target, user, started_at: startedAt, up, down };
}
