// What one inbound gets of its relay: the parts that all share, and its own name, way out and policy. The same in every thread
// that serves it.

import type { InboundConfig, RelayConfig } from "../shared/config/schema.ts";
import { RELAY_LIMITS } from "../shared/limits.ts";
import { isLoopbackAuthority } from "../shared/net/loopback.ts";
import type { EmitEvent } from "./events.ts";
import type { InboundDeps } from "./inbound/inbound.ts";
import type { LiveRoutes } from "./outbound/live-routes.ts";
import type { Outbound, Refusal } from "./outbound/outbound.ts";
import { type ListenerAddress, ownListenerRefusal, refusalFor } from "./outbound/policy.ts";
import { Spool } from "./spool/spool.ts";

/** A listener of this process. */
export interface OwnListener extends ListenerAddress {
  /** The kind of inbound; absent: it is none. */
  readonly kind?: string | undefined;
}

/** What all inbounds of a relay share. */
export interface InboundWorld
  extends Pick<InboundDeps, "users" | "limits" | "ledger" | "emit" | "takeSignature" | "tunnels"> {
  /** As it is now. */
  config(): Pick<RelayConfig, "name" | "idle_timeout" | "handshake_timeout">;
  readonly routes: Pick<LiveRoutes, "forInbound">;
  /** As it is configured now. */
  spool(): Spool;
  /** What listens now. */
  own(): readonly OwnListener[];
  /** Parts that tests replace. */
  readonly parts: {
    readonly outbound?: Outbound | undefined;
    readonly handshakeTimeoutMs?: number | undefined;
    readonly bindTimeoutMs?: number | undefined;
  };
}

export function depsFor(inbound: InboundConfig, world: InboundWorld): InboundDeps {
  const { users, limits, ledger, emit, takeSignature, tunnels, routes, parts } = world;
  const { name, idle_timeout: idleTimeoutMs, handshake_timeout } = world.config();
  return {
    users,
    limits,
    ledger,
    emit,
    takeSignature,
    tunnels,
    spool: world.spool(),
    idleTimeoutMs,
    handshakeTimeoutMs: parts.handshakeTimeoutMs ?? handshake_timeout,
    bindTimeoutMs: parts.bindTimeoutMs ?? RELAY_LIMITS.BIND_TIMEOUT_MS,
    service: `${name}/${inbound.name ?? inbound.kind}`,
    auth: "auth" in inbound ? inbound.auth : "none",
    outbound: parts.outbound ?? routes.forInbound([inbound.name ?? inbound.kind, inbound.kind]),
    refusal: refusalOf(inbound, () => world.own()),
  };
}

/** The spool that a configuration asks for: `before`, with what its files take of the disk, if that is the same. */
export function spoolOf(
  { spool, state }: Pick<RelayConfig, "spool" | "state">,
  emit: EmitEvent,
  before?: Spool,
): Spool {
  if (before?.isOf(spool, state)) return before;
  return new Spool({ sizes: spool, state, onFailed: (why) => emit({ type: "spool_failed", why }) });
}

/**
 * Clients of a proxy reach what its policy lets them reach. A forward's target is trusted, unless it is a forward of the same
 * kind: a ring of them would dial itself until every descriptor is used up.
 */
function refusalOf({ kind, listen }: InboundConfig, own: () => readonly OwnListener[]): Refusal {
  if (kind === "tcp" || kind === "udp") {
    return ownListenerRefusal(() => own().filter((listener) => listener.kind === kind));
  }
  return refusalFor(isLoopbackAuthority(listen), own);
}
