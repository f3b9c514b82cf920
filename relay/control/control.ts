// Carries orders out on the running relay: the same ones for the control link and for the admin API. It owns no socket and
// decides nothing about who may give orders.

import type { RelayConfig } from "../../shared/config/schema.ts";
import {
  type Answer,
  type CloseReport,
  type InboundReport,
  type Order,
  PROXY_TYPES,
  type StatusReport,
  type TestReport,
} from "../../shared/control/orders.ts";
import { CausewayError } from "../../shared/errors.ts";
import type { Ledger } from "../../shared/flow/ledger.ts";
import { ORDER_LIMITS } from "../../shared/limits.ts";
import type { Crowd } from "../inbound/connections.ts";
import { type Entry, idOf } from "../inbound-entry.ts";
import type { InboundSet } from "../inbound-set.ts";
import { testUrl } from "./proxy-test.ts";
import { wishFor } from "./start-order.ts";

export interface RelayControlOptions {
  readonly name: string;
  readonly version: string;
  readonly inbounds: InboundSet;
  readonly connections: Pick<Crowd, "size">;
  readonly ledger: Ledger;
  /** As it is now. */
  config(): Pick<RelayConfig, "remote_ports" | "users">;
}

/** Which inbound an order means. */
interface Selector {
  readonly inbound?: string | undefined;
  readonly port?: number | undefined;
}

export class RelayControl {
  readonly #options: RelayControlOptions;
  readonly #startedAt = Date.now();
  #testing = 0;

  constructor(options: RelayControlOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async obey(order: Order): Promise<Answer> {
    try {
      return { ok: true, report: await this.#carryOut(order) };
    } catch (error) {
      const { code, message } =
        error instanceof CausewayError ? error : new CausewayError("internal", undefined, { cause: error });
      return { ok: false, error: { code, message: message.slice(0, ORDER_LIMITS.TEXT_CHARS_MAX) } };
    }
  }

  async #carryOut(order: Order): Promise<StatusReport | InboundReport | TestReport | CloseReport> {
    const { inbounds } = this.#options;
    switch (order.do) {
      case "status":
        return this.#status();
      case "start":
        return inbounds.start(wishFor(order, this.#options.config()));
      case "stop":
        if (order.inbound === undefined && order.port === undefined)
          throw new CausewayError("bad_request", "Cannot choose an inbound: name one by inbound or port");
        return inbounds.stop(
          this.#find(order, () => true),
          order.mode,
        );
      case "test":
        return this.#test(order);
      case "close":
        return this.#close(order.connection);
    }
  }

  #status(): StatusReport {
    const { name, version, inbounds, connections } = this.#options;
    return {
      name,
      version,
      started_at: this.#startedAt,
      connections: connections.size,
      inbounds: inbounds.reports().slice(0, ORDER_LIMITS.INBOUNDS_MAX),
    };
  }

  async #test(order: Extract<Order, { do: "test" }>): Promise<TestReport> {
    // Over the link there are no more than these anyway; the admin API has no bound of its own.
    if (this.#testing >= ORDER_LIMITS.UNDER_WAY_MAX) throw new CausewayError("too_many_orders");
    const entry = this.#find(order, ({ state, wish }) => state === "running" && isProxy(wish.config.kind));
    this.#testing++;
    try {
      return await testUrl(order, { inbound: idOf(entry), deps: entry.built.deps });
    } finally {
      this.#testing--;
    }
  }

  #close(id: string): CloseReport {
    const flow = this.#options.ledger.cutById(id);
    if (flow === undefined) throw new CausewayError("connection_unknown");
    if (flow.onCut === undefined) throw new CausewayError("not_closable");
    return { closed: id };
  }

  /** The one inbound that fits; without any choice named, the first one. */
  #find({ inbound, port }: Selector, isMeant: (entry: Entry) => boolean): Entry {
    const fitting = this.#options.inbounds.entries.filter(
      (entry) =>
        isMeant(entry) &&
        (inbound === undefined || idOf(entry) === inbound) &&
        (port === undefined || entry.built.listeners.some((listener) => listener.port === port)),
    );
    // A drained one may still be there beside the one that has its port now.
    const chosen = fitting.find(({ state }) => state === "running") ?? fitting[0];
    if (chosen === undefined) throw new CausewayError("inbound_unknown");
    return chosen;
  }
}

function isProxy(kind: string): boolean {
  return (PROXY_TYPES as readonly string[]).includes(kind);
}
