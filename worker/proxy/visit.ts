// One admitted request on its way through a host: its place under max_connections and its flow in the stats. Both are
// given back exactly once, when everything that moves bytes for it has ended.

import { CausewayError } from "../../shared/errors.ts";
import type { CloseReason, Flow } from "../../shared/flow/flow.ts";
import type { Exchange } from "../exchange.ts";
import { keepWatch, type Wait, watch } from "../watch.ts";
import type { HostPlan, Upstream } from "./plan.ts";

export class Visit {
  readonly x: Exchange;
  readonly plan: HostPlan;
  readonly flow: Flow;
  /** From admission to the reply's head. */
  readonly #wait: Wait;
  /** Things still moving bytes: the reply, and the upload if there is one. */
  #parts = 1;
  #reason: CloseReason = "done";
  #open = true;

  /**
   * Takes a place and opens the flow.
   * @throws CausewayError `too_many_connections`
   */
  constructor(x: Exchange, plan: HostPlan, kind: "http" | "ws", first: Upstream) {
    keepWatch(x, x.startedAt);
    if (plan.active >= plan.config.max_connections) {
      x.meter.refuse(plan.service, kind);
      x.meter.touch(x.env, x.ctx);
      throw new CausewayError("too_many_connections");
    }
    this.x = x;
    this.plan = plan;
    plan.active++;
    this.flow = x.meter.open({
      kind,
      service: plan.service,
      client: x.clientIp,
      target: first.base + x.url.pathname,
      user: "",
      startedAt: x.startedAt,
    });
    x.meter.touch(x.env, x.ctx);
    this.#wait = watch(x, () => this.#close("aborted"));
  }

  /** Resolves once no reply has begun for a while, if that comes to pass. */
  get slow(): Promise<void> {
    return this.#wait.slow;
  }

  /** One more part moves bytes; the flow stays open until it has ended, too. */
  addPart(): void {
    this.#parts++;
  }

  /** A part has ended. The first reason other than "done" is the flow's. */
  endPart(reason: CloseReason): void {
    if (this.#reason === "done") this.#reason = reason;
    if (--this.#parts === 0) this.#close(this.#reason);
  }

  /** The reply's head is on its way: from here on its body decides how the flow ends. */
  replied(): void {
    this.#wait.end();
  }

  /** No reply came: refused, whatever part is still open, unless the client itself broke its upload off. */
  fail(): void {
    this.#close(this.#reason === "aborted" ? "aborted" : "refused");
  }

  #close(reason: CloseReason): void {
    if (!this.#open) return;
    this.#open = false;
    this.#wait.end();
    this.plan.active--;
    this.x.meter.close(this.flow, reason);
  }
}
