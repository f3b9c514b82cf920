// Fetch leases of one channel: of all isolates that want the same resource, one fetches it, and the others wait and get its
// bytes, or learn where they are. Small bodies are handed on from here; larger ones lie in R2, or in the cache of one data
// centre. All in memory: an object that is started anew grants a fetch once more, and nothing worse.

import type { ErrorCode } from "../../../shared/errors.ts";
import { SHIELD_LIMITS as LIMITS } from "../../../shared/limits.ts";
import { ByteLru } from "../../cache/byte-lru.ts";
import { within } from "../../cache/deadline.ts";

export interface LeaseRequest {
  /** A hash of the resource's cache key. */
  readonly name: string;
  /** Where the asker can read what others stored: "r2", or a data centre's name. */
  readonly place: string;
  /** The fetch takes this long at most. */
  readonly holdMs: number;
  /** So long the asker waits for somebody else's. */
  readonly waitMs: number;
}

/** A body with what is known of it, as JSON. */
export interface Parcel {
  readonly facts: string;
  readonly body: Uint8Array;
}

export type LeaseReply =
  /** The asker is to fetch and to report. */
  | { readonly type: "granted"; readonly lease: string }
  | { readonly type: "parcel"; readonly parcel: Parcel }
  /** It lies where the asker can read it. */
  | { readonly type: "stored" }
  | { readonly type: "failed"; readonly code: ErrorCode }
  /** No agreement: the asker fetches for itself. */
  | { readonly type: "alone" };

export type LeaseOutcome =
  | { readonly type: "parcel"; readonly parcel: Parcel }
  | { readonly type: "stored"; readonly place: string }
  | { readonly type: "failed"; readonly code: ErrorCode }
  /** What came may not be shared. */
  | { readonly type: "unshared" };

export interface LeaseReport {
  readonly name: string;
  readonly lease: string;
  readonly outcome: LeaseOutcome;
  /** For how long others may go by it. */
  readonly keepMs: number;
}

interface Lease {
  readonly id: string;
  readonly name: string;
  /** After that somebody else may fetch. */
  readonly until: number;
  readonly over: Promise<LeaseOutcome>;
  readonly end: (outcome: LeaseOutcome) => void;
}

interface Result {
  readonly outcome: LeaseOutcome;
  readonly until: number;
}

export class LeaseTable {
  readonly #leases = new Map<string, Lease>();
  readonly #results = new ByteLru<Result>(LIMITS.PARCELS_BYTES);
  #waiters = 0;

  /** Waits while somebody else fetches the same; `now` is a clock in milliseconds. */
  async ask({ name, place, holdMs, waitMs }: LeaseRequest, now: () => number): Promise<LeaseReply> {
    const until = now() + Math.min(waitMs, LIMITS.HOLD_MAX_MS);
    for (;;) {
      const shared = this.#resultOf(name, now());
      const elsewhere = isElsewhere(shared, place);
      if (shared && !elsewhere) return replyOf(shared);
      // What another data centre has stored is of no use here: each fetches for itself.
      const key = elsewhere ? keyAt(name, place) : name;
      const near = elsewhere ? this.#resultOf(key, now()) : undefined;
      if (near) return replyOf(near);
      const lease = this.#leases.get(key);
      if (!lease || lease.until <= now()) return this.#grant(name, key, { holdMs, now: now() });
      const outcome = await this.#wait(lease, Math.min(until, lease.until) - now());
      if (outcome && !isElsewhere(outcome, place)) return replyOf(outcome);
      if (now() >= until) return { type: "alone" };
    }
  }

  /** Takes what became of a fetch, unless somebody else has taken over since. */
  report({ name, lease: id, outcome, keepMs }: LeaseReport, now: number): void {
    const places = outcome.type === "stored" ? [name, keyAt(name, outcome.place)] : [name];
    const [key, lease] = [...this.#leases].find(([, entry]) => entry.id === id && entry.name === name) ?? [];
    if (key === undefined || !lease) return;
    this.#leases.delete(key);
    if (outcome.type !== "unshared" && keepMs > 0) {
      const bytes =
        outcome.type === "parcel" ? outcome.parcel.body.byteLength + outcome.parcel.facts.length : 0;
      const result = { outcome, until: now + keepMs };
      for (const each of key === name ? places : [key]) this.#results.set(each, result, bytes);
    }
    lease.end(outcome);
  }

  #resultOf(key: string, now: number): LeaseOutcome | undefined {
    const result = this.#results.get(key);
    if (!result) return undefined;
    if (now < result.until) return result.outcome;
    this.#results.delete(key);
    return undefined;
  }

  #grant(name: string, key: string, { holdMs, now }: { holdMs: number; now: number }): LeaseReply {
    this.#leases.delete(key);
    for (const [each, { until }] of this.#leases) {
      if (this.#leases.size < LIMITS.LEASES_MAX) break;
      if (until <= now) this.#leases.delete(each);
    }
    if (this.#leases.size >= LIMITS.LEASES_MAX) return { type: "alone" };
    const { promise, resolve } = Promise.withResolvers<LeaseOutcome>();
    // Of an object that was started anew nobody may report a lease of the one before it.
    const id = crypto.randomUUID();
    const until = now + Math.min(holdMs, LIMITS.HOLD_MAX_MS);
    this.#leases.set(key, { id, name, until, over: promise, end: resolve });
    return { type: "granted", lease: id };
  }

  async #wait({ over }: Lease, forMs: number): Promise<LeaseOutcome | undefined> {
    if (this.#waiters >= LIMITS.WAITERS_MAX) return { type: "unshared" };
    this.#waiters++;
    try {
      return await within(over, Math.max(forMs, 0), () => undefined);
    } finally {
      this.#waiters--;
    }
  }
}

function keyAt(name: string, place: string): string {
  return `${name} ${place}`;
}

function isElsewhere(outcome: LeaseOutcome | undefined, place: string): boolean {
  return outcome?.type === "stored" && outcome.place !== place;
}

function replyOf(outcome: LeaseOutcome): LeaseReply {
  return outcome.type === "unshared" ? { type: "alone" } : outcome;
}
