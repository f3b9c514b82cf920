// A relay together with its control link to the edge and its admin API: started in order, stopped so that the last counts
// still arrive.

import type { RelayConfig } from "../../shared/config/schema.ts";
import { type AdminServer, startAdmin } from "../admin/server.ts";
import type { ReloadReport } from "../inbound-set.ts";
import { type Link, startLink } from "../link/link.ts";
import { ProcessWatch } from "../metrics/process-watch.ts";
import { relayMetrics } from "../metrics/relay-metrics.ts";
import type { RelayStats } from "../metrics/stats.ts";
import { createRelay, type Relay, type RelayDeps } from "../relay.ts";

export interface LinkedRelayDeps extends RelayDeps {
  /** The program's version, shown at the edge. */
  readonly version: string;
  /** Reads the configuration again, for POST /api/config/reload. Absent: there is nothing to read. */
  readonly reload?: () => Promise<object>;
}

export interface LinkedRelay {
  readonly inbounds: Relay["inbounds"];
  /** Where the admin API listens. */
  readonly admin: Pick<AdminServer, "address" | "port"> | undefined;
  /**
   * Takes over another configuration without dropping connections; resolves to what has changed, and to the keys whose
   * change needs a restart. @throws CausewayError `relay_stopping`
   */
  reload(config: RelayConfig): Promise<ReloadReport & { readonly restart: readonly string[] }>;
  /** Drains open connections, then sends what is left to count and closes the link. */
  stop(): Promise<void>;
}

/** What stands for the life of the process: the ledger, the link and the admin API are made of it. */
const FIXED = ["name", "workers", "edge", "edge_token", "admin", "admin_token"] as const;

/** Starts the relay and, as its configuration says, the admin API and the control link. */
export async function startLinkedRelay(config: RelayConfig, deps: LinkedRelayDeps): Promise<LinkedRelay> {
  const relay = createRelay(config, deps);
  await relay.start();
  let link: Link | undefined;
  const stats = (): RelayStats => ({ ...relay.stats(), ...(link && { link: link.stats }) });
  const admin = await startAdminOf(relay, config, { ...deps, stats }).catch(async (error: unknown) => {
    await relay.stop();
    throw error;
  });
  link = startLinkOf(relay, config, deps);
  return {
    inbounds: relay.inbounds,
    admin,
    async reload(next) {
      const report = await relay.reload(next);
      return { ...report, restart: FIXED.filter((key) => next[key] !== config[key]) };
    },
    async stop() {
      await admin?.stop();
      await relay.stop();
      await link?.stop();
    },
  };
}

async function startAdminOf(
  relay: Relay,
  { admin, admin_token: token }: RelayConfig,
  { reload, stats }: LinkedRelayDeps & { readonly stats: () => RelayStats },
): Promise<Pick<AdminServer, "address" | "port" | "stop"> | undefined> {
  if (admin === undefined || token === undefined) return undefined;
  // Nobody else asks how late timers are, so only this has them watched.
  const watch = new ProcessWatch();
  const stop = async (server?: AdminServer): Promise<void> => {
    watch.stop();
    await server?.stop();
  };
  try {
    const server = await startAdmin(admin, {
      token,
      obey: (order) => relay.obey(order),
      connections: () => relay.ledger.records(),
      stats,
      metrics: () => [...relayMetrics(stats()), ...watch.metrics()],
      reload,
    });
    relay.reserve(server);
    return { address: server.address, port: server.port, stop: () => stop(server) };
  } catch (error) {
    await stop();
    throw error;
  }
}

function startLinkOf(relay: Relay, config: RelayConfig, deps: LinkedRelayDeps): Link | undefined {
  const { edge, edge_token: token, name } = config;
  if (edge === undefined || token === undefined) return undefined;
  const link = startLink({
    edge,
    token,
    name,
    ledger: relay.ledger,
    inbounds: () => relay.listening,
    tunnels: () => relay.tunnels,
    obey: (order) => relay.obey(order),
    version: deps.version,
    log: deps.log,
  });
  relay.onChange(() => link.changed());
  return link;
}
