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
import type { Inbound, ListenAt } from "./inbound/inbound.ts";
import { createInbound } from "./inbound/registry.ts";
import { DirectOutbound } from "./outbound/direct.ts";
import type { Outbound } from "./outbound/outbound.ts";
import { refusalFor } from "./outbound/policy.ts";
import { Users } from "./users.ts";

export interface RelayDeps {
  readonly log: Logger;
}

/** Parts that tests replace. */
export interface RelayParts {
  readonly outbound?: Outbound;
  readonly emit?: EmitEvent;
  readonly handshakeTimeoutMs?: number;
  readonly connectionsMax?: number;
}

interface InboundAddress {
  readonly kind: string;
  readonly address: string;
  readonly port: number;
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
  #started: Inbound[] = [];
  #stopping: Promise<void> | undefined;

  constructor(config: RelayConfig, { log }: RelayDeps, parts: RelayParts) {
    this.#config = config;
    this.#emit = parts.emit ?? logEvents(log);
    this.ledger = new Ledger({ source: randomUUID(), origin: "relay", name: config.name });
    this.#connections = new Connections(parts.connectionsMax ?? RELAY_LIMITS.CONNECTIONS_MAX);
    const users = new Users(config.users);
    const outbound = parts.outbound ?? new DirectOutbound();
    const handshakeTimeoutMs = parts.handshakeTimeoutMs ?? RELAY_LIMITS.HANDSHAKE_TIMEOUT_MS;
    this.#inbounds = config.inbounds.map((inbound, index) => {
      const at = listenAt(inbound, index);
      const deps = {
        service: `${config.name}/${inbound.kind}`,
        auth: inbound.auth,
        users,
        outbound,
        refusal: refusalFor(isLoopbackAuthority(inbound.listen), () => this.#started),
        ledger: this.ledger,
        emit: this.#emit,
        idleTimeoutMs: config.idle_timeout,
        handshakeTimeoutMs,
      };
      return createInbound(inbound.kind, at, deps, this.#connections);
    });
  }

  get inbounds(): readonly InboundAddress[] {
    return this.#inbounds.map(({ kind, address, port }) => ({ kind, address, port }));
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

function listenAt({ listen }: InboundConfig, index: number): ListenAt {
  const colon = listen.lastIndexOf(":");
  const host = listen.slice(0, colon).replace(/^\[|\]$/g, "");
  return { host, port: Number(listen.slice(colon + 1)), setting: `relay.inbounds[${index}].listen` };
}
