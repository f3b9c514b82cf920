// The ways out as inbounds keep them: while the configuration is replaced, each new connection takes the way that the newest
// rules say, and open ones stay on theirs.

import { datagramWayOf, type Outbound } from "./outbound.ts";
import type { Router } from "./router.ts";

export class LiveRoutes {
  #router: Pick<Router, "forInbound">;
  #generation = 0;

  constructor(router: Pick<Router, "forInbound">) {
    this.#router = router;
  }

  replace(router: Pick<Router, "forInbound">): void {
    this.#router = router;
    this.#generation++;
  }

  /** The way out of one inbound, now and after each change; `inbound` are the names that rules may know it by. */
  forInbound(inbound: readonly string[]): Outbound {
    let generation = this.#generation;
    let outbound = this.#router.forInbound(inbound);
    const current = (): Outbound => {
      if (generation !== this.#generation) outbound = this.#router.forInbound(inbound);
      generation = this.#generation;
      return outbound;
    };
    const generationNow = (): number => this.#generation;
    return {
      connect: (target, options) => current().connect(target, options),
      reach: (target, options) => current().reach(target, options),
      datagramWay: (target, options) => datagramWayOf(current(), target, options),
      carriesDatagrams: (user) => current().carriesDatagrams?.(user) ?? true,
      get generation() {
        return generationNow();
      },
    };
  }
}
