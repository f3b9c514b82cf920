// What the protocols of an inbound share: signing in, dialling with the failure told, and carrying a connection from its
// first byte to its close in the ledger and in events. It knows no protocol.

import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { CausewayError } from "../../shared/errors.ts";
import type { CloseReason, Flow, FlowKind } from "../../shared/flow/flow.ts";
import { formatAuthority } from "../../shared/net/address.ts";
import type { Peer } from "../events.ts";
import { dialErrorCode, type Target } from "../outbound/outbound.ts";
import { pipe } from "../pipe.ts";
import type { Place } from "./connections.ts";
import type { InboundDeps } from "./inbound.ts";

/** Who wants what, as it is counted and reported. */
export interface Wish {
  readonly kind: FlowKind;
  readonly client: string;
  readonly user: string;
  /** For people: `host:port` or a URL without secrets. */
  readonly label: string;
}

export class SessionHost {
  readonly deps: InboundDeps;

  constructor(deps: InboundDeps) {
    this.deps = deps;
  }

  peer(client: string): Peer {
    return { inbound: this.deps.service, client };
  }

  /** @throws CausewayError as Users.signIn, after reporting it */
  async signIn(user: string, password: string, client: string): Promise<void> {
    try {
      await this.deps.users.signIn(user, password, client);
    } catch (error) {
      const code = error instanceof CausewayError ? error.code : "internal";
      this.deps.emit({ type: "auth_failed", ...this.peer(client), user, code });
      throw error;
    }
  }

  /** @throws CausewayError as Outbound.connect, after reporting and counting it */
  async dial(target: Target, wish: Wish, signal: AbortSignal): Promise<Socket> {
    const { outbound, refusal } = this.deps;
    try {
      return await outbound.connect(target, { refusal, signal });
    } catch (error) {
      if (!signal.aborted) this.reportFailure(error, wish);
      throw error instanceof CausewayError
        ? error
        : new CausewayError(dialErrorCode(error), undefined, { cause: error });
    }
  }

  /** Counts and reports that a wish was not met. */
  reportFailure(error: unknown, wish: Wish): void {
    const { service, ledger, emit } = this.deps;
    const attempt = { ...this.peer(wish.client), user: wish.user, target: wish.label };
    const why = error instanceof Error ? error.message : String(error);
    const code = dialErrorCode(error);
    ledger.count(service, wish.kind, "errors");
    if (code === "target_refused") emit({ type: "policy_denied", ...attempt, why });
    else emit({ type: "dial_failed", ...attempt, code, why });
  }

  open({ kind, client, user, label }: Wish): Flow {
    const { service, ledger, emit } = this.deps;
    const flow = ledger.open({ kind, service, client, target: label, user, startedAt: Date.now() });
    emit({ type: "connection_opened", id: flow.id, kind, ...this.peer(client), user, target: label });
    return flow;
  }

  close(flow: Flow, reason: CloseReason): void {
    const { id, kind, user, target, up, down, startedAt } = flow;
    const now = Date.now();
    this.deps.ledger.close(flow, reason, now);
    this.deps.emit({
      type: "connection_closed",
      id,
      kind,
      ...this.peer(flow.client),
      user,
      target,
      up,
      down,
      durationMs: now - startedAt,
      reason,
    });
  }

  /** Carries a dialled connection to its end and frees its place. Never rejects. */
  async carry(client: Duplex, target: Socket, { wish, head, place }: Carriage): Promise<void> {
    const flow = this.open(wish);
    const { idleTimeoutMs } = this.deps;
    place.carried = true;
    this.close(flow, await pipe(client, target, { flow, idleTimeoutMs, head, signal: place.signal }));
    place.leave();
  }
}

/** What `carry` needs beside the two sockets. */
export interface Carriage {
  readonly wish: Wish;
  /** Bytes of the client that came with its handshake. */
  readonly head: Buffer;
  readonly place: Place;
}

/** What a wish for a connection is called. */
export function connectWish(kind: FlowKind, target: Target, client: string, user: string): Wish {
  return { kind, client, user, label: formatAuthority(target.host, target.port) };
}
