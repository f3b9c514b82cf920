// What a thread tells the main one: notes, many in one parcel, since each message has its price; questions; and calls, which
// hold the thread until they are answered, for decisions that cannot wait.

import type { MessagePort } from "node:worker_threads";
import { CausewayError } from "../../shared/errors.ts";
import { THREAD_LIMITS } from "../../shared/limits.ts";
import type { Call, FromThread, Note, Question, QuestionAnswer } from "./messages.ts";
import type { SharedMemory } from "./shared-memory.ts";

export class Outbox {
  readonly #port: Pick<MessagePort, "postMessage">;
  readonly #memory: SharedMemory;
  readonly #thread: number;
  readonly #questions = new Map<number, PromiseWithResolvers<string>>();
  #notes: Note[] = [];
  #timer: NodeJS.Timeout | undefined;
  #parcels = 0;
  #calls = 0;
  #asked = 0;

  constructor(port: Pick<MessagePort, "postMessage">, memory: SharedMemory, thread: number) {
    this.#port = port;
    this.#memory = memory;
    this.#thread = thread;
  }

  /** The number of the parcel that the next note goes into. */
  get parcel(): number {
    return this.#parcels + 1;
  }

  /** The last parcel that the main thread has unpacked. */
  get unpacked(): number {
    return Atomics.load(this.#memory.ints, this.#memory.parcelCell(this.#thread));
  }

  /** Tells something, with all else that happens within a moment. */
  tell(note: Note): void {
    this.#notes.push(note);
    if (this.#notes.length >= THREAD_LIMITS.PARCEL_NOTES_MAX) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), THREAD_LIMITS.PARCEL_DELAY_MS);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#notes.length === 0) return;
    const notes = this.#notes;
    this.#notes = [];
    this.#parcels = (this.#parcels + 1) | 0;
    this.post({ type: "parcel", number: this.#parcels, notes });
  }

  post(message: FromThread): void {
    this.#port.postMessage(message);
  }

  /** @throws CausewayError with the answer's code */
  ask(question: Question): Promise<string> {
    const id = ++this.#asked;
    const waiting = Promise.withResolvers<string>();
    this.#questions.set(id, waiting);
    this.post({ type: "question", id, question });
    return waiting.promise;
  }

  answered(id: number, answer: QuestionAnswer): void {
    const waiting = this.#questions.get(id);
    this.#questions.delete(id);
    if (answer.ok) waiting?.resolve(answer.value);
    else waiting?.reject(new CausewayError(answer.code));
  }

  /** Asks and waits; 0, which is no, also when the main thread does not answer in time. */
  call(call: Call): number {
    // What was told before may decide about the answer.
    this.flush();
    const number = (this.#calls + 1) | 0;
    this.#calls = number;
    this.post({ type: "call", number, call });
    const { ints } = this.#memory;
    const cell = this.#memory.callCell(this.#thread);
    const deadline = performance.now() + THREAD_LIMITS.CALL_TIMEOUT_MS;
    for (;;) {
      const answered = Atomics.load(ints, cell);
      if (answered === number) return Atomics.load(ints, cell + 1);
      const left = deadline - performance.now();
      if (left <= 0) return 0;
      Atomics.wait(ints, cell, answered, left);
    }
  }
}

/** The main thread's answer to a call. */
export function answerCall(memory: SharedMemory, thread: number, number: number, value: number): void {
  const cell = memory.callCell(thread);
  Atomics.store(memory.ints, cell + 1, value);
  Atomics.store(memory.ints, cell, number);
  Atomics.notify(memory.ints, cell);
}
