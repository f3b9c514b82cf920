// The relay within one thread: the listeners that it is told to open, and their connections. It owns no port alone, keeps no
// counts for itself and reports nothing but to the main thread.

import type { MessagePort } from "node:worker_threads";
import { CausewayError, ERRORS } from "../../shared/errors.ts";
import type { ReplayVerdict } from "../../shared/ingress/replay.ts";
import { THREAD_LIMITS } from "../../shared/limits.ts";
import { Connections } from "../inbound/connections.ts";
import type { Inbound, ListenAt } from "../inbound/inbound.ts";
import { createInbounds } from "../inbound/registry.ts";
import { depsFor, type InboundWorld, type OwnListener, spoolOf } from "../inbound-deps.ts";
import { Limits } from "../limits/limits.ts";
import { LiveRoutes } from "../outbound/live-routes.ts";
import { ownListenerRefusal } from "../outbound/policy.ts";
import { Router } from "../outbound/router.ts";
import { PortTakenError } from "../serve/listen.ts";
import type { Spool } from "../spool/spool.ts";
import { TunnelBook } from "../tunnel/book.ts";
import { Tunnels } from "../tunnel/tunnels.ts";
import { connectUdpack } from "../tunnel/udpack-transport.ts";
import type { BoundAddress, Command, CommandAnswer, Notice, ThreadData, ToThread } from "./messages.ts";
import { Outbox } from "./outbox.ts";
import { SharedMemory } from "./shared-memory.ts";
import { ThreadLedger } from "./thread-ledger.ts";
import { ThreadLimits } from "./thread-limits.ts";

/** Events that the main thread reports once for all. */
const ONCE_FOR_ALL: readonly string[] = ["listener_up", "listener_down"];

/** One entry of the relay's inbounds, as far as this thread has begun to serve it. */
interface ServedEntry {
  readonly connections: Connections;
  /** By their order in the configuration; those that this thread does not serve stay closed. */
  readonly listeners: readonly Inbound[];
  readonly places: readonly MovablePlace[];
  readonly running: Set<number>;
}

/** Where a listener listens: its port is the one that the main thread has found for all. */
type MovablePlace = { -readonly [K in keyof ListenAt]: ListenAt[K] };

export class ThreadRelay {
  readonly #data: ThreadData;
  readonly #memory: SharedMemory;
  readonly #outbox: Outbox;
  readonly #ledger: ThreadLedger;
  readonly #limits: Limits;
  readonly #routes: LiveRoutes;
  readonly #connections: Connections;
  readonly #world: InboundWorld;
  readonly #entries = new Map<number, ServedEntry>();
  /** A session of its own for each thread that uses one. */
  readonly #tunnels: Tunnels;
  readonly #book = new TunnelBook();
  readonly #telling: NodeJS.Timeout;
  #spool: Spool;
  #config: ThreadData["config"];
  #own: readonly OwnListener[];

  constructor(port: Pick<MessagePort, "postMessage">, data: ThreadData) {
    const { index, config, parts, unwanted } = data;
    this.#data = data;
    this.#config = config;
    this.#own = data.own;
    this.#memory = new SharedMemory(data.memory);
    const outbox = new Outbox(port, this.#memory, index);
    this.#outbox = outbox;
    this.#ledger = new ThreadLedger({ source: data.source, flows: data.flows, outbox });
    const unheard = new Set<string>([...unwanted, ...ONCE_FOR_ALL]);
    const emit: InboundWorld["emit"] = (event) => {
      if (!unheard.has(event.type)) outbox.tell({ note: "event", event });
    };
    const shared = new ThreadLimits({ memory: this.#memory, thread: index, outbox });
    this.#limits = new Limits(config, { emit, shared });
    this.#connections = new Connections(
      parts.connectionsMax ?? config.max_connections,
      undefined,
      this.#memory.connections(0, index),
    );
    this.#tunnels = new Tunnels(connectUdpack, { emit, book: this.#book });
    this.#routes = new LiveRoutes(this.#router());
    this.#spool = spoolOf(config, emit);
    this.#world = {
      users: {
        signIn: async (name, password, client) =>
          void (await outbox.ask({ ask: "sign_in", name, password, client })),
      },
      limits: this.#limits,
      ledger: this.#ledger,
      tunnels: this.#book,
      emit,
      takeSignature: async (secret, { at, nonce }) =>
        (await outbox.ask({ ask: "signature", secret, at, nonce })) as ReplayVerdict,
      routes: this.#routes,
      config: () => this.#config,
      spool: () => this.#spool,
      own: () => this.#own,
      parts,
    };
    this.#telling = setInterval(() => this.#tellTunnels(), THREAD_LIMITS.TUNNELS_TOLD_MS);
    outbox.post({ type: "ready" });
  }

  hear(message: ToThread): void {
    if (message.type === "command") void this.#obey(message.id, message.command);
    else if (message.type === "answer") this.#outbox.answered(message.id, message.answer);
    else this.#heed(message.notice);
  }

  async #obey(id: number, command: Command): Promise<void> {
    const answer = await this.#carryOut(command).then(
      (bound): CommandAnswer => ({ ok: true, bound }),
      failed,
    );
    // What happened before the answer is told before it.
    this.#outbox.flush();
    this.#outbox.post({ type: "done", id, answer });
  }

  async #carryOut(command: Command): Promise<BoundAddress | undefined> {
    switch (command.do) {
      case "start":
        return this.#start(command);
      case "stop_accepting":
        this.#entries.get(command.entry)?.listeners[command.listener]?.stopAccepting();
        return undefined;
      case "close":
        return this.#close(command.entry, command.listener);
      case "empty":
        await this.#crowd(command.entry)?.empty();
        return undefined;
      case "reload":
        return this.#reload(command.config);
      case "exit":
        clearInterval(this.#telling);
        await this.#tunnels.close();
        this.#limits.close();
        return undefined;
    }
  }

  #heed(notice: Notice): void {
    switch (notice.do) {
      case "abort":
        this.#crowd(notice.entry)?.abort();
        break;
      case "own":
        this.#own = notice.own;
        break;
      case "cut":
        this.#ledger.cut(notice.flow, notice.cause);
        break;
      case "end_account":
        this.#limits.end(notice.kind, notice.name, notice.code);
        break;
    }
  }

  #tellTunnels(): void {
    const tunnels = this.#book.list();
    if (tunnels.length > 0) this.#outbox.tell({ note: "tunnels", tunnels });
  }

  #crowd(entry: number | undefined): Connections | undefined {
    return entry === undefined ? this.#connections : this.#entries.get(entry)?.connections;
  }

  async #start(command: Extract<Command, { do: "start" }>): Promise<BoundAddress> {
    const entry = this.#entries.get(command.entry) ?? this.#build(command);
    const listener = entry.listeners[command.listener];
    const place = entry.places[command.listener];
    if (listener === undefined || place === undefined) throw new CausewayError("inbound_unknown");
    // After a thread has come back it may be told twice.
    if (!entry.running.has(command.listener)) {
      entry.running.add(command.listener);
      Object.assign(place, { port: command.port, reusePort: command.reusePort });
      const { kind } = listener;
      const own = { kind, address: place.host, port: command.port };
      this.#own = [...this.#own, own];
      // The order says how it was when the entry was made: a thread that comes back must not let in who is gone since.
      listener.refresh?.(this.#config.inbounds);
      await listener.start(this.#listenerOf(command.before)).catch((error: unknown) => {
        entry.running.delete(command.listener);
        this.#own = this.#own.filter((other) => other !== own);
        throw error;
      });
    }
    return { address: listener.address, port: listener.port };
  }

  #listenerOf(name: Extract<Command, { do: "start" }>["before"]): Inbound | undefined {
    const entry = name && this.#entries.get(name.entry);
    return name && entry?.running.has(name.listener) ? entry.listeners[name.listener] : undefined;
  }

  #build({ entry, config, setting }: Extract<Command, { do: "start" }>): ServedEntry {
    const connections = this.#connections.part(this.#memory.connections(entry, this.#data.index));
    const places: MovablePlace[] = [];
    const place = (at: ListenAt): ListenAt => {
      const movable = { ...at };
      places.push(movable);
      return movable;
    };
    const deps = depsFor(config, this.#world);
    const listeners = createInbounds(config, { deps, connections, setting, place });
    const served = { connections, listeners, places, running: new Set<number>() };
    this.#entries.set(entry, served);
    return served;
  }

  async #close(number: number, listener: number): Promise<undefined> {
    const entry = this.#entries.get(number);
    if (entry === undefined) return;
    const wasRunning = entry.running.delete(listener);
    // Its number may be another entry's next.
    if (entry.running.size === 0) this.#entries.delete(number);
    if (wasRunning) await entry.listeners[listener]?.close();
  }

  async #reload(config: ThreadData["config"]): Promise<undefined> {
    this.#config = config;
    await this.#limits.reload(config);
    this.#connections.resize(this.#data.parts.connectionsMax ?? config.max_connections);
    this.#routes.replace(this.#router());
    this.#tunnels.keep(config.outbounds);
    this.#spool = spoolOf(config, this.#world.emit, this.#spool);
    for (const { listeners } of this.#entries.values())
      for (const listener of listeners) listener.refresh?.(config.inbounds);
  }

  #router(): Router {
    return new Router(this.#config, {
      serverRefusal: ownListenerRefusal(() => this.#own),
      tunnels: this.#tunnels,
    });
  }
}

function failed(error: unknown): CommandAnswer {
  const message = error instanceof Error ? error.message : ERRORS.internal.text;
  return { ok: false, isTaken: error instanceof PortTakenError, message };
}
