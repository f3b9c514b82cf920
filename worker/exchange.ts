// One request on its way through the Worker: what every step needs, made once in app.ts and passed along.

import type { RequestUrl } from "../shared/http/request-url.ts";
import type { ConfigSnapshot } from "./directory/client.ts";
import type { Env } from "./env.ts";
import type { Meter } from "./stats/meter.ts";

/** Somebody who watches a channel by a right that may end. */
export interface ViewingRight {
  /** The subscriber's name; "" for others. */
  readonly user: string;
  /** Tells the session from others of the channel. */
  readonly session: string;
  /**
   * To be called every few seconds, in the request's own context, while its reply goes on: keeps the session's place.
   * False: the reply must end.
   */
  goesOn(x: Pick<Exchange, "env" | "ctx">, now: number): boolean;
}

export interface Exchange {
  readonly request: Request;
  /** `request.url` parsed once; routing, access, cache keys and the upstream's URL all derive from it. */
  readonly url: RequestUrl;
  readonly env: Env;
  readonly ctx: ExecutionContext;
  /** Answered as X-Request-Id. */
  readonly requestId: string;
  readonly clientIp: string;
  readonly config: ConfigSnapshot;
  readonly meter: Meter;
  /** Milliseconds since the epoch when the request came in. */
  readonly startedAt: number;
  /** The viewer of a channel that keeps book of who watches: asked now and then whether a long reply may go on. */
  readonly viewing?: ViewingRight;
}
