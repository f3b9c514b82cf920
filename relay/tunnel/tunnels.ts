// The tunnels that outbounds ride: one client per outbound of the configuration, made when it is first used. They outlive a
// reload that leaves them as they are; one that is not configured any more ends with the last connection on it.

import type { UdpackOutboundConfig } from "../../shared/config/schema.ts";
import type { EmitEvent } from "../events.ts";
import type { TunnelBook } from "./book.ts";
import type { CarrierClient } from "./carrier.ts";
import { TunnelClient } from "./client.ts";

/** Whom tunnels tell of their sessions. */
export interface TunnelWatch {
  readonly emit: EmitEvent;
  readonly book: Pick<TunnelBook, "open">;
}

/** Makes the transport of an outbound; it connects by itself, and tells of that. */
export type ConnectCarrier = (config: UdpackOutboundConfig, watch: TunnelWatch) => CarrierClient;

export class Tunnels {
  readonly #connect: ConnectCarrier;
  readonly #watch: TunnelWatch;
  readonly #open = new Map<string, TunnelClient>();
  readonly #retired = new Set<TunnelClient>();

  constructor(connect: ConnectCarrier, watch: TunnelWatch) {
    this.#connect = connect;
    this.#watch = watch;
  }

  /** Opens at once those that are to be open at all times. */
  begin(outbounds: readonly { readonly kind: string }[]): void {
    for (const config of outbounds) if (isTunnel(config) && config.keep_alive) this.of(config);
  }

  /** The tunnel of an outbound; the same for equal configurations. */
  of(config: UdpackOutboundConfig): TunnelClient {
    const key = keyOf(config);
    let client = this.#open.get(key);
    if (client === undefined) {
      client = new TunnelClient(this.#connect(config, this.#watch));
      this.#open.set(key, client);
    }
    return client;
  }

  /** The configuration has changed: what `outbounds` have goes on, anything else takes no more. */
  keep(outbounds: readonly { readonly kind: string }[]): void {
    const kept = new Set(outbounds.filter(isTunnel).map(keyOf));
    for (const [key, client] of this.#open) {
      if (kept.has(key)) continue;
      this.#open.delete(key);
      this.#retired.add(client);
      client.retire();
    }
    this.begin(outbounds);
    for (const client of this.#retired) if (client.size === 0) this.#retired.delete(client);
  }

  /** Ends all, and what rides them. */
  async close(): Promise<void> {
    const all = [...this.#open.values(), ...this.#retired];
    this.#open.clear();
    this.#retired.clear();
    await Promise.all(all.map((client) => client.close()));
  }
}

function isTunnel(config: { readonly kind: string }): config is UdpackOutboundConfig {
  return config.kind === "udpack";
}

function keyOf(config: UdpackOutboundConfig): string {
  return JSON.stringify(config);
}
