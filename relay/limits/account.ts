// Who pays for connections: a user, or a client's address. An account has seats for connections, a rate each way that they
// share, a quota and an end. It knows no sockets: a seat is whatever can be told to end.

import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { FairShare, type PacingClock, SYSTEM_PACING } from "./fair-share.ts";
import { type Purse, type Quota, QuotaLease, type QuotaStore, type QuotaTerms } from "./quota-lease.ts";
import type { Bucket } from "./token-bucket.ts";

/** What an account may do; absent: without bound. */
export interface AccountTerms {
  readonly maxConnections?: number | undefined;
  /** Bytes per second, each way. */
  readonly rate?: number | undefined;
  readonly quota?: QuotaTerms | undefined;
  /** From then on: milliseconds since the epoch. */
  readonly expires?: number | undefined;
}

/** A connection as its payers know it. */
export interface Seat {
  /** Ends the connection. */
  end(): void;
}

/** What the accounts of one payer have in common where several threads serve its connections. */
export interface AccountShare {
  /** False when all threads together have given as many as `max` out. */
  takeSeat(max: number): boolean;
  giveBackSeats(count: number): void;
  bucket(way: Way, rate: number): Bucket;
  readonly quota: Quota;
  /** The account is not used any more here. */
  release(): void;
}

export interface AccountDeps {
  /** Needed by accounts with a quota. */
  readonly store: QuotaStore;
  /** Connections of `account` were ended, all at once. */
  readonly onEnded: (account: Account, code: ErrorCode, connections: number) => void;
  /** Absent: accounts are this thread's alone. */
  readonly share?: ((kind: AccountKind, name: string) => AccountShare) | undefined;
  /** Client addresses kept at hand; absent: ACCOUNT_LIMITS.CLIENTS_MAX. */
  readonly clientsMax?: number;
  /** Where leases lie that other threads take from; absent: nowhere but here. */
  readonly purse?: ((kind: AccountKind, name: string) => Purse) | undefined;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  readonly pacing?: PacingClock;
}

export type AccountKind = "user" | "client";
export type Way = "up" | "down";

export class Account {
  readonly kind: AccountKind;
  readonly name: string;
  readonly #deps: AccountDeps;
  readonly #share: AccountShare | undefined;
  readonly #seats = new Set<Seat>();
  #terms: AccountTerms = {};
  #removed = false;
  #shares: Readonly<Record<Way, FairShare>> | undefined;
  #quota: Quota | undefined;
  #users = 0;

  constructor(kind: AccountKind, name: string, terms: AccountTerms, deps: AccountDeps) {
    this.kind = kind;
    this.name = name;
    this.#deps = deps;
    this.#share = deps.share?.(kind, name);
    this.setTerms(terms);
  }

  get connections(): number {
    return this.#seats.size;
  }

  /** Whether it may not be forgotten: connections have seats, or pay without one. */
  get isInUse(): boolean {
    return this.#seats.size > 0 || this.#users > 0;
  }

  /** Somebody pays by it until `letGo`. */
  hold(): void {
    this.#users++;
  }

  letGo(): void {
    this.#users--;
  }

  get expires(): number | undefined {
    return this.#terms.expires;
  }

  /** Whether bytes are counted or paced at all. */
  get isMetered(): boolean {
    return this.#terms.rate !== undefined || this.#quota !== undefined;
  }

  /** The rate of one direction, if there is one. */
  share(way: Way): FairShare | undefined {
    return this.#terms.rate === undefined ? undefined : this.#shares?.[way];
  }

  /** New terms hold at once, but for connections that were not metered before. */
  setTerms(terms: AccountTerms): void {
    const { pacing = SYSTEM_PACING } = this.#deps;
    this.#terms = terms;
    const { rate, quota } = terms;
    if (rate === undefined) {
      // Kept, for streams that have lanes there: a rate that comes back must not be one for them and one for new ones.
      this.#shares?.up.lift();
      this.#shares?.down.lift();
    } else if (this.#shares === undefined) {
      const share = (way: Way) => new FairShare(rate, pacing, this.#share?.bucket(way, rate));
      this.#shares = { up: share("up"), down: share("down") };
    } else {
      this.#shares.up.setRate(rate);
      this.#shares.down.setRate(rate);
    }
    if (quota === undefined) {
      this.#quota?.release();
      this.#quota = undefined;
    } else if (this.#quota === undefined) {
      this.#quota = this.#share?.quota ?? this.#leaseOf(quota);
    } else this.#quota.setTerms(quota);
    this.endIfExpired();
  }

  #leaseOf(quota: QuotaTerms): QuotaLease {
    const { store, now, purse } = this.#deps;
    const options = { store, now, purse: purse?.(this.kind, this.name) };
    return new QuotaLease(`${this.kind}:${this.name}`, quota, options);
  }

  /** Whether its quota grants anything now. */
  get isOpen(): boolean {
    return this.#quota?.isOpen() !== false;
  }

  /** Bytes that its quota grants yet in this period; undefined: it has none, or they cannot be read. */
  get quotaLeft(): number | undefined {
    return this.#quota?.left?.();
  }

  /**
   * Whether anything is granted now.
   * @throws CausewayError `user_expired`, `traffic_exceeded`
   */
  check(): void {
    if (this.#isOver()) throw new CausewayError("user_expired");
    if (!this.isOpen) throw new CausewayError("traffic_exceeded");
  }

  /** Gives a connection its seat; false when all are taken. */
  sits(seat: Seat): boolean {
    const { maxConnections = Number.POSITIVE_INFINITY } = this.#terms;
    const isFree = this.#share?.takeSeat(maxConnections) ?? this.#seats.size < maxConnections;
    if (isFree) this.#seats.add(seat);
    return isFree;
  }

  rise(seat: Seat): void {
    if (this.#seats.delete(seat)) this.#share?.giveBackSeats(1);
  }

  /** Pays for bytes before they move; false: they may not, and every connection has been ended. */
  charge(bytes: number): boolean {
    if (this.#quota === undefined || this.#quota.charge(bytes)) return true;
    this.end("traffic_exceeded");
    return false;
  }

  endIfExpired(): void {
    if (this.#isOver()) this.end("user_expired");
  }

  /** The account is no more. */
  remove(): void {
    this.#removed = true;
    this.end("user_expired");
    this.release();
  }

  /** Gives back what is left of its lease. */
  release(): void {
    this.#quota?.release();
    this.#share?.release();
  }

  #isOver(): boolean {
    const { expires } = this.#terms;
    return this.#removed || (expires !== undefined && (this.#deps.now ?? Date.now)() >= expires);
  }

  /** Ends its connections, all at once. */
  end(code: ErrorCode): void {
    const ended = [...this.#seats];
    if (ended.length === 0) return;
    this.#seats.clear();
    this.#share?.giveBackSeats(ended.length);
    this.#deps.onEnded(this, code, ended.length);
    for (const seat of ended) seat.end();
  }
}
