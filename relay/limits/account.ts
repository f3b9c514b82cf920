// Who pays for connections: a user, or a client's address. An account has seats for connections, a rate each way that they
// share, a quota and an end. It knows no sockets: a seat is whatever can be told to end.

import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { FairShare, type PacingClock, SYSTEM_PACING } from "./fair-share.ts";
import { QuotaLease, type QuotaStore, type QuotaTerms } from "./quota-lease.ts";

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

export interface AccountDeps {
  /** Needed by accounts with a quota. */
  readonly store: QuotaStore;
  /** Connections of `account` were ended, all at once. */
  readonly onEnded: (account: Account, code: ErrorCode, connections: number) => void;
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
  readonly #seats = new Set<Seat>();
  #terms: AccountTerms = {};
  #removed = false;
  #shares: Readonly<Record<Way, FairShare>> | undefined;
  #quota: QuotaLease | undefined;

  constructor(kind: AccountKind, name: string, terms: AccountTerms, deps: AccountDeps) {
    this.kind = kind;
    this.name = name;
    this.#deps = deps;
    this.setTerms(terms);
  }

  get connections(): number {
    return this.#seats.size;
  }

  get expires(): number | undefined {
    return this.#terms.expires;
  }

  /** Whether bytes are counted or paced at all. */
  get isMetered(): boolean {
    return this.#shares !== undefined || this.#quota !== undefined;
  }

  /** The rate of one direction, if there is one. */
  share(way: Way): FairShare | undefined {
    return this.#shares?.[way];
  }

  /** New terms hold at once, but for connections that were not metered before. */
  setTerms(terms: AccountTerms): void {
    const { store, now, pacing = SYSTEM_PACING } = this.#deps;
    this.#terms = terms;
    const { rate, quota } = terms;
    if (rate === undefined) this.#shares = undefined;
    else if (this.#shares === undefined) {
      this.#shares = { up: new FairShare(rate, pacing), down: new FairShare(rate, pacing) };
    } else {
      this.#shares.up.setRate(rate);
      this.#shares.down.setRate(rate);
    }
    if (quota === undefined) {
      this.#quota?.release();
      this.#quota = undefined;
    } else if (this.#quota === undefined) {
      this.#quota = new QuotaLease(`${this.kind}:${this.name}`, quota, store, now);
    } else this.#quota.setTerms(quota);
    this.endIfExpired();
  }

  /**
   * Whether anything is granted now.
   * @throws CausewayError `user_expired`, `traffic_exceeded`
   */
  check(): void {
    if (this.#isOver()) throw new CausewayError("user_expired");
    if (this.#quota?.isOpen() === false) throw new CausewayError("traffic_exceeded");
  }

  /** Gives a connection its seat; false when all are taken. */
  sits(seat: Seat): boolean {
    if (this.#seats.size >= (this.#terms.maxConnections ?? Number.POSITIVE_INFINITY)) return false;
    this.#seats.add(seat);
    return true;
  }

  rise(seat: Seat): void {
    this.#seats.delete(seat);
  }

  /** Pays for bytes before they move; false: they may not, and every connection has been ended. */
  charge(bytes: number): boolean {
    if (this.#quota === undefined || this.#quota.charge(bytes)) return true;
    this.#end("traffic_exceeded");
    return false;
  }

  endIfExpired(): void {
    if (this.#isOver()) this.#end("user_expired");
  }

  /** The account is no more. */
  remove(): void {
    this.#removed = true;
    this.#end("user_expired");
    this.release();
  }

  /** Gives back what is left of its lease. */
  release(): void {
    this.#quota?.release();
  }

  #isOver(): boolean {
    const { expires } = this.#terms;
    return this.#removed || (expires !== undefined && (this.#deps.now ?? Date.now)() >= expires);
  }

  #end(code: ErrorCode): void {
    const ended = [...this.#seats];
    if (ended.length === 0) return;
    this.#seats.clear();
    this.#deps.onEnded(this, code, ended.length);
    for (const seat of ended) seat.end();
  }
}
