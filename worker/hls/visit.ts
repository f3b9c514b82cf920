// One viewer's request on a channel, as the stats see it: a flow that ends exactly once, and whether it was a hit.

import { CausewayError } from "../../shared/errors.ts";
import type { CloseReason, Flow } from "../../shared/flow/flow.ts";
import type { Exchange } from "../exchange.ts";
import { meterBody } from "../stats/body.ts";
import type { Tier } from "./reply.ts";

const HITS: ReadonlySet<Tier> = new Set(["memory", "edge", "collapsed", "stale"]);

export class Visit {
  readonly x: Exchange;
  readonly #service: string;
  readonly #flow: Flow;
  #replied = false;

  constructor(x: Exchange, service: string, url: string) {
    this.x = x;
    this.#service = service;
    this.#flow = x.meter.open({
      kind: "hls",
      service,
      client: x.clientIp,
      target: withoutSecrets(url),
      user: "",
      startedAt: x.startedAt,
    });
    x.meter.touch(x.env, x.ctx);
    // A viewer that leaves before the reply: nothing after an await may run any more.
    x.request.signal.addEventListener("abort", () => {
      if (!this.#replied) this.#close("aborted");
    });
  }

  /** The body to answer with, counted; `length` when it is known. Call once per reply. */
  send(
    tier: Tier,
    body: Uint8Array | ReadableStream<Uint8Array> | null,
    length: number | undefined,
  ): BodyInit | null {
    this.#replied = true;
    this.x.meter.count(this.#service, "hls", HITS.has(tier) ? "hits" : "misses");
    if (body === null) {
      this.#close("done");
      return null;
    }
    return meterBody(body, {
      length,
      flow: this.#flow,
      direction: "down",
      x: this.x,
      onEnd: (reason) => this.#close(reason),
    }) as BodyInit;
  }

  /** No reply came of it. */
  fail(): void {
    if (this.#replied) return;
    this.#replied = true;
    this.x.meter.count(this.#service, "hls", "errors");
    this.#close("failed");
  }

  #close(reason: CloseReason): void {
    this.x.meter.close(this.#flow, reason);
  }
}

/** Host and path: credentials and queries are nobody's business on a dashboard. */
function withoutSecrets(url: string): string {
  const parsed = URL.parse(url);
  if (!parsed) throw new CausewayError("internal");
  return `${parsed.origin}${parsed.pathname}`;
}
