// A relay's floor of several threads: they serve its connections, and the main thread keeps what is one for all: the ledger,
// limits, sign-ins and orders. Whatever a thread held when it ended is taken back: its flows end as failed, and its places and
// seats are free.

import type { Worker } from "node:worker_threads";
import type { RelayConfig } from "../../shared/config/schema.ts";
import type { Flow } from "../../shared/flow/flow.ts";
import { THREAD_LIMITS } from "../../shared/limits.ts";
import type { EmitEvent, RelayEvent } from "../events.ts";
import type { Floor } from "../floor.ts";
import type { Crowd } from "../inbound/connections.ts";
import type { InboundDeps } from "../inbound/inbound.ts";
import type { OwnListener } from "../inbound-deps.ts";
import type { BuiltInbound, InboundWish } from "../inbound-entry.ts";
import type { Limits } from "../limits/limits.ts";
import { sharesPorts } from "../serve/listen.ts";
import type { Users } from "../users.ts";
import { AccountRows } from "./account-rows.ts";
import { Desk } from "./desk.ts";
import { FanOutEntry } from "./fan-out.ts";
import { MergedLedger } from "./merged-ledger.ts";
import type { Note, ThreadData, ThreadParts } from "./messages.ts";
import { answerCall } from "./outbox.ts";
import { Roster } from "./roster.ts";
import { SharedMemory } from "./shared-memory.ts";
import type { ThreadHandle, ThreadMessage } from "./thread-handle.ts";
import { ThreadTunnels } from "./thread-tunnels.ts";

/** What an operator is told where several threads cannot serve one port. */
const CANNOT_SHARE =
  "Cannot serve by several threads: this system, or this Node, does not let them share a port (SO_REUSEPORT); set relay.workers = 1";

export interface CrewOptions {
  readonly config: RelayConfig;
  /** The relay's source in batches. */
  readonly source: string;
  readonly limits: Limits;
  readonly users: Pick<Users, "signIn">;
  readonly emit: EmitEvent;
  /** Types of events that nobody wants. */
  readonly unwanted: readonly RelayEvent["type"][];
  readonly parts: ThreadParts & { readonly onThread?: ((worker: Worker) => void) | undefined };
  /** What no client may reach, as it is now. */
  readonly own: () => readonly OwnListener[];
}

/** The memory that a crew will share, and whose row in it is whose: limits are made of it before the crew is. */
export interface CrewMemory {
  readonly memory: SharedMemory;
  readonly rows: AccountRows;
}

export function crewMemory(workers: number): CrewMemory {
  const memory = SharedMemory.allocate(workers, THREAD_LIMITS.ACCOUNTS_MAX);
  return { memory, rows: new AccountRows(memory) };
}

export class Crew implements Floor {
  readonly ledger: MergedLedger;
  readonly connections: Crowd;
  readonly #options: CrewOptions;
  readonly #memory: SharedMemory;
  readonly #rows: AccountRows;
  readonly #desk: Desk;
  readonly #roster: Roster;
  readonly #tunnels = new ThreadTunnels();
  #config: RelayConfig;

  constructor(options: CrewOptions, { memory, rows }: CrewMemory) {
    const { config, source, limits, users, emit } = options;
    const { name, workers } = config;
    this.#options = options;
    this.#config = withoutSecrets(config);
    this.#memory = memory;
    this.#rows = rows;
    const roster = new Roster({
      workers,
      emit,
      dataFor: (index) => this.#dataFor(index),
      hear: (index, handle, message) => this.#hear(index, handle, message),
      clearUp: (index) => this.#clearUp(index),
      connectionsOfEntry: (entry) => memory.connections(entry, 0),
      onThread: options.parts.onThread,
    });
    this.#roster = roster;
    this.#desk = new Desk({
      rows,
      limits,
      users,
      tellOthers: (thread, notice) => roster.tellOthers(thread, notice),
    });
    this.ledger = new MergedLedger({
      source,
      origin: "relay",
      name,
      threads: workers,
      cut: (thread, flow, cause) => roster.tellOne(thread, { do: "cut", flow, cause }),
    });
    const all = memory.connections(0, 0);
    this.connections = {
      get size() {
        return all.total;
      },
      empty: async () => void (await roster.order({ do: "empty", entry: undefined })),
      abort: () => roster.tell({ do: "abort", entry: undefined }),
    };
  }

  /** @throws Error when threads cannot share ports here, or one does not start; none is left then */
  async start(): Promise<void> {
    if (!(await sharesPorts())) throw new Error(CANNOT_SHARE);
    await this.#roster.start();
  }

  build({ config, setting }: InboundWish, deps: InboundDeps): BuiltInbound {
    const entry = new FanOutEntry({ config, setting, deps, threads: this.#roster });
    return { deps, listeners: entry.listeners, connections: entry.connections };
  }

  /** Has all threads take over another configuration; the number of them stays. */
  async reload(config: RelayConfig): Promise<void> {
    this.#config = withoutSecrets(config);
    await this.#roster.order({ do: "reload", config: this.#config });
    this.#rows.forgetUsersBut(new Set(config.users.map(({ name }) => name)));
  }

  /** What listens has changed. */
  tellOwn(): void {
    this.#roster.tell({ do: "own", own: this.#options.own() });
  }

  tunnels(): ReturnType<ThreadTunnels["list"]> {
    return this.#tunnels.list();
  }

  /** Ends all threads; their connections have ended. */
  stop(): Promise<void> {
    return this.#roster.stop();
  }

  #dataFor(index: number): ThreadData {
    const { source, parts, unwanted, own } = this.#options;
    const { handshakeTimeoutMs, bindTimeoutMs, connectionsMax } = parts;
    return {
      index,
      memory: this.#memory.handle,
      source,
      flows: this.ledger.numbersFor(index),
      config: this.#config,
      own: own(),
      parts: { handshakeTimeoutMs, bindTimeoutMs, connectionsMax },
      unwanted,
    };
  }

  #hear(index: number, handle: ThreadHandle, message: ThreadMessage): void {
    switch (message.type) {
      case "parcel":
        for (const note of message.notes) this.#note(index, note);
        Atomics.store(this.#memory.ints, this.#memory.parcelCell(index), message.number);
        break;
      case "call":
        answerCall(this.#memory, index, message.number, this.#desk.decide(index, message.call));
        break;
      case "question":
        void this.#desk.answer(message.question).then((answer) => {
          handle.post({ type: "answer", id: message.id, answer });
        });
        break;
    }
  }

  #note(index: number, note: Note): void {
    if (note.note === "event") this.#options.emit(note.event);
    else if (note.note === "released") this.#rows.release(index, note.row);
    else if (note.note === "tunnels") this.#tunnels.hear(index, note.tunnels);
    else this.ledger.hear(index, note);
  }

  #clearUp(index: number): number {
    const connections = this.#memory.connections(0, index).own;
    this.#memory.clearThread(index);
    this.#rows.lose(index);
    this.#tunnels.lose(index);
    const now = Date.now();
    for (const flow of this.ledger.lose(index, now)) this.#options.emit(closedEvent(flow, now));
    return connections;
  }
}

/** Threads sign nobody in and serve no orders. */
function withoutSecrets({ admin_token, edge_token, users, ...config }: RelayConfig): RelayConfig {
  return { ...config, users: users.map((user) => ({ ...user, password: "" })) };
}

function closedEvent({ id, kind, service, client, user, target, up, down, startedAt }: Flow, now: number) {
  const durationMs = now - startedAt;
  const ends = { inbound: service, client, user, target };
  return { type: "connection_closed", id, kind, ...ends, up, down, durationMs, reason: "failed" } as const;
}
