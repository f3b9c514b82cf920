// An inbound that several threads serve, as the main thread sees it: one thing to start, stop and count. It listens nowhere
// itself.

import type { InboundConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { THREAD_LIMITS } from "../../shared/limits.ts";
import type { Crowd } from "../inbound/connections.ts";
import type { Inbound, InboundDeps, ListenAt } from "../inbound/inbound.ts";
import { windowOf } from "../inbound/ingress-gate.ts";
import { isOnOneThread, listenPoints } from "../inbound/registry.ts";
import { claimPort, PortTakenError } from "../serve/listen.ts";
import type { BoundAddress, Command, Notice } from "./messages.ts";
import type { SharedCount } from "./shared-count.ts";
import { ThreadRefusal } from "./thread-handle.ts";

/** The threads as an inbound needs them. */
export interface Threads {
  /** Has all threads that run, or one, do something; resolves to what they answered, without those that ended meanwhile. */
  order(command: Command, thread?: number): Promise<(BoundAddress | undefined)[]>;
  tell(notice: Notice): void;
  /** Resolves once all threads have closed what they were told to close. */
  settled(): Promise<void>;
  /** The order counts as given: whoever asks for a port next waits for it. */
  settle(ordered: Promise<unknown>): void;
  /** Has a listener started in threads that come back, until `leave`. */
  join(listener: FanOutListener): void;
  leave(listener: FanOutListener): void;
  /** A thread that runs, for what only one can serve. */
  pick(number: number): number;
  takeEntry(): number | undefined;
  freeEntry(entry: number): void;
  connectionsOfEntry(entry: number): SharedCount;
}

export interface FanOutOptions {
  readonly config: InboundConfig;
  readonly setting: string;
  readonly deps: Pick<InboundDeps, "emit" | "service">;
  readonly threads: Threads;
}

/** An entry of the inbounds: its listeners, and the number that threads know it by while any of them is open. */
export class FanOutEntry {
  readonly options: FanOutOptions;
  readonly listeners: readonly FanOutListener[];
  readonly connections: Crowd;
  #number: number | undefined;
  #open = 0;

  constructor(options: FanOutOptions) {
    const { config, setting, threads } = options;
    this.options = options;
    this.listeners = listenPoints(config, setting).map((at, index) => new FanOutListener(this, index, at));
    const number = () => this.#number;
    this.connections = {
      get size() {
        const entry = number();
        return entry === undefined ? 0 : threads.connectionsOfEntry(entry).total;
      },
      empty: async () => {
        if (this.#number !== undefined) await threads.order({ do: "empty", entry: this.#number });
      },
      abort: () => {
        if (this.#number !== undefined) threads.tell({ do: "abort", entry: this.#number });
      },
    };
  }

  /** The number of an entry that has something open. @throws CausewayError `proxy_full` when too many have */
  enter(): number {
    this.#number ??= this.options.threads.takeEntry();
    if (this.#number === undefined) throw new CausewayError("proxy_full");
    this.#open++;
    return this.#number;
  }

  exit(): void {
    if (--this.#open > 0 || this.#number === undefined) return;
    this.options.threads.freeEntry(this.#number);
    this.#number = undefined;
  }
}

export class FanOutListener implements Inbound {
  readonly kind: string;
  readonly #entry: FanOutEntry;
  readonly #index: number;
  readonly #at: ListenAt;
  #bound: BoundAddress | undefined;
  /** As the entry was numbered when it was opened; undefined: it is closed. */
  #number: number | undefined;
  /** The one thread that serves it; undefined: all do. */
  #only: number | undefined;
  #isAccepting = false;

  constructor(entry: FanOutEntry, index: number, at: ListenAt) {
    this.kind = entry.options.config.kind;
    this.#entry = entry;
    this.#index = index;
    this.#at = at;
  }

  get address(): string {
    return this.#bound?.address ?? this.#at.host;
  }

  get port(): number {
    return this.#bound?.port ?? this.#at.port;
  }

  /** @throws PortTakenError when the port is taken */
  async start(before?: Inbound): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#open(before instanceof FanOutListener ? before : undefined);
        return;
      } catch (error) {
        // A free port that was found for all may be somebody else's before the threads have it.
        const mayTryAgain = this.#at.port === 0 && error instanceof PortTakenError;
        if (!mayTryAgain || tries >= THREAD_LIMITS.PORT_TRIES) throw error;
        this.#bound = undefined;
      }
    }
  }

  async #open(before: FanOutListener | undefined): Promise<void> {
    const { threads, config, deps } = this.#entry.options;
    await threads.settled();
    // From before the first signature can come, as with one thread.
    if (config.kind === "ingress") windowOf(config.key);
    // Threads share a port with whoever of this user else does; that one's port is taken shows only to one who does not.
    const port = before?.port ?? (isOnOneThread(config) ? this.#at.port : await claimPort(this.#at));
    const number = this.#entry.enter();
    this.#number = number;
    // A UDP session's datagrams must all come to one thread, and stay there when another ends. Tunnels share one thread, and
    // with it the bounds of their spool.
    if (config.kind === "udp") this.#only = threads.pick(number + this.#index);
    else this.#only = config.kind === "udpack" ? threads.pick(0) : undefined;
    this.#bound = { address: this.#at.host, port };
    threads.join(this);
    try {
      const command = this.#startCommand(number);
      const [bound] = await threads.order({ ...command, before: before?.place }, this.#only);
      this.#bound = bound ?? this.#bound;
    } catch (error) {
      threads.leave(this);
      await threads.order({ do: "stop_accepting", ...this.#name(number) }).catch(() => undefined);
      await this.close();
      throw error instanceof ThreadRefusal && error.isTaken
        ? new PortTakenError(this.#at, { cause: error })
        : error;
    }
    this.#isAccepting = true;
    before?.stopAccepting();
    const { address, port: boundPort } = this;
    deps.emit({ type: "listener_up", inbound: deps.service, address, port: boundPort });
  }

  /** What has a thread that comes back serve it, too; undefined: it does not. */
  commandFor(thread: number): Command | undefined {
    if (this.#number === undefined || (this.#only !== undefined && this.#only !== thread)) return undefined;
    return this.#startCommand(this.#number);
  }

  stopAccepting(): void {
    if (!this.#isAccepting || this.#number === undefined) return;
    this.#isAccepting = false;
    const { threads, deps } = this.#entry.options;
    threads.leave(this);
    threads.settle(threads.order({ do: "stop_accepting", ...this.#name(this.#number) }, this.#only));
    const { address, port } = this;
    deps.emit({ type: "listener_down", inbound: deps.service, address, port });
  }

  async close(): Promise<void> {
    if (this.#number === undefined) return;
    const { threads } = this.#entry.options;
    const number = this.#number;
    this.#number = undefined;
    await threads.order({ do: "close", ...this.#name(number) }, this.#only).catch(() => undefined);
    this.#entry.exit();
  }

  /** What threads know it by while it listens. */
  get place(): { readonly entry: number; readonly listener: number } | undefined {
    return this.#number === undefined ? undefined : this.#name(this.#number);
  }

  #name(entry: number): { readonly entry: number; readonly listener: number } {
    return { entry, listener: this.#index };
  }

  #startCommand(number: number): Extract<Command, { do: "start" }> {
    const { config, setting } = this.#entry.options;
    const port = this.port;
    return { do: "start", ...this.#name(number), config, setting, port, reusePort: !isOnOneThread(config) };
  }
}
