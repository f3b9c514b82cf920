// A relay together with its control link to the edge: started in order, stopped so that the last counts still arrive.

import type { RelayConfig } from "../../shared/config/schema.ts";
import { startLink } from "../link/link.ts";
import { createRelay, type Relay, type RelayDeps } from "../relay.ts";

export interface LinkedRelayDeps extends RelayDeps {
  /** The program's version, shown at the edge. */
  readonly version: string;
}

export interface LinkedRelay {
  readonly inbounds: Relay["inbounds"];
  /** Drains open connections, then sends what is left to count and closes the link. */
  stop(): Promise<void>;
}

/** Starts the relay and, if its configuration names an edge, the control link. */
export async function startLinkedRelay(config: RelayConfig, deps: LinkedRelayDeps): Promise<LinkedRelay> {
  const relay = createRelay(config, deps);
  await relay.start();
  const { edge, edge_token: token, name } = config;
  const link =
    edge === undefined || token === undefined
      ? undefined
      : startLink({ edge, token, name, ledger: relay.ledger, inbounds: relay.inbounds, ...deps });
  return {
    inbounds: relay.inbounds,
    async stop() {
      await relay.stop();
      await link?.stop();
    },
  };
}
