// The Worker's bindings. What the edge needs before any configuration was pushed comes in as vars and secrets.

import type { Health } from "./health/object.ts";
import type { Limits } from "./limits/object.ts";
import type { Relays } from "./relays/object.ts";
import type { Stats } from "./stats/object.ts";

export interface Env {
  /** The directory object (itty-durable): versioned configuration. */
  readonly DIRECTORY: DurableObjectNamespace;
  /** The stats object: totals, series, dashboards. */
  readonly STATS: DurableObjectNamespace<Stats>;
  /** Holds the relays' control links. */
  readonly RELAYS: DurableObjectNamespace<Relays>;
  /** Runs the active health checks. */
  readonly HEALTH: DurableObjectNamespace<Health>;
  /** One object per host whose limits hold world-wide: leases on its places and its rate. */
  readonly LIMITS: DurableObjectNamespace<Limits>;
  /** The dashboard's built files. */
  readonly ASSETS: Fetcher;
  /** Host names of the control plane, separated by commas, without ports. */
  readonly CONTROL_HOSTS: string;
  readonly ADMIN_TOKEN: string;
  /** 32 bytes, base64url: seals secrets and child addresses, signs sessions and tickets. */
  readonly ROOT_KEY: string;
  /** Set only where no Cloudflare network is in front: a peer that presents it may name the client's address. */
  readonly FRONT_SECRET?: string;
}
