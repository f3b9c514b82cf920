// Where a relay's connections are served: in the main thread, which is all there is of it by default, or by several threads
// (threads/crew.ts).

import type { RelayConfig } from "../shared/config/schema.ts";
import type { LedgerOptions } from "../shared/flow/ledger.ts";
import { Connections, type Crowd } from "./inbound/connections.ts";
import type { InboundDeps } from "./inbound/inbound.ts";
import { createInbounds } from "./inbound/registry.ts";
import type { BuiltInbound, InboundWish } from "./inbound-entry.ts";
import type { TunnelStats } from "./metrics/stats.ts";
import { SummingLedger } from "./metrics/summing-ledger.ts";

export interface Floor {
  /** What all its connections move. */
  readonly ledger: SummingLedger;
  readonly connections: Crowd;
  /** @throws Error when it cannot serve here */
  start(): Promise<void>;
  build(wish: InboundWish, deps: InboundDeps): BuiltInbound;
  reload(config: RelayConfig): Promise<void>;
  /** What no client may reach has changed. */
  tellOwn(): void;
  /** Tunnels whose sessions are in other threads. */
  tunnels(): readonly TunnelStats[];
  /** Its connections have ended. */
  stop(): Promise<void>;
}

/** The main thread by itself. */
export class MainThread implements Floor {
  readonly ledger: SummingLedger;
  readonly connections: Connections;
  readonly #connectionsMax: number | undefined;

  /** `connectionsMax`: instead of the configuration's. */
  constructor(
    config: Pick<RelayConfig, "max_connections">,
    options: LedgerOptions,
    connectionsMax?: number | undefined,
  ) {
    this.#connectionsMax = connectionsMax;
    this.ledger = new SummingLedger(options);
    this.connections = new Connections(connectionsMax ?? config.max_connections);
  }

  async start(): Promise<void> {}

  build({ config, setting }: InboundWish, deps: InboundDeps): BuiltInbound {
    const connections = this.connections.part();
    return { deps, connections, listeners: createInbounds(config, { deps, connections, setting }) };
  }

  async reload(config: Pick<RelayConfig, "max_connections">): Promise<void> {
    this.connections.resize(this.#connectionsMax ?? config.max_connections);
  }

  tellOwn(): void {}

  tunnels(): readonly TunnelStats[] {
    return [];
  }

  async stop(): Promise<void> {}
}
