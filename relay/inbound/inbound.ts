// What an inbound is to the relay, and what it needs from it. Types only.

import type { Server } from "node:net";
import type { InboundConfig } from "../../shared/config/schema.ts";
import type { Ledger } from "../../shared/flow/ledger.ts";
import type { ReplayVerdict } from "../../shared/ingress/replay.ts";
import type { EmitEvent } from "../events.ts";
import type { Limits } from "../limits/limits.ts";
import type { Outbound, Refusal } from "../outbound/outbound.ts";
import type { ListenerAddress } from "../outbound/policy.ts";
import type { Spool } from "../spool/spool.ts";
import type { TunnelBook } from "../tunnel/book.ts";
import type { Users } from "../users.ts";

export interface Inbound {
  readonly kind: string;
  /** The bound address, once started. */
  readonly address: string;
  readonly port: number;
  /**
   * `before`: it listens there instead of that one, by the same socket: no connect is refused meanwhile.
   * @throws PortTakenError when the port is taken
   */
  start(before?: Inbound): Promise<void>;
  /** Has `server` listen by its socket, and accepts no more; open connections go on. Absent: nobody can take it over. */
  handOver?(server: Server): Promise<ListenerAddress>;
  /** Takes over what of it may change while it runs, where it is in these. Absent: nothing may. */
  refresh?(inbounds: readonly InboundConfig[]): void;
  /** Open connections go on. */
  stopAccepting(): void;
  /** Frees what is left once all connections have ended. */
  close(): Promise<void>;
}

/** Where an inbound listens, and the setting that says so. */
export interface ListenAt {
  readonly host: string;
  readonly port: number;
  /** For errors: `relay.inbounds[0].listen`. */
  readonly setting: string;
  /** Whether other threads listen there, too. */
  readonly reusePort?: boolean | undefined;
}

/** Where an inbound counts what it carries. */
export type FlowBook = Pick<Ledger, "open" | "close" | "refuse">;

/** What has been signed with `secret` and accepted, at whatever listener and in whatever thread. */
export type TakeSignature = (
  secret: string,
  signature: { readonly at: number; readonly nonce: string },
) => ReplayVerdict | Promise<ReplayVerdict>;

/** What an inbound needs of its relay. */
export interface InboundDeps {
  /** The inbound's name in stats: `RELAY/NAME`, or `RELAY/mixed` without one. */
  readonly service: string;
  readonly auth: "none" | "password";
  readonly users: Pick<Users, "signIn">;
  readonly limits: Limits;
  readonly outbound: Outbound;
  readonly refusal: Refusal;
  readonly ledger: FlowBook;
  /** Absent: this thread remembers by itself. */
  readonly takeSignature?: TakeSignature | undefined;
  readonly emit: EmitEvent;
  /** Where what targets sent waits for slow clients of the UDP tunnel. */
  readonly spool: Spool;
  /** Where sessions of the UDP tunnel are told of. */
  readonly tunnels: Pick<TunnelBook, "open">;
  readonly idleTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  /** How long BIND waits for its peer. */
  readonly bindTimeoutMs: number;
}
