// A thread's flows: counted in shared memory while they are open, and told to the main thread's ledger, which alone adds up and
// reports.

import type { CloseReason, CutCause, Flow, FlowInit, FlowKind } from "../../shared/flow/flow.ts";
import type { FlowNumbers } from "../../shared/flow/ledger.ts";
import type { FlowBook } from "../inbound/inbound.ts";
import { FlowPages } from "./flow-pages.ts";
import type { OpenedNote } from "./messages.ts";
import type { Outbox } from "./outbox.ts";

export interface ThreadLedgerOptions {
  /** The relay's source, the beginning of flows' ids. */
  readonly source: string;
  readonly flows: FlowNumbers;
  readonly outbox: Pick<Outbox, "tell" | "parcel" | "unpacked">;
}

export class ThreadLedger implements FlowBook {
  readonly #options: ThreadLedgerOptions;
  readonly #pages = new FlowPages();
  readonly #open = new Map<number, ThreadFlow>();
  /** Slots that nobody reads any more, and those of flows whose end the main thread may not have heard of yet. */
  readonly #free: number[] = [];
  readonly #leaving: { readonly slot: number; readonly parcel: number }[] = [];
  #nextFlow: number;

  constructor(options: ThreadLedgerOptions) {
    this.#options = options;
    this.#nextFlow = options.flows.first;
  }

  open(init: FlowInit): Flow {
    const number = this.#nextFlow;
    this.#nextFlow += this.#options.flows.step;
    const slot = this.#takeSlot();
    const note: OpenedNote = { note: "opened", number, slot, init: { ...init }, closable: false };
    const flow = new ThreadFlow(`${this.#options.source}-${number}`, note, this.#pages);
    this.#open.set(number, flow);
    this.#options.outbox.tell(note);
    return flow;
  }

  close(flow: Flow, reason: CloseReason, at: number, code?: string): void {
    const { number, slot } = (flow as ThreadFlow).note;
    if (!this.#open.delete(number)) return;
    const { up, down } = flow;
    const { outbox } = this.#options;
    this.#leaving.push({ slot, parcel: outbox.parcel });
    outbox.tell({ note: "closed", number, reason, at, code, up, down });
  }

  refuse(service: string, kind: FlowKind, code?: string): void {
    this.#options.outbox.tell({ note: "refused", service, kind, code });
  }

  /** Breaks a flow off. */
  cut(number: number, cause: CutCause): void {
    this.#open.get(number)?.breakOff(cause);
  }

  #takeSlot(): number {
    const { outbox } = this.#options;
    for (const unpacked = outbox.unpacked; ; ) {
      const [oldest] = this.#leaving;
      if (oldest === undefined || oldest.parcel - unpacked > 0) break;
      this.#leaving.shift();
      this.#free.push(oldest.slot);
    }
    const slot = this.#free.pop();
    if (slot !== undefined) return slot;
    const first = this.#pages.slots;
    outbox.tell({ note: "page", page: this.#pages.add() });
    for (let fresh = this.#pages.slots - 1; fresh > first; fresh--) this.#free.push(fresh);
    return first;
  }
}

class ThreadFlow implements Flow {
  readonly id: string;
  readonly note: OpenedNote;
  readonly #cells: Float64Array;
  readonly #at: number;
  target: string;
  messagesUp = 0;
  messagesDown = 0;
  cut: CutCause | undefined;
  #onCut: ((cause: CutCause) => void) | undefined;

  constructor(id: string, note: OpenedNote, pages: FlowPages) {
    this.id = id;
    this.note = note;
    const { cells, at } = pages.find(note.slot);
    this.#cells = cells;
    this.#at = at;
    this.target = note.init.target;
    this.up = 0;
    this.down = 0;
  }

  get up(): number {
    return this.#cells[this.#at] ?? 0;
  }

  set up(bytes: number) {
    this.#cells[this.#at] = bytes;
  }

  get down(): number {
    return this.#cells[this.#at + 1] ?? 0;
  }

  set down(bytes: number) {
    this.#cells[this.#at + 1] = bytes;
  }

  get kind(): FlowKind {
    return this.note.init.kind;
  }

  get service(): string {
    return this.note.init.service;
  }

  get client(): string {
    return this.note.init.client;
  }

  get user(): string {
    return this.note.init.user;
  }

  get startedAt(): number {
    return this.note.init.startedAt;
  }

  get onCut(): ((cause: CutCause) => void) | undefined {
    return this.#onCut;
  }

  set onCut(onCut: ((cause: CutCause) => void) | undefined) {
    this.#onCut = onCut;
    this.note.closable = onCut !== undefined;
  }

  breakOff(cause: CutCause): void {
    if (this.cut !== undefined) return;
    this.cut = cause;
    this.#onCut?.(cause);
  }
}
