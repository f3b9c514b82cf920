// The Worker's bindings. What the edge needs before any configuration was pushed comes in as vars and secrets.

import type { Health } from "./health/object.ts";
import type { ChannelObject } from "./hls/object/object.ts";
import type { Limits } from "./limits/object.ts";
import type { ImportsObject } from "./lists/object.ts";
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
  /** One object per channel whose isolates must agree on something: sources, leases, viewers. */
  readonly CHANNEL: DurableObjectNamespace<ChannelObject>;
  /** Fans out transport streams: one object per about a hundred viewers of a channel. */
  readonly TS_CHANNEL: DurableObjectNamespace;
  /** Imported lists and guides, refreshed by its alarm. */
  readonly IMPORTS: DurableObjectNamespace<ImportsObject>;
  /** Bodies of channels that outlive the data centres' caches, or are shared by them. Absent: there is no such bucket. */
  readonly SEGMENTS?: R2Bucket;
  /** The dashboard's built files. */
  readonly ASSETS: Fetcher;
  /** Host names of the control plane, separated by commas, without ports. */
  readonly CONTROL_HOSTS: string;
  readonly ADMIN_TOKEN: string;
  /** 32 bytes, base64url: seals secrets and child addresses, signs sessions and tickets. */
  readonly ROOT_KEY: string;
  /** Leads to origins without a detour. Absent on Cloudflare, where `fetch` makes none. */
  readonly ORIGIN_NETWORK?: Fetcher;
  /** Connects to public addresses only, whatever a name resolves to. Absent on Cloudflare, where no others are in reach. */
  readonly PUBLIC_NETWORK?: Fetcher;
  /** Set only where no Cloudflare network is in front: a peer that presents it may name the client's address. */
  readonly FRONT_SECRET?: string;
}
