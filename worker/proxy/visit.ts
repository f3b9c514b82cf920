// One admitted request on its way through a host: its place under max_connections and its flow in the stats. Both are
// given back exactly once, when everything that moves bytes for it has ended.

import { CausewayError } from "../../shared/errors.ts";
import type { CloseReason, Flow } from "../../shared/flow/flow.ts";
import type { Exchange } from "../exchange.ts";
import type { HostPlan, Upstream } from "./plan.ts";

export class Visit {
  readonly x: Exchange;
  readonly plan: HostPlan;
  readonly flow: Flow;
  /** Things still moving bytes: the reply, and the upload if there is one. */
  #parts = 1;
  #reason: CloseReason = "done";
  #replied = false;
  #open = true;

  /**
   * Takes a place and opens the flow.
   * @throws CausewayError `too_many_connections`
   */
  constructor(x: Exchange, plan: HostPlan, kind: "http" | "ws", first: Upstream) {
    if (plan.active >= plan.config.max_connections) {
      x.meter.count(plan.service, kind, "errors");
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
    // A client that resets while no reply has begun: the runtime drops the request and with it the fetch, and no code
    // after an await runs any more. Once the reply has begun its body tells.
    x.request.signal.addEventListener("abort", () => {
      if (!this.#replied) this.#close("aborted");
    });
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
    this.#replied = true;
  }

  /** No reply came: an error, whatever part is still open, unless the client itself broke its upload off. */
  fail(): void {
    if (!this.#open) return;
    const clientLeft = this.#reason === "aborted";
    if (!clientLeft) this.x.meter.count(this.plan.service, this.flow.kind, "errors");
    this.#close(clientLeft ? "aborted" : "failed");
  }

  #close(reason: CloseReason): void {
    if (!this.#open) return;
    this.#open = false;
    this.plan.active--;
    this.x.meter.close(this.flow, reason);
  }
}
