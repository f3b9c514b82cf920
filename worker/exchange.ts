// One request on its way through the Worker: what every step needs, made once in app.ts and passed along.

import type { ConfigSnapshot } from "./directory/client.ts";
import type { Env } from "./env.ts";
import type { Meter } from "./stats/meter.ts";

export interface Exchange {
  readonly request: Request;
  /** `request.url` parsed once; routing, access, cache keys and the upstream's URL all derive from it. */
  readonly url: URL;
  readonly env: Env;
  readonly ctx: ExecutionContext;
  /** Answered as X-Request-Id. */
  readonly requestId: string;
  readonly clientIp: string;
  readonly config: ConfigSnapshot;
  readonly meter: Meter;
  /** Milliseconds since the epoch when the request came in. */
  readonly startedAt: number;
}
