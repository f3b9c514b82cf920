// What the protocols of an inbound share: signing in, dialling with the failure told, and carrying a connection from its
// first byte to its close in the ledger and in events. It knows no protocol.

import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import type { CloseReason, Flow, FlowKind } from "../../shared/flow/flow.ts";
import { formatAuthority } from "../../shared/net/address.ts";
import type { Peer } from "../events.ts";
import { type DialOptions, dialErrorCode, type Target } from "../outbound/outbound.ts";
import { pipe } from "../pipe.ts";
import { dismiss, type Place } from "./connections.ts";
import { EarlyData } from "./early-data.ts";
import type { InboundDeps } from "./inbound.ts";

/** Codes of wishes that were refused for what their payers may do. */
const LIMITS: readonly ErrorCode[] = ["user_expired", "traffic_exceeded", "connections_exceeded"];

/** Who wants what, as it is counted and reported. */
export interface Wish {
  readonly kind: FlowKind;
  readonly client: string;
  readonly user: string;
  /** For people: `host:port` or a URL without secrets. */
  readonly label: string;
  /** The connection that pays, where the wish is one of several on it. */
  readonly place?: Place | undefined;
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

  /**
   * Dials the target for `socket`, answers and carries the connection to its end, or answers why not. Never rejects. A
   * client that leaves meanwhile ends the dial.
   */
  async tunnel(socket: Socket, request: TunnelRequest, answers: TunnelAnswers): Promise<void> {
    const { kind, target, client, user, head, place } = request;
    const wish = { kind, client, user, label: formatAuthority(target.host, target.port) };
    const early = new EarlyData(socket, head);
    try {
      this.admit(wish, place);
      const dialled = await this.dial(target, wish, place.signal);
      const sent = early.take();
      if (socket.destroyed) {
        dialled.destroy();
        return;
      }
      socket.write(answers.opened(dialled));
      await this.carry(socket, dialled, { wish, head: sent, place });
    } catch (error) {
      early.take();
      if (socket.destroyed) return;
      socket.end(answers.failed(error instanceof CausewayError ? error.code : "internal"));
      dismiss(socket);
    }
  }

  /** @throws CausewayError as Outbound.connect, after reporting it and counting it as refused */
  dial(target: Target, wish: Wish, signal: AbortSignal): Promise<Socket> {
    const options = this.dialOptions(wish.user, signal);
    return this.attempt(wish, signal, () => this.deps.outbound.connect(target, options));
  }

  /**
   * Says that the wish's user pays for what the connection does from now on.
   * @throws CausewayError as Limits.admit, after reporting it and counting it as refused
   */
  admit(wish: Wish, place: Place): void {
    try {
      this.deps.limits.admit(place, wish.user);
    } catch (error) {
      this.reportFailure(error, wish);
      this.refuse(wish, dialErrorCode(error));
      throw error;
    }
  }

  dialOptions(user: string, signal: AbortSignal): DialOptions {
    return { refusal: this.deps.refusal, signal, user };
  }

  /**
   * Does what a wish asks for.
   * @throws CausewayError when it fails, after reporting it and counting it as refused
   */
  async attempt<T>(wish: Wish, signal: AbortSignal, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      if (!signal.aborted) {
        this.reportFailure(error, wish);
        this.refuse(wish, dialErrorCode(error));
      }
      throw error instanceof CausewayError
        ? error
        : new CausewayError(dialErrorCode(error), undefined, { cause: error });
    }
  }

  /** Reports that a wish was not met. Counting is the caller's: by `refuse`, or by the reason its flow is closed with. */
  reportFailure(error: unknown, wish: Wish): void {
    const { emit } = this.deps;
    const attempt = { ...this.peer(wish.client), user: wish.user, target: wish.label };
    const why = error instanceof Error ? error.message : String(error);
    const code = dialErrorCode(error);
    if (code === "target_refused") emit({ type: "policy_denied", ...attempt, why });
    else if (LIMITS.includes(code)) emit({ type: "limit_reached", ...attempt, code });
    else emit({ type: "dial_failed", ...attempt, code, why });
  }

  /** Counts a wish that was refused before it had a flow. */
  refuse({ kind }: Wish, code?: ErrorCode): void {
    this.deps.ledger.refuse(this.deps.service, kind, code);
  }

  open({ kind, client, user, label }: Wish): Flow {
    const { service, ledger, emit } = this.deps;
    const flow = ledger.open({ kind, service, client, target: label, user, startedAt: Date.now() });
    emit({ type: "connection_opened", id: flow.id, kind, ...this.peer(client), user, target: label });
    return flow;
  }

  /** `code`: why it was refused. */
  close(flow: Flow, reason: CloseReason, code?: ErrorCode): void {
    const { id, kind, user, target, up, down, startedAt } = flow;
    const now = Date.now();
    this.deps.ledger.close(flow, reason, now, code);
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

  /** Carries a connection to its end: counted, reported, and off its place afterwards. Never rejects. */
  async carry(client: Duplex, target: Duplex, { wish, head, place }: Carriage): Promise<void> {
    const flow = this.open(wish);
    const { idleTimeoutMs, limits } = this.deps;
    place.carried = true;
    flow.onCut = () => place.end();
    const options = { flow, idleTimeoutMs, head, signal: place.signal, meter: limits.meterOf(place) };
    this.close(flow, await pipe(client, target, options));
    place.leave();
  }
}

export interface Carriage {
  readonly wish: Wish;
  /** Bytes of the client for the target. */
  readonly head: Buffer;
  readonly place: Place;
}

/** A connection that a client asks for. */
export interface TunnelRequest {
  readonly kind: FlowKind;
  readonly target: Target;
  /** The client's address, canonical. */
  readonly client: string;
  /** The user's name, or "". */
  readonly user: string;
  /** Bytes of the client that came with its handshake. */
  readonly head: Buffer;
  readonly place: Place;
}

/** How a protocol tells its client what became of the dial. */
export interface TunnelAnswers {
  opened(target: Socket): Uint8Array | string;
  failed(code: ErrorCode): Uint8Array | string;
}
