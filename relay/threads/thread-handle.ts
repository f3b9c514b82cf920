// One thread as the main thread holds it: started, spoken to, listened to, and known to be gone when it is. It decides nothing.

import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { THREAD_LIMITS } from "../../shared/limits.ts";
import { ROOT } from "../root.ts";
import type { BoundAddress, Command, CommandAnswer, FromThread, ThreadData, ToThread } from "./messages.ts";

/** The sources run as they are; the published bundle has an entry of its own (relay/serve/build-cli.ts). */
const ENTRY = import.meta.filename.endsWith(".ts")
  ? new URL("./entry.ts", import.meta.url)
  : join(ROOT, "dist/cli/relay-thread.js");

/** What a thread says by itself. */
export type ThreadMessage = Exclude<FromThread, { type: "ready" | "done" }>;

/** The thread ended before it answered. */
export class ThreadGoneError extends Error {
  constructor() {
    super("The thread has ended");
    this.name = "ThreadGoneError";
  }
}

/** A thread could not do what it was told. */
export class ThreadRefusal extends Error {
  /** Whether that is because somebody else has the port. */
  readonly isTaken: boolean;

  constructor({ message, isTaken }: Extract<CommandAnswer, { ok: false }>) {
    super(message);
    this.name = "ThreadRefusal";
    this.isTaken = isTaken;
  }
}

export interface ThreadHandleEvents {
  onMessage(message: ThreadMessage): void;
  /** Called once, whenever it ends. */
  onEnd(why: string): void;
}

export class ThreadHandle {
  readonly worker: Worker;
  readonly #events: ThreadHandleEvents;
  readonly #ready = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #waiting = new Map<number, PromiseWithResolvers<CommandAnswer>>();
  #commands = 0;
  #isOver = false;
  #why = "";

  constructor(data: ThreadData, events: ThreadHandleEvents) {
    this.#events = events;
    // Without the flags of the main thread: they are a test runner's, or a debugger's whose port is taken.
    this.worker = new Worker(ENTRY, { workerData: data, execArgv: [], name: `relay-${data.index + 1}` });
    this.worker.on("message", (message: FromThread) => this.#hear(message));
    this.worker.on("error", (error: unknown) => {
      this.#why = error instanceof Error ? error.message : String(error);
    });
    this.worker.on("exit", (code) => this.#end(this.#why || `it ended with ${code}`));
    this.#ready.promise.catch(() => undefined);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves once it takes commands. @throws Error why it could not start */
  async ready(): Promise<void> {
    const late = setTimeout(() => this.giveUp("it did not start in time"), THREAD_LIMITS.START_TIMEOUT_MS);
    try {
      await this.#ready.promise;
    } finally {
      clearTimeout(late);
    }
  }

  post(message: ToThread): void {
    if (!this.#isOver) this.worker.postMessage(message);
  }

  /** @throws ThreadGoneError; ThreadRefusal with what the thread could not do */
  async order(command: Command): Promise<BoundAddress | undefined> {
    if (this.#isOver) throw new ThreadGoneError();
    const id = ++this.#commands;
    const waiting = Promise.withResolvers<CommandAnswer>();
    this.#waiting.set(id, waiting);
    this.post({ type: "command", id, command });
    const answer = await waiting.promise;
    if (answer.ok) return answer.bound;
    throw new ThreadRefusal(answer);
  }

  /** Ends it, unless it has ended: `why` is what is told of it. */
  giveUp(why: string): void {
    if (this.#isOver) return;
    this.#why = why;
    void this.worker.terminate();
  }

  /** Has it say goodbye, and ends it. */
  async stop(): Promise<void> {
    const late = setTimeout(() => void this.worker.terminate(), THREAD_LIMITS.EXIT_TIMEOUT_MS);
    await this.order({ do: "exit" }).catch(() => undefined);
    clearTimeout(late);
    await this.worker.terminate();
    await this.#ended.promise;
  }

  #hear(message: FromThread): void {
    if (message.type === "ready") {
      this.#ready.resolve();
    } else if (message.type === "done") {
      this.#waiting.get(message.id)?.resolve(message.answer);
      this.#waiting.delete(message.id);
    } else this.#events.onMessage(message);
  }

  #end(why: string): void {
    this.#isOver = true;
    this.#ready.reject(new Error(`Cannot start a thread of the relay: ${why}`));
    for (const waiting of this.#waiting.values()) waiting.reject(new ThreadGoneError());
    this.#waiting.clear();
    this.#events.onEnd(why);
    this.#ended.resolve();
  }
}
