// Everything that the relay reports: one typed event each, and the sink that writes them to the log. Whoever serves
// connections emits events and knows no logger. Events carry no passwords, and URLs lose user info and query.

import type { Logger } from "pino";
import type { ErrorCode } from "../shared/errors.ts";
import type { CloseReason, FlowKind } from "../shared/flow/flow.ts";
import type { SignatureFault } from "../shared/ingress/signature.ts";

/** Who is on the other end of an inbound's connection. */
export interface Peer {
  /** The inbound, as `NAME/mixed`. */
  readonly inbound: string;
  /** The client's address, canonical. */
  readonly client: string;
}

/** Somebody's wish to reach something. */
interface Attempt extends Peer {
  /** The user's name, or "". */
  readonly user: string;
  /** `host:port`, or a URL without user info and query: people put secrets there. */
  readonly target: string;
}

export type RelayEvent =
  | {
      readonly type: "listener_up";
      readonly inbound: string;
      readonly address: string;
      readonly port: number;
    }
  | {
      readonly type: "listener_down";
      readonly inbound: string;
      readonly address: string;
      readonly port: number;
    }
  | (Attempt & { readonly type: "connection_opened"; readonly id: string; readonly kind: FlowKind })
  | (Attempt & {
      readonly type: "connection_closed";
      readonly id: string;
      readonly kind: FlowKind;
      readonly up: number;
      readonly down: number;
      readonly durationMs: number;
      readonly reason: CloseReason;
    })
  | (Peer & { readonly type: "auth_failed"; readonly user: string; readonly code: ErrorCode })
  | (Attempt & { readonly type: "policy_denied"; readonly why: string })
  | (Attempt & { readonly type: "dial_failed"; readonly code: ErrorCode; readonly why: string })
  | (Attempt & { readonly type: "limit_reached"; readonly code: ErrorCode })
  | {
      readonly type: "account_ended";
      /** `user NAME`, or `client ADDRESS`. */
      readonly account: string;
      readonly code: ErrorCode;
      /** How many were open. */
      readonly connections: number;
    }
  | { readonly type: "quotas_failed"; readonly why: string }
  | (Peer & { readonly type: "handshake_failed"; readonly why: string })
  | (Peer & { readonly type: "connections_full" })
  | (Peer & { readonly type: "source_refused"; readonly why: string })
  | (Peer & { readonly type: "signature_refused"; readonly why: SignatureFault | "replayed" })
  | (Peer & {
      readonly type: "session_opened";
      /** The client's name in the configuration. */
      readonly name: string;
    })
  | (Peer & { readonly type: "session_closed"; readonly name: string; readonly durationMs: number })
  | (Peer & {
      readonly type: "client_unknown";
      /** A key that the tunnel's server was asked for and does not list; nothing proves that its owner asked. */
      readonly publicKey: string;
    })
  | {
      readonly type: "tunnel_up";
      /** The outbound's name. */
      readonly outbound: string;
      /** `host:port` of the server, as it was reached. */
      readonly server: string;
      /** What carries it. */
      readonly engine: string;
    }
  | { readonly type: "tunnel_down"; readonly outbound: string; readonly code: string }
  | {
      readonly type: "tunnel_unanswered";
      readonly outbound: string;
      /** As it is configured. */
      readonly server: string;
      /** What is known of the reason: a kind of Silence (udpack/endpoint/connector.ts). */
      readonly code: string;
      /** The same for people, with what to do. */
      readonly why: string;
    }
  | { readonly type: "spool_failed"; readonly why: string }
  | { readonly type: "drain_expired"; readonly connections: number }
  | {
      readonly type: "thread_ended";
      /** 1 and up. */
      readonly thread: number;
      readonly why: string;
      /** Connections that ended with it. */
      readonly connections: number;
      /** Until it is started again. */
      readonly retryMs: number;
    }
  | { readonly type: "thread_restarted"; readonly thread: number };

export type EmitEvent = (event: RelayEvent) => void;

type Level = "debug" | "info" | "warn";

/** A client's mistake is `info` at most: anybody could fill a log of warnings. */
const LEVELS: Readonly<Record<RelayEvent["type"], Level>> = {
  listener_up: "info",
  listener_down: "info",
  connection_opened: "debug",
  connection_closed: "info",
  auth_failed: "warn",
  policy_denied: "info",
  dial_failed: "info",
  limit_reached: "info",
  account_ended: "info",
  quotas_failed: "warn",
  handshake_failed: "debug",
  connections_full: "warn",
  source_refused: "info",
  signature_refused: "warn",
  session_opened: "info",
  session_closed: "info",
  client_unknown: "info",
  tunnel_up: "info",
  tunnel_down: "warn",
  tunnel_unanswered: "warn",
  spool_failed: "warn",
  drain_expired: "warn",
  thread_ended: "warn",
  thread_restarted: "info",
};

/** Types of events that a log does not take at its level. */
export function unloggedEvents(log: Pick<Logger, "isLevelEnabled">): RelayEvent["type"][] {
  const types = Object.keys(LEVELS) as RelayEvent["type"][];
  return types.filter((type) => !log.isLevelEnabled(LEVELS[type]));
}

/** The sink that logs events as JSON: `event` names the type, keys are in snake_case. */
export function logEvents(log: Pick<Logger, Level | "isLevelEnabled">): EmitEvent {
  const unlogged = new Set(unloggedEvents(log));
  return (event) => {
    // Two events come with every connection: what nobody reads must not be made.
    if (unlogged.has(event.type)) return;
    const { type, ...facts } = event;
    log[LEVELS[type]]({ event: type, ...snakeKeys(facts) });
  };
}

function snakeKeys(facts: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(facts).map(([key, value]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  );
}
