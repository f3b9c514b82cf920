// Which threads run: starts them, speaks to all of them at once, and starts those again that broke down, each time after a
// longer pause. It knows which listeners a thread that comes back has to serve, and nothing of connections.

import type { Worker } from "node:worker_threads";
import { THREAD_LIMITS } from "../../shared/limits.ts";
import type { EmitEvent } from "../events.ts";
import type { FanOutListener, Threads } from "./fan-out.ts";
import type { BoundAddress, Command, Notice, ThreadData } from "./messages.ts";
import type { SharedCount } from "./shared-count.ts";
import { ThreadGoneError, ThreadHandle, type ThreadMessage } from "./thread-handle.ts";

export interface RosterOptions {
  readonly workers: number;
  readonly emit: EmitEvent;
  /** What a thread that starts now is started with. */
  dataFor(index: number): ThreadData;
  hear(index: number, handle: ThreadHandle, message: ThreadMessage): void;
  /** Takes back what a thread held that has ended; returns how many connections those were. */
  clearUp(index: number): number;
  connectionsOfEntry(entry: number): SharedCount;
  readonly onThread?: ((worker: Worker) => void) | undefined;
}

/** One thread's place, whoever fills it. */
interface Slot {
  handle: ThreadHandle | undefined;
  startedAt: number;
  /** Times in a row that it broke down. */
  failures: number;
  retry: NodeJS.Timeout | undefined;
}

export class Roster implements Threads {
  readonly #options: RosterOptions;
  readonly #slots: readonly Slot[];
  readonly #joined = new Set<FanOutListener>();
  readonly #settling = new Set<Promise<unknown>>();
  readonly #entries = new Set<number>();
  #isStarted = false;
  #isStopping = false;

  constructor(options: RosterOptions) {
    this.#options = options;
    this.#slots = Array.from({ length: options.workers }, () => ({
      handle: undefined,
      startedAt: 0,
      failures: 0,
      retry: undefined,
    }));
  }

  /** @throws Error why a thread does not start; none is left then */
  async start(): Promise<void> {
    const handles = [...this.#slots.keys()].map((index) => this.#spawn(index));
    try {
      await Promise.all(handles.map((handle) => handle.ready()));
      // One that ended while others were still starting: nobody would start it again.
      if (handles.some((handle) => handle.isOver)) throw new ThreadGoneError();
      this.#isStarted = true;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const { retry } of this.#slots) clearTimeout(retry);
    await Promise.all(this.#slots.map(({ handle }) => handle?.stop()));
  }

  async order(command: Command, thread?: number): Promise<(BoundAddress | undefined)[]> {
    const meant = thread === undefined ? this.#slots : this.#slots.slice(thread, thread + 1);
    const outcomes = await Promise.allSettled(
      meant.flatMap(({ handle }) => (handle === undefined ? [] : [handle.order(command)])),
    );
    const answers: (BoundAddress | undefined)[] = [];
    for (const outcome of outcomes) {
      if (outcome.status === "fulfilled") answers.push(outcome.value);
      else if (!(outcome.reason instanceof ThreadGoneError)) throw outcome.reason;
    }
    return answers;
  }

  tell(notice: Notice): void {
    for (const index of this.#slots.keys()) this.tellOne(index, notice);
  }

  tellOne(thread: number, notice: Notice): void {
    this.#slots[thread]?.handle?.post({ type: "notice", notice });
  }

  tellOthers(thread: number, notice: Notice): void {
    for (const other of this.#slots.keys()) if (other !== thread) this.tellOne(other, notice);
  }

  async settled(): Promise<void> {
    await Promise.allSettled([...this.#settling]);
  }

  settle(ordered: Promise<unknown>): void {
    const settling = ordered.catch(() => undefined).finally(() => this.#settling.delete(settling));
    this.#settling.add(settling);
  }

  join(listener: FanOutListener): void {
    this.#joined.add(listener);
  }

  leave(listener: FanOutListener): void {
    this.#joined.delete(listener);
  }

  pick(number: number): number {
    const running = [...this.#slots.keys()].filter((index) => this.#slots[index]?.handle !== undefined);
    return running[number % running.length] ?? 0;
  }

  takeEntry(): number | undefined {
    for (let entry = 1; entry <= THREAD_LIMITS.ENTRIES_MAX; entry++) {
      if (this.#entries.has(entry)) continue;
      this.#entries.add(entry);
      return entry;
    }
    return undefined;
  }

  freeEntry(entry: number): void {
    this.#entries.delete(entry);
  }

  connectionsOfEntry(entry: number): SharedCount {
    return this.#options.connectionsOfEntry(entry);
  }

  #spawn(index: number): ThreadHandle {
    const slot = this.#slotOf(index);
    const handle = new ThreadHandle(this.#options.dataFor(index), {
      onMessage: (message) => this.#options.hear(index, handle, message),
      onEnd: (why) => this.#lose(index, why),
    });
    slot.handle = handle;
    slot.startedAt = performance.now();
    this.#options.onThread?.(handle.worker);
    return handle;
  }

  #slotOf(index: number): Slot {
    const slot = this.#slots[index];
    if (slot === undefined) throw new RangeError(`Cannot find thread ${index}: there is none`);
    return slot;
  }

  #lose(index: number, why: string): void {
    const slot = this.#slotOf(index);
    slot.handle = undefined;
    const connections = this.#options.clearUp(index);
    if (this.#isStopping || !this.#isStarted) return;
    if (performance.now() - slot.startedAt >= THREAD_LIMITS.STEADY_MS) slot.failures = 0;
    const { RESTART_MIN_MS, RESTART_MAX_MS } = THREAD_LIMITS;
    const retryMs = Math.min(RESTART_MIN_MS * 2 ** Math.min(slot.failures++, 30), RESTART_MAX_MS);
    this.#options.emit({ type: "thread_ended", thread: index + 1, why, connections, retryMs });
    slot.retry = setTimeout(() => void this.#restart(index), retryMs);
  }

  /** Never rejects. */
  async #restart(index: number): Promise<void> {
    const handle = this.#spawn(index);
    try {
      await handle.ready();
      for (const listener of [...this.#joined]) {
        const command = this.#joined.has(listener) ? listener.commandFor(index) : undefined;
        if (command !== undefined) await handle.order(command);
      }
      this.#options.emit({ type: "thread_restarted", thread: index + 1 });
    } catch (error) {
      // It has ended again, or cannot have a port: the next one may.
      handle.giveUp(error instanceof Error ? error.message : String(error));
    }
  }
}
