// Limits in one thread of several: seats, rates and leases lie in shared memory, where each takes its part by itself; what needs
// more than that is asked of the main thread.

import { ACCOUNT_LIMITS, RELAY_QUOTA_LIMITS } from "../../shared/limits.ts";
import type { AccountKind, AccountShare, Way } from "../limits/account.ts";
import type { SharedLimits } from "../limits/limits.ts";
import type { Quota } from "../limits/quota-lease.ts";
import type { Bucket } from "../limits/token-bucket.ts";
import { NO_ROW, pursePlace } from "./account-rows.ts";
import type { Outbox } from "./outbox.ts";
import { SharedBucket, THREADS_PACING } from "./shared-bucket.ts";
import type { SharedCount } from "./shared-count.ts";
import type { SharedMemory } from "./shared-memory.ts";
import { SharedPurse } from "./shared-purse.ts";

export interface ThreadLimitsOptions {
  readonly memory: SharedMemory;
  readonly thread: number;
  readonly outbox: Pick<Outbox, "call" | "tell">;
}

export class ThreadLimits implements SharedLimits {
  readonly pacing = THREADS_PACING;
  /** What is forgotten here is still known to the main thread. */
  readonly clientsMax: number;
  readonly #options: ThreadLimitsOptions;

  constructor(options: ThreadLimitsOptions) {
    this.#options = options;
    this.clientsMax = Math.ceil(ACCOUNT_LIMITS.CLIENTS_MAX / options.memory.handle.threads);
  }

  account(kind: AccountKind, name: string): AccountShare {
    return new ThreadAccount(kind, name, this.#options);
  }

  takesAnother(): boolean {
    return this.#options.outbox.call({ ask: "arrival", client: undefined }) !== 0;
  }

  takesAnotherOf(client: string): boolean {
    return this.#options.outbox.call({ ask: "arrival", client }) !== 0;
  }
}

class ThreadAccount implements AccountShare {
  readonly quota: Quota;
  readonly #kind: AccountKind;
  readonly #name: string;
  readonly #options: ThreadLimitsOptions;
  /** `NO_ROW`: not asked for yet, or there was none. */
  #row = NO_ROW;
  #isReleased = false;

  constructor(kind: AccountKind, name: string, options: ThreadLimitsOptions) {
    this.#kind = kind;
    this.#name = name;
    this.#options = options;
    this.quota = new ThreadQuota({ kind, name, row: () => this.#place(), ...options });
  }

  takeSeat(max: number): boolean {
    return this.#place() !== NO_ROW && this.#count("seats").take(max);
  }

  giveBackSeats(count: number): void {
    this.#count("seats").giveBack(count);
  }

  bucket(way: Way, rate: number): Bucket {
    const { memory } = this.#options;
    return new SharedBucket({
      rate,
      now: THREADS_PACING.now(),
      cells: memory.longs,
      at: () => memory.accountField(this.#place(), way),
      waiting: () => this.#count(way),
    });
  }

  release(): void {
    if (this.#row !== NO_ROW) this.#options.outbox.tell({ note: "released", row: this.#row });
    this.#row = NO_ROW;
    // What streams that are just ending still give back is nobody's: the row may be another's by then.
    this.#isReleased = true;
  }

  #place(): number {
    if (this.#row === NO_ROW && !this.#isReleased)
      this.#row = this.#options.outbox.call({ ask: "row", kind: this.#kind, name: this.#name });
    return this.#row;
  }

  #count(which: "seats" | Way): SharedCount {
    const { memory, thread } = this.#options;
    return memory.accountCount(this.#place(), which, thread);
  }
}

interface ThreadQuotaOptions extends ThreadLimitsOptions {
  readonly kind: AccountKind;
  readonly name: string;
  readonly row: () => number;
}

/** The quota's lease as all threads take from it; the main thread renews it. */
class ThreadQuota implements Quota {
  readonly #options: ThreadQuotaOptions;
  readonly #purse: SharedPurse;
  /** The main thread is not asked before this: milliseconds since the epoch. */
  #refusedUntil = Number.NEGATIVE_INFINITY;

  constructor(options: ThreadQuotaOptions) {
    this.#options = options;
    this.#purse = new SharedPurse(options.memory.longs, () => pursePlace(options.memory, options.row()));
  }

  /** The main thread knows the terms. */
  setTerms(): void {
    this.#refusedUntil = Number.NEGATIVE_INFINITY;
  }

  charge(bytes: number): boolean {
    const now = Date.now();
    if (now < this.#purse.until && this.#purse.take(bytes)) return true;
    const { kind, name } = this.#options;
    return this.#asks(now, { ask: "charge", kind, name, bytes });
  }

  isOpen(): boolean {
    const now = Date.now();
    if (this.#purse.left > 0 && now < this.#purse.until) return true;
    const { kind, name } = this.#options;
    return this.#asks(now, { ask: "is_open", kind, name });
  }

  /** The lease is everybody's: the main thread gives it back. */
  release(): void {}

  #asks(now: number, call: Parameters<Outbox["call"]>[0]): boolean {
    // Datagrams of somebody whose quota is used up must not hold the thread up, each by itself.
    if (now < this.#refusedUntil) return false;
    const isPaid = this.#options.outbox.call(call) !== 0;
    if (!isPaid) this.#refusedUntil = now + RELAY_QUOTA_LIMITS.RECHECK_MS / 10;
    return isPaid;
  }
}
