// What the steps of a request hand to each other: the plan of its host, the routed call, and the forms of gates and header
// steps. Types only, and this folder's other files are not imported here: what a plan holds is declared by what it is asked,
// so that imports point one way.

import type { HostConfig } from "../../shared/config/schema.ts";
import type { CloseReason, Flow } from "../../shared/flow/flow.ts";
import type { Arrival } from "../../shared/http/forwarded.ts";
import type { UpstreamBase } from "../../shared/http/location.ts";
import type { PathRewrite } from "../../shared/http/path-prefix.ts";
import type { Exchange } from "../exchange.ts";

export interface Upstream extends UpstreamBase {
  readonly index: number;
  /** What a request's path is appended to. */
  readonly base: string;
}

/** What a configured host comes down to per request; made by planOf. */
export interface HostPlan {
  readonly config: HostConfig;
  /** Name of the host in stats; with its path unless that is everything. */
  readonly service: string;
  /** How a request came here, as the trusted proxies before it tell; undefined where none are trusted. */
  readonly arrival: ((x: Exchange) => Arrival | undefined) | undefined;
  /** What a request passes before it is admitted, in order. */
  readonly gates: readonly Gate[];
  /** The path for the upstream, to be put behind its base. */
  readonly targetPath: (pathname: string) => string;
  /** What targetPath does, for the way back. */
  readonly rewrite: PathRewrite;
  /** Names that no odd spelling of reaches the upstream, as foldedName spells them. */
  readonly guardedFields: ReadonlySet<string>;
  /** What the configuration does to header fields beyond what every host does; usually nothing. */
  readonly requestSteps: readonly HeadStep[];
  readonly replySteps: readonly HeadStep[];
  /** It answers for cross-origin access itself: what upstreams say about that goes. */
  readonly ownsCors: boolean;
  readonly upstreams: readonly Upstream[];
  /** Chooses among the upstreams. */
  readonly pool: UpstreamPool;
  /** The relay that reaches the upstreams; undefined: the edge itself does. */
  readonly relay: string | undefined;
  /** How many requests may be repeated; undefined: none. */
  readonly retryBudget: RetryBudget | undefined;
  /** Places of its metered WebSockets; undefined where only max_connections bounds them. */
  readonly sockets: SocketPlaces | undefined;
  /** What the HTTP cache has to know of the host; undefined: it is off. */
  readonly cache: CachePlan | undefined;
  /** Its places under max_connections, the same over pushes. */
  readonly places: HostPlaces;
}

/** Who may be in a host at a time; made by worker/access/places.ts. */
export interface HostPlaces {
  /** Whether somebody may come in now: milliseconds since the epoch. */
  hasRoom(now: number): boolean;
  take(): void;
  give(): void;
  /** Asks for more room where the limit holds world-wide; true if there is some. */
  more(env: Exchange["env"], ctx: ExecutionContext): Promise<boolean>;
}

/** What of a host's configuration makes an upstream answer one client otherwise than another. */
export interface CachePlan {
  /** Upstreams are told who signed in, or from which country the request comes. */
  readonly byUser: boolean;
  readonly byCountry: boolean;
  /** The client's Authorization does not reach them: what they answer does not depend on it. */
  readonly hidesAuthorization: boolean;
  /** Names of request fields that reach the upstream otherwise than the client sent them. */
  readonly changedFields: ReadonlySet<string>;
}

/** The upstreams of a host with their health and load, as this isolate knows them; made by pool.ts. */
export interface UpstreamPool {
  /** The one upstream there is, where nothing has to be known of it: it is chosen always, and the rest is for nothing. */
  readonly only: Upstream | undefined;
  /** The cookie of the policy "cookie"; it must be ready before an upstream is chosen. */
  readonly affinity: UpstreamAffinity | undefined;
  /**
   * An upstream by the host's policy; one of `avoid`, by index, only if there is no other.
   * @throws CausewayError `no_upstream` when active checks found all of them down
   */
  choose(call: Call, avoid?: ReadonlySet<number>): Upstream;
  /** What became of a request to an upstream: the status of its reply, "failed", or "unknown" where it ended before either. */
  report(upstream: Upstream, outcome: number | "failed" | "unknown"): void;
  /** A request or socket is with the upstream until `release`. True: it is the trial of one that is out of service. */
  hold(upstream: Upstream): boolean;
  release(upstream: Upstream): void;
}

export interface UpstreamAffinity {
  readonly isReady: boolean;
  prepare(env: Exchange["env"]): Promise<void>;
  /** The index of the upstream that a request's cookie names. */
  indexOf(request: Request): number | undefined;
  /** The value of Set-Cookie that keeps a browser with an upstream. */
  cookieFor(index: number, secure: boolean): string;
}

/** How many WebSockets may be open in this isolate; made by socket-places.ts. Times are milliseconds since the epoch. */
export interface SocketPlaces {
  /** @throws CausewayError `too_many_connections`, `too_many_sockets` when there is no place for a client */
  check(clientIp: string, now: number): void;
  /**
   * A place, held until `until` at first.
   * @throws CausewayError like `check`
   */
  take(clientIp: string, now: number, until: number): SocketPlace;
}

/** One socket's place. */
export interface SocketPlace {
  /** It is held until then, unless it is kept again. */
  keep(until: number): void;
  /** Frees it; further calls change nothing. */
  give(): void;
}

export interface RetryBudget {
  /** A request is sent for the first time; `now` in milliseconds since the epoch. */
  count(now: number): void;
  /** Takes leave to repeat a request; false: too many were. */
  spend(now: number): boolean;
}

/** A routed request on its way to admission: what the gates read, and the little that they leave for later steps. */
export interface Call {
  readonly x: Exchange;
  readonly plan: HostPlan;
  readonly kind: "http" | "ws";
  /** Of the parsed URL, which makes a new string of it each time that it is asked. */
  readonly pathname: string;
  /** The client's address for rules, limits, logs and stats: behind trusted proxies the one that they name. */
  readonly clientIp: string;
  /** Set where a trusted proxy handed the request on. */
  readonly arrival: Arrival | undefined;
  /** Who signed in; "" for nobody. */
  user: string;
  /** Its entry in the access log; undefined where the host has none. */
  log: CallLog | undefined;
  /** Header fields for the client's reply, whatever it will be; undefined: none. */
  replyFields: ReplyField[] | undefined;
}

/** A field that stands in place of the upstream's; set-cookie and vary come on top of it. Names are in lower case. */
export type ReplyField = readonly [name: string, value: string];

/** A request's context that is alive: what is started in it goes on. */
export type LiveContext = Pick<Exchange, "ctx" | "env">;

/** The access log's entry of one request; whoever learns something of it tells. Written once, when all is known. */
export interface CallLog {
  /** It has a flow: the record waits for `ended`. */
  admitted(): void;
  replied(response: Response): void;
  failed(error: unknown): void;
  /** Close code of a metered WebSocket and who ended it; before `ended`. */
  socketEnded(code: number, by: "client" | "upstream" | "edge"): void;
  /** `upstream`: base URL of the one asked last; `host`: some live context, as its own may have ended. */
  ended(flow: Flow, reason: CloseReason, upstream: string | undefined, host: LiveContext): void;
}

/**
 * One question asked of every request of a host before it is admitted. Passes by returning undefined; answers instead of
 * the upstream by returning a Response; refuses by throwing a CausewayError. Only what must wait returns a promise.
 */
export type Gate = (call: Call) => Response | undefined | Promise<Response | undefined>;

/** Changes header fields, in place, on their way to or from `upstream`. */
export type HeadStep = (call: Call, upstream: Upstream, headers: Headers) => void;
