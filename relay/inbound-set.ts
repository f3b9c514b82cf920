// The inbounds of a relay while it runs: those of the configuration and those started by order, each with its connections, so
// that one can be started, drained, stopped or replaced while the others go on. It knows no protocol.

import { setTimeout as delay } from "node:timers/promises";
import type { InboundReport } from "../shared/control/orders.ts";
import { CausewayError } from "../shared/errors.ts";
import { ORDER_LIMITS } from "../shared/limits.ts";
import type { Inbound } from "./inbound/inbound.ts";
import { isOnOneThread } from "./inbound/registry.ts";
import { type BuiltInbound, type Entry, type InboundWish, isOff, isSame, reportOf } from "./inbound-entry.ts";
import { PortTakenError } from "./serve/listen.ts";

export interface InboundSetOptions {
  build(wish: InboundWish): BuiltInbound;
  /** Told after each change of what listens. */
  onChange(): void;
}

export class InboundSet {
  readonly #options: InboundSetOptions;
  #entries: Entry[] = [];
  #isStopping = false;
  /** It ends by itself when the relay stops meanwhile. */
  #starting: Entry | undefined;
  /** Changes come one after the other: two must not want the same port. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(wishes: readonly InboundWish[], options: InboundSetOptions) {
    this.#options = options;
    this.#entries = wishes.map((wish) => this.#entry(wish));
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** What accepts connections now. */
  get listening(): Inbound[] {
    return this.#entries.flatMap(({ state, built }) => (state === "running" ? built.listeners : []));
  }

  reports(): InboundReport[] {
    return this.#entries.map(reportOf);
  }

  /**
   * Starts what the configuration has.
   * @throws PortTakenError; CausewayError `relay_stopping`; what has started is left to `close`
   */
  async startAll(): Promise<void> {
    for (const entry of this.#entries) await this.#start(entry);
    this.#options.onChange();
  }

  /**
   * Starts one more inbound; one of the configuration that was stopped and has its kind and port starts as it is there.
   * @throws CausewayError `port_taken`, `too_many_orders`, `relay_stopping`
   */
  start(wish: InboundWish): Promise<InboundReport> {
    return this.#inTurn(async () => {
      const stopped = this.#entries.find(
        (entry) => entry.wish.origin === "config" && isOff(entry) && isSame(entry, wish),
      );
      const started = this.#entries.filter(({ wish: { origin } }) => origin === "order").length;
      if (stopped === undefined && started >= ORDER_LIMITS.STARTED_MAX)
        throw new CausewayError("too_many_orders");
      const entry = this.#entry(stopped?.wish ?? wish);
      try {
        await this.#start(entry);
      } catch (error) {
        if (error instanceof PortTakenError)
          throw new CausewayError("port_taken", error.message, { cause: error });
        if (error instanceof CausewayError) throw error;
        throw new CausewayError("bad_request", messageOf(error), { cause: error });
      }
      if (stopped === undefined) this.#entries.push(entry);
      else this.#entries = this.#entries.map((other) => (other === stopped ? entry : other));
      this.#options.onChange();
      return reportOf(entry);
    });
  }

  /** Stops an inbound; `drain` resolves at once, while its connections go on, `now` once they have ended. */
  stop(entry: Entry, mode: "drain" | "now"): Promise<InboundReport> {
    return this.#inTurn(async () => {
      const emptied = this.#retire(entry);
      if (mode === "now") {
        entry.connections.abort();
        await emptied;
      }
      this.#options.onChange();
      return reportOf(entry);
    });
  }

  /**
   * Takes over the inbounds of a new configuration: the same ones go on untouched, others drain, new ones start, by the very
   * socket of the one before where they listen at the same place. One that cannot start is reported as failed. Resolves to
   * what has changed.
   */
  reload(wishes: readonly InboundWish[]): Promise<ReloadReport> {
    return this.#inTurn(async () => {
      const before = this.#entries.filter(({ wish }) => wish.origin === "config");
      const kept = new Map<InboundWish, Entry>();
      for (const wish of wishes) {
        const same = before.find(({ state, wish: { key } }) => state === "running" && key === wish.key);
        if (same !== undefined) kept.set(wish, same);
      }
      const configs = wishes.map(({ config }) => config);
      for (const [wish, entry] of kept) {
        entry.wish = wish;
        for (const listener of entry.built.listeners) listener.refresh?.(configs);
      }
      const gone = before.filter((entry) => ![...kept.values()].includes(entry));
      // Others drain already, or were stopped by order.
      const stopped = gone.filter(({ state }) => state === "running").length;
      const entries = wishes.map((wish) => kept.get(wish) ?? this.#entry(wish));
      const heirs = heirsOf(gone, entries);
      for (const entry of gone) if (!heirs.has(entry)) await this.#vacate(entry);
      const leaving = gone.filter((entry) => heirs.has(entry) || entry.connections.size > 0);
      this.#entries = [
        ...entries,
        ...leaving,
        ...this.#entries.filter(({ wish }) => wish.origin === "order"),
      ];
      const fresh = entries.filter((entry) => ![...kept.values()].includes(entry));
      for (const entry of fresh) {
        const [before] = [...heirs].find(([, heir]) => heir === entry) ?? [];
        await this.#start(entry, before).catch((error: unknown) => fail(entry, error));
        if (before !== undefined) await this.#vacate(before);
      }
      this.#options.onChange();
      return {
        kept: kept.size,
        started: fresh.filter(({ state }) => state === "running").length,
        stopped,
        failed: fresh.flatMap(({ problem }) => problem ?? []),
      };
    });
  }

  /** The relay stops: nothing is accepted or started any more. */
  stopAccepting(): void {
    this.#isStopping = true;
    for (const entry of this.#entries.toReversed()) {
      const { state, built } = entry;
      if (state !== "running" || entry === this.#starting) continue;
      for (const listener of built.listeners.toReversed()) listener.stopAccepting();
    }
  }

  /** Frees what is left once all connections have ended. */
  async close(): Promise<void> {
    await this.#turn.catch(() => undefined);
    for (const entry of this.#entries.toReversed()) await closeListeners(entry);
    for (const entry of this.#entries) entry.state = "stopped";
  }

  #entry(wish: InboundWish): Entry {
    const built = this.#options.build(wish);
    return { wish, built, connections: built.connections, state: "stopped", problem: undefined };
  }

  /**
   * `before`: it listens there instead.
   * @throws PortTakenError, `relay_stopping` and what else keeps a listener from starting; none of the entry's listens then
   */
  async #start(entry: Entry, before?: Entry): Promise<void> {
    this.#refuseWhenStopping();
    this.#starting = entry;
    const started: Inbound[] = [];
    // Counts as listening from its first listener on: it must not be dialled while others start.
    entry.state = "running";
    try {
      for (const [index, listener] of entry.built.listeners.entries()) {
        await listener.start(before?.built.listeners[index]);
        started.push(listener);
        // It has begun to listen after all others had been told to stop.
        this.#refuseWhenStopping();
      }
    } catch (error) {
      entry.state = "stopped";
      for (const listener of started.toReversed()) {
        listener.stopAccepting();
        await listener.close();
      }
      throw error;
    } finally {
      this.#starting = undefined;
    }
  }

  #refuseWhenStopping(): void {
    if (this.#isStopping) throw new CausewayError("relay_stopping");
  }

  /** Stops accepting; resolves once the entry's connections have ended and everything of it is closed. */
  async #retire(entry: Entry): Promise<void> {
    if (isOff(entry)) return;
    if (entry.state === "running") for (const listener of entry.built.listeners) listener.stopAccepting();
    entry.state = "draining";
    await entry.connections.empty();
    if (entry.state !== "draining") return;
    entry.state = "stopped";
    await closeListeners(entry);
    if (entry.wish.origin === "order") this.#entries = this.#entries.filter((other) => other !== entry);
    this.#options.onChange();
  }

  /** Drains an entry that the configuration has no more; where another may want its port, that is free afterwards. */
  async #vacate(entry: Entry): Promise<void> {
    const emptied = this.#retire(entry).then(() => {
      this.#entries = this.#entries.filter((other) => other !== entry);
    });
    if (!isOnOneThread(entry.wish.config)) return;
    // Its sessions go on through the very socket that holds the port.
    await Promise.race([emptied, delay(ORDER_LIMITS.VACATE_TIMEOUT_MS)]);
    entry.connections.abort();
    await emptied;
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const next = this.#turn.then(() => {
      this.#refuseWhenStopping();
      return action();
    });
    this.#turn = next.catch(() => undefined);
    return next;
  }
}

/** What a reload has changed. */
export interface ReloadReport {
  readonly kept: number;
  readonly started: number;
  readonly stopped: number;
  /** Why inbounds could not start. */
  readonly failed: readonly string[];
}

/** Whether its clients have connections, which go on when the socket that they came by is another's. */
function isConnected({ wish: { config } }: Entry): boolean {
  return !isOnOneThread(config);
}

/** Of those that go, the ones whose listening sockets another can take over, and which one does. */
function heirsOf(gone: readonly Entry[], entries: readonly Entry[]): Map<Entry, Entry> {
  const heirs = new Map<Entry, Entry>();
  const free = new Set(entries.filter((entry) => entry.state === "stopped" && isConnected(entry)));
  for (const entry of gone.filter((other) => other.state === "running" && isConnected(other))) {
    const heir = [...free].find(({ wish: { config } }) => config.listen === entry.wish.config.listen);
    if (heir === undefined) continue;
    free.delete(heir);
    heirs.set(entry, heir);
  }
  return heirs;
}

function fail(entry: Entry, error: unknown): void {
  entry.state = "failed";
  entry.problem = messageOf(error);
}

async function closeListeners({ built }: Entry): Promise<void> {
  for (const listener of built.listeners.toReversed()) await listener.close();
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
