// The relay as a whole: builds its parts from the configuration, starts them in order and stops them in reverse, letting open
// connections end within a deadline. It knows no protocol and no command line.

import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import type { InboundConfig, RelayConfig } from "../shared/config/schema.ts";
import { Ledger } from "../shared/flow/ledger.ts";
import { RELAY_LIMITS } from "../shared/limits.ts";
import { isLoopbackAuthority } from "../shared/net/loopback.ts";
import { type EmitEvent, logEvents } from "./events.ts";
import { Connections } from "./inbound/connections.ts";
import type { Inbound, InboundDeps } from "./inbound/inbound.ts";
import { createInbounds } from "./inbound/registry.ts";
import type { Outbound, Refusal } from "./outbound/outbound.ts";
import { ownListenerRefusal, refusalFor } from "./outbound/policy.ts";
import { Router } from "./outbound/router.ts";
import { Users } from "./users.ts";

export interface RelayDeps {
  readonly log: Logger;
}

/** Parts that tests replace. */
export interface RelayParts {
  readonly outbound?: Outbound;
  readonly emit?: EmitEvent;
  readonly handshakeTimeoutMs?: number;
  readonly bindTimeoutMs?: number;
  readonly connectionsMax?: number;
}

interface InboundAddress {
  readonly kind: string;
  readonly address: string;
  readonly port: number;
  /** What moves it: `relay.inbounds[0].listen`. */
  readonly setting: string;
}

export interface Relay {
  /** @throws PortTakenError naming the port and the setting; nothing is left listening then */
  start(): Promise<void>;
  /** Stops accepting, waits for open connections up to `drain_timeout`, then breaks them off. */
  stop(): Promise<void>;
  /** What listens where; complete once started. */
  readonly inbounds: readonly InboundAddress[];
  readonly ledger: Ledger;
}

export function createRelay(config: RelayConfig, deps: RelayDeps, parts: RelayParts = {}): Relay {
  return new RelayProcess(config, deps, parts);
}

class RelayProcess implements Relay {
  readonly ledger: Ledger;
  readonly #config: RelayConfig;
  readonly #emit: EmitEvent;
  readonly #connections: Connections;
  readonly #inbounds: readonly Inbound[];
  readonly #settings = new Map<Inbound, string>();
  #started: Inbound[] = [];
  #stopping: Promise<void> | undefined;

  constructor(config: RelayConfig, { log }: RelayDeps, parts: RelayParts) {
    this.#config = config;
    this.#emit = parts.emit ?? logEvents(log);
    this.ledger = new Ledger({ source: randomUUID(), origin: "relay", name: config.name });
    this.#connections = new Connections(parts.connectionsMax ?? RELAY_LIMITS.CONNECTIONS_MAX);
    const users = new Users(config.users);
    const router = new Router(config, { serverRefusal: ownListenerRefusal(() => this.#started) });
    const shared = {
      users,
      ledger: this.ledger,
      emit: this.#emit,
      idleTimeoutMs: config.idle_timeout,
      handshakeTimeoutMs: parts.handshakeTimeoutMs ?? RELAY_LIMITS.HANDSHAKE_TIMEOUT_MS,
      bindTimeoutMs: parts.bindTimeoutMs ?? RELAY_LIMITS.BIND_TIMEOUT_MS,
    };
    this.#inbounds = config.inbounds.flatMap((inbound, index) => {
      const deps: InboundDeps = {
        ...shared,
        service: `${config.name}/${inbound.name ?? inbound.kind}`,
        auth: "auth" in inbound ? inbound.auth : "none",
        outbound: parts.outbound ?? router.forInbound([inbound.name ?? inbound.kind, inbound.kind]),
        refusal: this.#refusalFor(inbound),
      };
      const setting = `relay.inbounds[${index}].listen`;
      const made = createInbounds(inbound, { deps, connections: this.#connections, setting });
      for (const listener of made) this.#settings.set(listener, setting);
      return made;
    });
  }

  /**
   * Clients of a proxy reach what its policy lets them reach. A forward's target is trusted, unless it is a forward of the same
   * kind: a ring of them would dial itself until every descriptor is used up.
   */
  #refusalFor({ kind, listen }: InboundConfig): Refusal {
    if (kind === "tcp" || kind === "udp") {
      return ownListenerRefusal(() => this.#started.filter((inbound) => inbound.kind === kind));
    }
    return refusalFor(isLoopbackAuthority(listen), () => this.#started);
  }

  get inbounds(): readonly InboundAddress[] {
    return this.#inbounds.map((inbound) => {
      const { kind, address, port } = inbound;
      return { kind, address, port, setting: this.#settings.get(inbound) ?? "" };
    });
  }

  async start(): Promise<void> {
    try {
      for (const inbound of this.#inbounds) {
        await inbound.start();
        this.#started = [...this.#started, inbound];
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#drain();
    return this.#stopping;
  }

  async #drain(): Promise<void> {
    for (const inbound of this.#started.toReversed()) inbound.stopAccepting();
    const deadline = new AbortController();
    const late = delay(this.#config.drain_timeout, undefined, { signal: deadline.signal }).catch(
      () => undefined,
    );
    await Promise.race([this.#connections.empty(), late]);
    deadline.abort();
    if (this.#connections.size > 0) {
      this.#emit({ type: "drain_expired", connections: this.#connections.size });
      this.#connections.abort();
      await this.#connections.empty();
    }
    for (const inbound of this.#started.toReversed()) await inbound.close();
  }
}
