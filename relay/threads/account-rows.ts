// Which row of the shared memory is whose: users' and client networks', given out when a thread first needs one. Rows of clients
// that no thread uses are kept for a while, so that coming back does not begin a new burst; the longest unused gives way.

import { ACCOUNT_LIMITS } from "../../shared/limits.ts";
import type { AccountKind } from "../limits/account.ts";
import type { Purse } from "../limits/quota-lease.ts";
import type { SharedMemory } from "./shared-memory.ts";
import { SharedPurse } from "./shared-purse.ts";

interface Row {
  readonly key: string;
  readonly kind: AccountKind;
  readonly name: string;
  readonly row: number;
  /** Threads that use it. */
  readonly users: Set<number>;
}

/** The row of all for whom there is none: nothing is granted by it. */
export const NO_ROW = 0;

export class AccountRows {
  readonly #memory: SharedMemory;
  readonly #byKey = new Map<string, Row>();
  readonly #byRow = new Map<number, Row>();
  /** Clients that no thread uses, the longest unused first. */
  readonly #idle = new Set<Row>();
  readonly #free: number[] = [];
  #next = NO_ROW + 1;
  /** Told before a client's row goes to somebody else. */
  onForget: (name: string) => void = () => undefined;

  constructor(memory: SharedMemory) {
    this.#memory = memory;
  }

  /** Where the lease of an account lies. */
  readonly purse = (kind: AccountKind, name: string): Purse =>
    new SharedPurse(this.#memory.longs, () => {
      const known = this.#byKey.get(keyOf(kind, name));
      return known && pursePlace(this.#memory, known.row);
    });

  has(kind: AccountKind, name: string): boolean {
    return this.#byKey.has(keyOf(kind, name));
  }

  /** The row of an account that a thread uses from now on; `NO_ROW` when there is none left. */
  acquire(thread: number, kind: AccountKind, name: string): number {
    const known = this.#byKey.get(keyOf(kind, name)) ?? this.#assign(kind, name);
    if (known === undefined) return NO_ROW;
    known.users.add(thread);
    this.#idle.delete(known);
    return known.row;
  }

  /** A thread uses a row no more. */
  release(thread: number, row: number): void {
    const known = this.#byRow.get(row);
    if (known === undefined || !known.users.delete(thread)) return;
    this.#retire(known);
  }

  /** A thread is no more: what it held is taken back. */
  lose(thread: number): void {
    for (const known of this.#byRow.values()) {
      this.#memory.clearThreadOfAccount(known.row, thread);
      if (known.users.delete(thread)) this.#retire(known);
    }
  }

  /** Connections of an account in other threads than one. */
  seatsBeyond(thread: number, kind: AccountKind, name: string): number {
    const known = this.#byKey.get(keyOf(kind, name));
    return known === undefined ? 0 : this.#memory.accountCount(known.row, "seats", thread).others;
  }

  #retire(known: Row): void {
    // Users are as many as the configuration has: theirs stay.
    if (known.users.size > 0 || known.kind === "user") return;
    this.#idle.add(known);
    if (this.#idle.size > ACCOUNT_LIMITS.CLIENTS_MAX) this.#forgetOldest();
  }

  #assign(kind: AccountKind, name: string): Row | undefined {
    const isFull = this.#free.length === 0 && this.#next >= this.#memory.handle.accounts;
    if (isFull) this.#forgetOldest();
    const row = this.#free.pop() ?? this.#next++;
    if (row >= this.#memory.handle.accounts) {
      this.#next--;
      return undefined;
    }
    this.#memory.clearAccount(row);
    const known: Row = { key: keyOf(kind, name), kind, name, row, users: new Set() };
    this.#byKey.set(known.key, known);
    this.#byRow.set(row, known);
    return known;
  }

  #forgetOldest(): void {
    const [oldest] = this.#idle;
    if (oldest !== undefined) this.#forget(oldest);
  }

  /** Users that the configuration has no more, once no thread uses them. */
  forgetUsersBut(names: ReadonlySet<string>): void {
    for (const known of [...this.#byRow.values()])
      if (known.kind === "user" && known.users.size === 0 && !names.has(known.name)) this.#forget(known);
  }

  #forget(known: Row): void {
    if (known.kind === "client") this.onForget(known.name);
    this.#idle.delete(known);
    this.#byKey.delete(known.key);
    this.#byRow.delete(known.row);
    this.#free.push(known.row);
  }
}

export function pursePlace(memory: SharedMemory, row: number): { left: number; until: number } {
  return { left: memory.accountField(row, "left"), until: memory.accountField(row, "until") };
}

function keyOf(kind: AccountKind, name: string): string {
  return `${kind} ${name}`;
}
