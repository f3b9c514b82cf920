// The relay as a whole: builds its parts from the configuration, starts them in order, changes them while it runs, and stops
// them in reverse, letting open connections end within a deadline. It knows no protocol and no command line.

import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import type { InboundConfig, RelayConfig } from "../shared/config/schema.ts";
import type { Answer, Order } from "../shared/control/orders.ts";
import { Ledger } from "../shared/flow/ledger.ts";
import { RELAY_LIMITS } from "../shared/limits.ts";
import { isLoopbackAuthority } from "../shared/net/loopback.ts";
import { RelayControl } from "./control/control.ts";
import { type EmitEvent, logEvents } from "./events.ts";
import { Connections } from "./inbound/connections.ts";
import type { InboundDeps } from "./inbound/inbound.ts";
import { createInbounds } from "./inbound/registry.ts";
import { type BuiltInbound, InboundSet, type InboundWish, type ReloadReport } from "./inbound-set.ts";
import { Limits } from "./limits/limits.ts";
import { LiveRoutes } from "./outbound/live-routes.ts";
import type { Outbound, Refusal } from "./outbound/outbound.ts";
import { type ListenerAddress, ownListenerRefusal, refusalFor } from "./outbound/policy.ts";
import { Router } from "./outbound/router.ts";
import { Users } from "./users.ts";

export interface RelayDeps {
  readonly log: Logger;
  /** The program's version, for its status. */
  readonly version?: string;
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
  /**
   * @throws PortTakenError naming the port and the setting; Error when quotas cannot be kept; nothing is left listening
   *   then
   */
  start(): Promise<void>;
  /** Stops accepting, waits for open connections up to `drain_timeout`, then breaks them off. */
  stop(): Promise<void>;
  /** The inbounds' addresses, complete once started; those that do not listen now, too. */
  readonly inbounds: readonly InboundAddress[];
  /** What accepts connections now. */
  readonly listening: readonly InboundAddress[];
  readonly ledger: Ledger;
  /** Carries an order out. Never rejects. */
  obey(order: Order): Promise<Answer>;
  /**
   * Takes over inbounds, users, outbounds, rules, DNS and time limits of another configuration; open connections go on as
   * they began. @throws CausewayError `relay_stopping`
   */
  reload(config: RelayConfig): Promise<ReloadReport>;
  /** One more listener of this process that no client may reach. */
  reserve(listener: ListenerAddress): void;
  /** Has `listener` told after each change of what listens. */
  onChange(listener: () => void): void;
}

export function createRelay(config: RelayConfig, deps: RelayDeps, parts: RelayParts = {}): Relay {
  return new RelayProcess(config, deps, parts);
}

class RelayProcess implements Relay {
  readonly ledger: Ledger;
  readonly #parts: RelayParts;
  readonly #emit: EmitEvent;
  readonly #connections: Connections;
  readonly #users: Users;
  readonly #limits: Limits;
  readonly #routes: LiveRoutes;
  readonly #inbounds: InboundSet;
  readonly #control: RelayControl;
  readonly #reserved: ListenerAddress[] = [];
  readonly #listeners: (() => void)[] = [];
  #config: RelayConfig;
  #stopping: Promise<void> | undefined;

  constructor(config: RelayConfig, { log, version = "" }: RelayDeps, parts: RelayParts) {
    this.#config = config;
    this.#parts = parts;
    this.#emit = parts.emit ?? logEvents(log);
    this.ledger = new Ledger({ source: randomUUID(), origin: "relay", name: config.name });
    this.#connections = new Connections(parts.connectionsMax ?? config.max_connections);
    this.#users = new Users(config.users);
    this.#limits = new Limits(config, { emit: this.#emit });
    this.#routes = new LiveRoutes(this.#routerOf(config));
    this.#inbounds = new InboundSet(wishesOf(config), {
      connections: this.#connections,
      build: (wish, connections) => this.#build(wish, connections),
      onChange: () => {
        for (const listener of this.#listeners) listener();
      },
    });
    this.#control = new RelayControl({
      name: config.name,
      version,
      inbounds: this.#inbounds,
      connections: this.#connections,
      ledger: this.ledger,
      config: () => this.#config,
    });
  }

  #routerOf(config: RelayConfig): Router {
    return new Router(config, { serverRefusal: ownListenerRefusal(() => this.#own()) });
  }

  #own(): readonly ListenerAddress[] {
    return [...this.#inbounds.listening, ...this.#reserved];
  }

  #build({ config: inbound, setting }: InboundWish, connections: Connections): BuiltInbound {
    const { name, idle_timeout: idleTimeoutMs, handshake_timeout } = this.#config;
    const parts = this.#parts;
    const deps: InboundDeps = {
      users: this.#users,
      limits: this.#limits,
      ledger: this.ledger,
      emit: this.#emit,
      idleTimeoutMs,
      handshakeTimeoutMs: parts.handshakeTimeoutMs ?? handshake_timeout,
      bindTimeoutMs: parts.bindTimeoutMs ?? RELAY_LIMITS.BIND_TIMEOUT_MS,
      service: `${name}/${inbound.name ?? inbound.kind}`,
      auth: "auth" in inbound ? inbound.auth : "none",
      outbound: parts.outbound ?? this.#routes.forInbound([inbound.name ?? inbound.kind, inbound.kind]),
      refusal: this.#refusalFor(inbound),
    };
    return { deps, listeners: createInbounds(inbound, { deps, connections, setting }) };
  }

  /**
   * Clients of a proxy reach what its policy lets them reach. A forward's target is trusted, unless it is a forward of the same
   * kind: a ring of them would dial itself until every descriptor is used up.
   */
  #refusalFor({ kind, listen }: InboundConfig): Refusal {
    if (kind === "tcp" || kind === "udp") {
      return ownListenerRefusal(() => this.#inbounds.listening.filter((inbound) => inbound.kind === kind));
    }
    return refusalFor(isLoopbackAuthority(listen), () => this.#own());
  }

  get inbounds(): readonly InboundAddress[] {
    return this.#addresses(() => true);
  }

  get listening(): readonly InboundAddress[] {
    return this.#addresses((state) => state === "running");
  }

  #addresses(isMeant: (state: string) => boolean): InboundAddress[] {
    return this.#inbounds.entries.flatMap(({ state, wish: { setting }, built: { listeners } }) =>
      isMeant(state) ? listeners.map(({ kind, address, port }) => ({ kind, address, port, setting })) : [],
    );
  }

  obey(order: Order): Promise<Answer> {
    return this.#control.obey(order);
  }

  async reload(config: RelayConfig): Promise<ReloadReport> {
    // The name stands in stats, in the link and in the ledger: it is the same for the life of the process.
    this.#config = { ...config, name: this.#config.name };
    await this.#limits.reload(config);
    this.#connections.resize(this.#parts.connectionsMax ?? config.max_connections);
    this.#users.replace(config.users);
    this.#routes.replace(this.#routerOf(config));
    return this.#inbounds.reload(wishesOf(this.#config));
  }

  reserve(listener: ListenerAddress): void {
    this.#reserved.push(listener);
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async start(): Promise<void> {
    try {
      await this.#limits.open();
      await this.#inbounds.startAll();
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
    this.#inbounds.stopAccepting();
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
    await this.#inbounds.close();
    this.#limits.close();
  }
}

/** The configuration's inbounds; two with one key behave the same. */
function wishesOf({ inbounds, idle_timeout, handshake_timeout }: RelayConfig): InboundWish[] {
  return inbounds.map((config, index) => ({
    config,
    origin: "config",
    key: JSON.stringify([config, idle_timeout, handshake_timeout]),
    setting: `relay.inbounds[${index}].listen`,
  }));
}
