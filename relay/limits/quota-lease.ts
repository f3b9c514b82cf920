// What one payer may still move of its quota. Bytes are taken from a lease that the store has counted as used before the
// first of them moves: whatever becomes of the process, no byte is forgotten, and at most one lease is counted too much.

import { periodAt, type QuotaPeriod } from "../../shared/flow/quota.ts";
import { RELAY_QUOTA_LIMITS } from "../../shared/limits.ts";

/** So many bytes, both ways together, per period of the calendar in UTC, or once and for all. */
export interface QuotaTerms {
  readonly bytes: number;
  readonly period: QuotaPeriod | "total";
}

/** What is asked of the store. */
export interface LeaseRequest {
  /** Who pays. */
  readonly subject: string;
  readonly period: QuotaTerms["period"];
  /** When the period began: milliseconds since the epoch; 0 for "total". */
  readonly start: number;
  readonly now: number;
  /** The whole quota in bytes. */
  readonly limit: number;
  readonly wanted: number;
  /** With less than this left the rest of the quota is void. */
  readonly needed: number;
}

/** Where use is kept. */
export interface QuotaStore {
  /** Counts up to `wanted` bytes as used and returns how many; 0: the quota is used up; undefined: the store failed. */
  lease(request: LeaseRequest): number | undefined;
  /** Bytes of a period that are counted as used, leased ones among them; undefined: it cannot tell. */
  usage?(request: Pick<LeaseRequest, "subject" | "period" | "start" | "now">): number | undefined;
  /** Of a lease, `bytes` were not used. */
  giveBack(lease: Pick<LeaseRequest, "subject" | "period" | "start">, bytes: number): void;
}

/** Where the bytes of a lease lie that are left: those who take from it may be other threads. */
export interface Purse {
  readonly left: number;
  /** False when there are not as many. */
  take(bytes: number): boolean;
  add(bytes: number): void;
  /** Takes all that is left, and returns how much that was. */
  empty(): number;
  /** Nothing is taken from then on by anybody but its owner: milliseconds since the epoch. */
  until: number;
}

/** What an account needs of its quota. */
export interface Quota {
  setTerms(terms: QuotaTerms): void;
  charge(bytes: number): boolean;
  isOpen(): boolean;
  release(): void;
  /** Bytes left in this period; undefined: they cannot be read. Absent: the quota is kept elsewhere. */
  left?(): number | undefined;
}

class OwnPurse implements Purse {
  left = 0;
  until = 0;

  take(bytes: number): boolean {
    if (bytes > this.left) return false;
    this.left -= bytes;
    return true;
  }

  add(bytes: number): void {
    this.left += bytes;
  }

  empty(): number {
    const bytes = this.left;
    this.left = 0;
    return bytes;
  }
}

export interface QuotaLeaseOptions {
  readonly store: QuotaStore;
  /** Milliseconds since the epoch. */
  readonly now?: (() => number) | undefined;
  /** Absent: nobody else takes from it. */
  readonly purse?: Purse | undefined;
}

export class QuotaLease implements Quota {
  readonly #subject: string;
  readonly #store: QuotaStore;
  readonly #now: () => number;
  #terms: QuotaTerms;
  readonly #purse: Purse;
  /** The period that the lease is of. */
  #start = 0;
  #end = 0;
  #size = 0;
  #leasedAt = Number.NEGATIVE_INFINITY;
  /** The store is not asked before this: milliseconds since the epoch. */
  #refusedUntil = Number.NEGATIVE_INFINITY;

  constructor(subject: string, terms: QuotaTerms, { store, now, purse }: QuotaLeaseOptions) {
    this.#subject = subject;
    this.#terms = terms;
    this.#store = store;
    this.#now = now ?? Date.now;
    this.#purse = purse ?? new OwnPurse();
  }

  /** Other terms from the configuration: what is left of the lease goes back first. */
  setTerms(terms: QuotaTerms): void {
    if (terms.bytes === this.#terms.bytes && terms.period === this.#terms.period) return;
    this.release();
    this.#terms = terms;
    this.#end = 0;
    this.#refusedUntil = Number.NEGATIVE_INFINITY;
  }

  /** Pays for bytes before they move; false: they may not, and nothing more in this period. */
  charge(bytes: number): boolean {
    if (this.#now() < this.#end && this.#purse.take(bytes)) return true;
    // What was leased for these bytes, another thread may have taken meanwhile.
    do if (!this.#renew(bytes)) return false;
    while (!this.#purse.take(bytes));
    return true;
  }

  /** Whether anything may move at all. */
  isOpen(): boolean {
    return (this.#purse.left > 0 && this.#now() < this.#end) || this.#renew(1);
  }

  /** Gives back what is left. */
  release(): void {
    const { period } = this.#terms;
    const left = this.#purse.empty();
    if (left > 0) this.#store.giveBack({ subject: this.#subject, period, start: this.#start }, left);
  }

  left(): number | undefined {
    const now = this.#now();
    const { bytes, period } = this.#terms;
    const start = period === "total" ? 0 : periodAt(period, now).start;
    const used = this.#store.usage?.({ subject: this.#subject, period, start, now });
    if (used === undefined) return undefined;
    const leased = now < this.#end ? this.#purse.left : 0;
    return Math.max(0, bytes - used + leased);
  }

  #renew(needed: number): boolean {
    const now = this.#now();
    const { bytes: limit, period } = this.#terms;
    if (now >= this.#end || now < this.#start) this.#begin(now);
    if (now < this.#refusedUntil) return false;
    this.#fit(now, limit);
    const { left } = this.#purse;
    // Another thread may have given back to it meanwhile.
    const missing = Math.max(1, needed - left);
    const request = { subject: this.#subject, period, start: this.#start, now, limit };
    const leased = this.#store.lease({
      ...request,
      wanted: Math.max(missing, this.#size - left),
      needed: missing,
    });
    if (leased) {
      this.#purse.add(leased);
      this.#leasedAt = now;
      return true;
    }
    // Another process may give something back, and a store that failed may work again, so it is asked now and then.
    this.#refusedUntil = now + RELAY_QUOTA_LIMITS.RECHECK_MS;
    // A rest that is smaller than one read would let clients in again and again only to cut them off.
    if (leased === 0) this.#purse.empty();
    return false;
  }

  /** A new period: what was leased in the one before is void. */
  #begin(now: number): void {
    const { period } = this.#terms;
    const { start, end } =
      period === "total" ? { start: 0, end: Number.POSITIVE_INFINITY } : periodAt(period, now);
    this.#purse.empty();
    this.#purse.until = end;
    this.#start = start;
    this.#end = end;
    this.#refusedUntil = Number.NEGATIVE_INFINITY;
  }

  /** A lease that lasted less than a second was too small; one that lasted long may be smaller. */
  #fit(now: number, limit: number): void {
    const { LEASE_BYTES_MIN, LEASE_BYTES_MAX, LEASES_PER_QUOTA, LEASE_MS_MIN, LEASE_MS_MAX } =
      RELAY_QUOTA_LIMITS;
    const lasted = now - this.#leasedAt;
    if (lasted < LEASE_MS_MIN) this.#size *= 2;
    else if (lasted > LEASE_MS_MAX) this.#size /= 2;
    const most = Math.min(LEASE_BYTES_MAX, limit / LEASES_PER_QUOTA);
    this.#size = Math.max(1, Math.floor(Math.min(Math.max(this.#size, LEASE_BYTES_MIN), most)));
  }
}
