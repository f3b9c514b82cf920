// The ledger of a relay with several threads: the flows of all of them stand in it as its own, with their bytes read from shared
// memory whenever somebody looks. So sums, lists and batches are made as with one thread.

import type { Batch } from "../../shared/flow/batch.ts";
import type { Flow, FlowRecord } from "../../shared/flow/flow.ts";
import type { LedgerOptions } from "../../shared/flow/ledger.ts";
import { SummingLedger } from "../metrics/summing-ledger.ts";
import { FlowPages } from "./flow-pages.ts";
import type { Note, OpenedNote } from "./messages.ts";

/** A flow of a thread. */
interface Mirrored {
  readonly flow: Flow;
  readonly cells: Float64Array;
  readonly at: number;
}

interface ThreadBooks {
  pages: FlowPages;
  readonly flows: Map<number, Mirrored>;
  /** The number of its next flow. */
  next: number;
}

export interface MergedLedgerOptions extends LedgerOptions {
  readonly threads: number;
  /** Has a thread break a flow of its own off. */
  readonly cut: (thread: number, flow: number, cause: NonNullable<Flow["cut"]>) => void;
}

export class MergedLedger extends SummingLedger {
  readonly #books: readonly ThreadBooks[];
  readonly #step: number;
  readonly #cut: MergedLedgerOptions["cut"];

  constructor({ threads, cut, ...options }: MergedLedgerOptions) {
    // Numbers take turns: the first is the main thread's.
    super(options, undefined, { first: 1, step: threads + 1 });
    this.#step = threads + 1;
    this.#cut = cut;
    this.#books = Array.from({ length: threads }, (_, thread) => ({
      pages: new FlowPages(),
      flows: new Map(),
      next: thread + 2,
    }));
  }

  /** The numbers of flows that a thread that starts now begins with. */
  numbersFor(thread: number): { first: number; step: number } {
    return { first: this.#book(thread).next, step: this.#step };
  }

  /** Takes over what a thread tells of its flows. */
  hear(thread: number, note: Extract<Note, { note: "opened" | "closed" | "refused" | "page" }>): void {
    const book = this.#book(thread);
    switch (note.note) {
      case "page":
        book.pages.add(note.page);
        break;
      case "refused":
        this.refuse(note.service, note.kind, note.code);
        break;
      case "opened":
        this.#open(thread, book, note);
        break;
      case "closed": {
        const mirrored = book.flows.get(note.number);
        if (mirrored === undefined) return;
        book.flows.delete(note.number);
        Object.assign(mirrored.flow, { up: note.up, down: note.down });
        this.close(mirrored.flow, note.reason, note.at, note.code);
        break;
      }
    }
  }

  /** Ends the flows of a thread that is no more, with all that they had moved; resolves to them. */
  lose(thread: number, now: number): Flow[] {
    const book = this.#book(thread);
    const lost = [...book.flows.values()].map((mirrored) => {
      read(mirrored);
      this.close(mirrored.flow, "failed", now);
      return mirrored.flow;
    });
    book.flows.clear();
    book.pages = new FlowPages();
    return lost;
  }

  override seal(now: number, last = false): Batch | undefined {
    this.#readAll();
    return super.seal(now, last);
  }

  override *records(): Generator<FlowRecord> {
    this.#readAll();
    yield* super.records();
  }

  #open(thread: number, book: ThreadBooks, { number, slot, init, closable }: OpenedNote): void {
    book.next = number + this.#step;
    const flow = this.open(init, number);
    if (closable) flow.onCut = (cause) => this.#cut(thread, number, cause);
    book.flows.set(number, { flow, ...book.pages.find(slot) });
  }

  #readAll(): void {
    for (const { flows } of this.#books) for (const mirrored of flows.values()) read(mirrored);
  }

  #book(thread: number): ThreadBooks {
    const book = this.#books[thread];
    if (book === undefined) throw new RangeError(`Cannot find the flows of thread ${thread}: there is none`);
    return book;
  }
}

function read({ flow, cells, at }: Mirrored): void {
  flow.up = cells[at] ?? 0;
  flow.down = cells[at + 1] ?? 0;
}
