// One viewer's request on a channel, as the stats see it: a flow that ends exactly once, and whether it was a hit.

import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { type ChannelSource, isHit, type Tier } from "../../shared/flow/channel.ts";
import type { CloseReason, Flow } from "../../shared/flow/flow.ts";
import { HLS_LIMITS, WATCH_LIMITS } from "../../shared/limits.ts";
import { hash32 } from "../../shared/net/hash.ts";
import type { Exchange } from "../exchange.ts";
import { meterBody } from "../stats/body.ts";
import { type Host, keepWatch, type Mover, type Wait, type Watched, watch } from "../watch.ts";
import { byteCountOf } from "./origin-meter.ts";

/** The beginning of a URL without credentials: parsing all of each would cost more than the rest of a flow. */
const PLAIN_ORIGIN = /^https?:\/\/[a-z0-9.-]+(?::\d+)?(?=[/?#])/;

export class Visit implements Watched {
  readonly x: Exchange;
  readonly #service: string;
  readonly #flow: Flow;
  /** From the request to the reply's end. */
  readonly #wait: Wait;
  #mover: Mover | undefined;
  #replied = false;

  constructor(x: Exchange, service: string, url: string) {
    this.x = x;
    this.#service = service;
    this.#flow = x.meter.open({
      kind: "hls",
      service,
      client: x.clientIp,
      target: shownTarget(url, x.url.pathname),
      user: x.viewing?.user ?? "",
      startedAt: x.startedAt,
    });
    x.meter.touch(x.env, x.ctx);
    keepWatch(x, x.startedAt);
    this.#wait = watch(this);
  }

  /** The body to answer with, counted; `length` when it is known. Call once per reply. */
  send(
    tier: Tier,
    body: Uint8Array | ReadableStream<Uint8Array> | null,
    length: number | undefined,
  ): BodyInit | null {
    this.#replied = true;
    this.#flow.viewer = viewerOf(this.x);
    this.x.meter.channel(this.#service).reply(tier);
    this.x.meter.count(this.#service, "hls", isHit(tier) ? "hits" : "misses");
    if (body === null) {
      this.#close("done");
      return null;
    }
    // An origin's own stream, which nobody reads on the way, has given what the viewer took.
    const fromOrigin = byteCountOf(body);
    const metered = meterBody(body, {
      length,
      flow: this.#flow,
      x: this.x,
      idleMs: HLS_LIMITS.STALL_TIMEOUT_MS,
      onEnd: (reason) => {
        this.#close(reason);
        fromOrigin?.(this.#flow.down);
      },
    });
    this.#mover = metered.mover;
    return metered.body as BodyInit;
  }

  /** A segment's reply begins now. */
  timeSegment(): void {
    this.x.meter.channel(this.#service).segment(Date.now() - this.x.startedAt);
  }

  /** The source that playlists come from. */
  noteSource(source: ChannelSource): void {
    this.x.meter.channel(this.#service).source(source);
  }

  get missesMax(): number {
    return this.#replied ? WATCH_LIMITS.MOVING_MISSES_MAX : 1;
  }

  round(now: number): number {
    if (this.#flow.cut || this.x.viewing?.goesOn(this.x, now) === false) this.#mover?.leave();
    else this.#mover?.check(now, 0);
    return this.#replied ? WATCH_LIMITS.MOVING_INTERVAL_MS : 0;
  }

  left(host: Host): void {
    if (host === this.x) this.#mover?.leave();
    this.#close("aborted");
  }

  /** No reply came of it: `error` says why. */
  fail(error: unknown): void {
    if (!this.#replied) this.#close("refused", error instanceof CausewayError ? error.code : "internal");
  }

  #close(reason: CloseReason, code?: ErrorCode): void {
    this.#wait.end();
    this.x.meter.close(this.#flow, reason, code);
  }
}

/** A session where there is one, else an address and the program behind it: what tells viewers apart without cookies. */
function viewerOf({ viewing, clientIp, request }: Exchange): number {
  return hash32(viewing?.session ?? `${clientIp} ${request.headers.get("user-agent") ?? ""}`);
}

/**
 * The origin's host, and the name that the viewer asked for. The path between stays hidden like the credentials and the
 * query: providers put the account into it, and whoever may watch a dashboard may not read the configured sources.
 */
function shownTarget(url: string, publicPath: string): string {
  const origin = PLAIN_ORIGIN.exec(url)?.[0] ?? new URL(url).origin;
  return `${origin}/…/${publicPath.slice(publicPath.lastIndexOf("/") + 1)}`;
}
