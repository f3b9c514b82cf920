// The relay as a whole: builds its parts from the configuration, starts them in order, changes them while it runs, and stops
// them in reverse, letting open connections end within a deadline. It knows no protocol and no command line.

import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import type { RelayConfig } from "../shared/config/schema.ts";
import type { Answer, Order } from "../shared/control/orders.ts";
import { CausewayError } from "../shared/errors.ts";
import { RelayControl } from "./control/control.ts";
import { type EmitEvent, logEvents, unloggedEvents } from "./events.ts";
import { type Floor, MainThread } from "./floor.ts";
import { lastingPart } from "./inbound/registry.ts";
import { depsFor, type InboundWorld, type OwnListener, spoolOf } from "./inbound-deps.ts";
import type { InboundWish } from "./inbound-entry.ts";
import { InboundSet, type ReloadReport } from "./inbound-set.ts";
import { Limits } from "./limits/limits.ts";
import { EventCounts, isCounted } from "./metrics/event-counts.ts";
import type { RelayStats, TunnelStats } from "./metrics/stats.ts";
import type { SummingLedger } from "./metrics/summing-ledger.ts";
import { ThreadTimes } from "./metrics/thread-times.ts";
import { dnsCounts } from "./outbound/dns-counts.ts";
import { LiveRoutes } from "./outbound/live-routes.ts";
import type { Outbound } from "./outbound/outbound.ts";
import { type ListenerAddress, ownListenerRefusal } from "./outbound/policy.ts";
import { Router } from "./outbound/router.ts";
import type { Spool } from "./spool/spool.ts";
import { Crew, type CrewOptions, crewMemory } from "./threads/crew.ts";
import { TunnelBook } from "./tunnel/book.ts";
import { Tunnels } from "./tunnel/tunnels.ts";
import { connectUdpack } from "./tunnel/udpack-transport.ts";
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
  /** Told of each thread that starts. */
  readonly onThread?: CrewOptions["parts"]["onThread"];
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
  readonly ledger: SummingLedger;
  /** UDP tunnels that have had a session, as of now. */
  readonly tunnels: readonly TunnelStats[];
  /** What it tells of itself, as of now. */
  stats(): RelayStats;
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
  readonly ledger: SummingLedger;
  readonly #version: string;
  readonly #startedAt = Date.now();
  readonly #events = new EventCounts();
  readonly #threads = new ThreadTimes();
  readonly #emit: EmitEvent;
  readonly #floor: Floor;
  readonly #world: InboundWorld;
  readonly #users: Users;
  readonly #limits: Limits;
  readonly #routes: LiveRoutes;
  readonly #inbounds: InboundSet;
  readonly #control: RelayControl;
  readonly #reserved: ListenerAddress[] = [];
  readonly #listeners: (() => void)[] = [];
  readonly #book = new TunnelBook();
  readonly #tunnels: Tunnels;
  #spool: Spool;
  #config: RelayConfig;
  #stopping: Promise<void> | undefined;

  constructor(config: RelayConfig, { log, version = "" }: RelayDeps, parts: RelayParts) {
    this.#config = config;
    this.#version = version;
    this.#emit = this.#events.before(parts.emit ?? logEvents(log));
    const source = randomUUID();
    const shared = config.workers > 1 ? crewMemory(config.workers) : undefined;
    this.#users = new Users(config.users);
    this.#limits = new Limits(config, { emit: this.#emit, purse: shared?.rows.purse });
    this.#tunnels = new Tunnels(connectUdpack, { emit: this.#emit, book: this.#book });
    this.#routes = new LiveRoutes(this.#routerOf(config));
    this.#spool = spoolOf(config, this.#emit);
    const own = () => this.#own();
    const unlogged = parts.emit === undefined ? unloggedEvents(log) : [];
    const unwanted = unlogged.filter((type) => !isCounted(type));
    const common = { limits: this.#limits, users: this.#users, emit: this.#emit, parts, own };
    const onThread: typeof parts.onThread = (worker) => {
      this.#threads.watch(worker);
      parts.onThread?.(worker);
    };
    const identity = { source, origin: "relay", name: config.name } as const;
    this.#floor = shared
      ? new Crew({ config, source, unwanted, ...common, parts: { ...parts, onThread } }, shared)
      : new MainThread(config, identity, parts.connectionsMax);
    this.ledger = this.#floor.ledger;
    this.#world = {
      ...common,
      ledger: this.ledger,
      tunnels: this.#book,
      routes: this.#routes,
      config: () => this.#config,
      spool: () => this.#spool,
    };
    this.#inbounds = new InboundSet(wishesOf(config), {
      build: (wish) => this.#floor.build(wish, depsFor(wish.config, this.#world)),
      onChange: () => this.#changed(),
    });
    this.#control = new RelayControl({
      name: config.name,
      version,
      inbounds: this.#inbounds,
      connections: this.#floor.connections,
      ledger: this.ledger,
      config: () => this.#config,
    });
  }

  #changed(): void {
    this.#floor.tellOwn();
    for (const listener of this.#listeners) listener();
  }

  #routerOf(config: RelayConfig): Router {
    return new Router(config, {
      serverRefusal: ownListenerRefusal(() => this.#own()),
      tunnels: this.#tunnels,
    });
  }

  #own(): readonly OwnListener[] {
    const listening = this.#inbounds.listening.map(({ kind, address, port }) => ({ kind, address, port }));
    return [...listening, ...this.#reserved];
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

  get tunnels(): readonly TunnelStats[] {
    return [...this.#book.list(), ...this.#floor.tunnels()];
  }

  stats(): RelayStats {
    const { name, max_connections: max } = this.#config;
    return {
      name,
      version: this.#version,
      at: Date.now(),
      started_at: this.#startedAt,
      places: { taken: this.#floor.connections.size, max },
      ...this.ledger.sums(),
      terms: this.#limits.userTerms(),
      inbounds: this.#inbounds.reports(),
      dns: dnsCounts(),
      tunnels: this.tunnels,
      events: this.#events.toRecord(),
      threads: this.#threads.list(),
    };
  }

  obey(order: Order): Promise<Answer> {
    return this.#control.obey(order);
  }

  async reload(config: RelayConfig): Promise<ReloadReport> {
    // Quotas that are closed must not be opened again, nor users sent away who are being waited for.
    if (this.#stopping !== undefined) throw new CausewayError("relay_stopping");
    // First, as it alone can fail: of a configuration that cannot be kept to, nothing must hold.
    await this.#limits.reload(config);
    // The name stands in stats, in the link and in the ledger: it is the same for the life of the process.
    this.#config = { ...config, name: this.#config.name };
    this.#users.replace(config.users);
    this.#routes.replace(this.#routerOf(config));
    this.#tunnels.keep(config.outbounds);
    this.#spool = spoolOf(config, this.#emit, this.#spool);
    await this.#floor.reload(this.#config);
    return this.#inbounds.reload(wishesOf(this.#config));
  }

  reserve(listener: ListenerAddress): void {
    this.#reserved.push({ address: listener.address, port: listener.port });
    this.#floor.tellOwn();
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async start(): Promise<void> {
    try {
      await this.#limits.open();
      await this.#floor.start();
      await this.#inbounds.startAll();
      if (this.#config.workers === 1) this.#tunnels.begin(this.#config.outbounds);
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
    const { connections } = this.#floor;
    const deadline = new AbortController();
    const late = delay(this.#config.drain_timeout, undefined, { signal: deadline.signal }).catch(
      () => undefined,
    );
    await Promise.race([connections.empty(), late]);
    deadline.abort();
    if (connections.size > 0) {
      this.#emit({ type: "drain_expired", connections: connections.size });
      connections.abort();
      await connections.empty();
    }
    await this.#inbounds.close();
    await this.#tunnels.close();
    await this.#floor.stop();
    this.#limits.close();
  }
}

/** The configuration's inbounds; two with one key behave the same. */
function wishesOf({ inbounds, idle_timeout, handshake_timeout, spool, state }: RelayConfig): InboundWish[] {
  return inbounds.map((config, index) => ({
    config,
    origin: "config",
    key: JSON.stringify([
      lastingPart(config),
      idle_timeout,
      handshake_timeout,
      config.kind === "udpack" && [spool, state],
    ]),
    setting: `relay.inbounds[${index}].listen`,
  }));
}
