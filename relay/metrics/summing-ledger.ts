// A relay's ledger with sums that only grow: the ledger itself begins anew with every batch that the edge has taken. What is
// open counts with what it moved up to now, so the sums are exact at any moment.

import type { CloseReason, Flow, FlowInit, FlowKind } from "../../shared/flow/flow.ts";
import { Ledger } from "../../shared/flow/ledger.ts";
import { addRefusal, toRefusals } from "../../shared/flow/refusals.ts";
import type { TrackedFlow } from "../../shared/flow/tracked-flow.ts";
import { FLOW_LIMITS, METRICS_LIMITS } from "../../shared/limits.ts";
import type { Moved, ServiceStats, UserStats } from "./stats.ts";

/** Users past the bound together: no user can be called so. */
const OTHER_USERS = ":other";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

class ServiceSums {
  readonly service: string;
  readonly kind: FlowKind;
  readonly moved = nothing();
  readonly refused = new Map<string, number>();
  readonly closed: Record<CloseReason, number> = {
    done: 0,
    refused: 0,
    aborted: 0,
    failed: 0,
    idle: 0,
    closed: 0,
  };

  constructor(service: string, kind: FlowKind) {
    this.service = service;
    this.kind = kind;
  }
}

/** The sums of a relay. */
export interface LedgerSums extends Moved {
  readonly refused: number;
  readonly services: readonly ServiceStats[];
  readonly users: readonly UserStats[];
}

export class SummingLedger extends Ledger {
  readonly #services = new Map<string, ServiceSums>();
  readonly #users = new Map<string, Mutable<Moved>>();

  override open(init: FlowInit, number?: number): Flow {
    const flow = super.open(init, number);
    for (const moved of this.#of(flow)) {
      moved.opened++;
      moved.active++;
    }
    return flow;
  }

  override close(flow: Flow, reason: CloseReason, now: number, code?: string): void {
    const wasOpen = (flow as TrackedFlow).open;
    super.close(flow, reason, now, code);
    if (!wasOpen) return;
    for (const moved of this.#of(flow)) {
      moved.active--;
      moved.up += flow.up;
      moved.down += flow.down;
    }
    const sums = this.#serviceOf(flow.service, flow.kind);
    sums.closed[reason]++;
    if (reason === "refused") addRefusal(sums.refused, code ?? "unknown", 1);
  }

  override refuse(service: string, kind: FlowKind, code?: string): void {
    super.refuse(service, kind, code);
    addRefusal(this.#serviceOf(service, kind).refused, code ?? "unknown", 1);
  }

  /** Everything since the start. */
  sums(): LedgerSums {
    const services = new Map(
      [...this.#services.values()].map((sums) => [sums.moved, { sums, moved: { ...sums.moved } }]),
    );
    const users = new Map([...this.#users].map(([user, moved]) => [moved, { user, ...moved }]));
    for (const flow of this.records()) {
      const [ofService, ofUser] = this.#of(flow);
      const service = ofService && services.get(ofService)?.moved;
      const user = ofUser && users.get(ofUser);
      for (const moved of [service, user]) {
        if (moved === undefined) continue;
        moved.up += flow.up;
        moved.down += flow.down;
      }
    }
    const listed = [...services.values()].map(({ sums: { service, kind, closed, refused }, moved }) => ({
      service,
      kind,
      ...moved,
      refused: toRefusals(refused),
      closed: { ...closed },
    }));
    return { ...totalOf(listed), services: listed, users: [...users.values()] };
  }

  /** What a flow counts for: its service, and its user if it has one. */
  #of({ service, kind, user }: Pick<Flow, "service" | "kind" | "user">): Mutable<Moved>[] {
    const sums = this.#serviceOf(service, kind).moved;
    return user === "" ? [sums] : [sums, this.#userOf(user)];
  }

  #serviceOf(service: string, kind: FlowKind): ServiceSums {
    const key = `${kind} ${service}`;
    const known = this.#services.get(key);
    if (known !== undefined) return known;
    if (this.#services.size >= FLOW_LIMITS.SERVICES_MAX && service !== "other")
      return this.#serviceOf("other", kind);
    const sums = new ServiceSums(service, kind);
    this.#services.set(key, sums);
    return sums;
  }

  #userOf(user: string): Mutable<Moved> {
    const known = this.#users.get(user);
    if (known !== undefined) return known;
    if (this.#users.size >= METRICS_LIMITS.USERS_MAX && user !== OTHER_USERS)
      return this.#userOf(OTHER_USERS);
    const moved = nothing();
    this.#users.set(user, moved);
    return moved;
  }
}

function nothing(): Mutable<Moved> {
  return { opened: 0, active: 0, up: 0, down: 0 };
}

function totalOf(services: readonly ServiceStats[]): Moved & { refused: number } {
  const total = { ...nothing(), refused: 0 };
  for (const { opened, active, up, down, refused } of services) {
    total.opened += opened;
    total.active += active;
    total.up += up;
    total.down += down;
    for (const times of Object.values(refused)) total.refused += times;
  }
  return total;
}
