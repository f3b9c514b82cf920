// Failed sign-ins per client: the first few cost nothing, each one on top doubles the wait. What was wrong is forgotten in
// time, not by a success: a client with an account of its own could otherwise try others' passwords between two sign-ins.
// Pure: time comes in as an argument.

import { ClientTable } from "./rate-window.ts";

export interface SignInFailureLimits {
  /** Failures without a wait. */
  readonly free: number;
  readonly waitMinMs: number;
  readonly waitMaxMs: number;
  /** Failures are forgotten this long after the last one. */
  readonly forgetMs: number;
  /** Clients that are remembered. */
  readonly clientsMax: number;
}

interface Failures {
  readonly count: number;
  readonly at: number;
  readonly blockedUntil: number;
}

export class SignInFailures {
  readonly #limits: SignInFailureLimits;
  readonly #clients: ClientTable<Failures>;

  constructor(limits: SignInFailureLimits) {
    this.#limits = limits;
    this.#clients = new ClientTable(limits.clientsMax);
  }

  /** Milliseconds until the client may sign in again; 0: now. */
  waitMs(client: string, now: number): number {
    const known = this.#clients.get(client);
    if (known === undefined) return 0;
    // A clock that went back must not make the wait longer than it was.
    const since = Math.min(0, now - known.at);
    if (since < 0) this.#clients.set(client, { ...known, at: now, blockedUntil: known.blockedUntil + since });
    return Math.max(0, known.blockedUntil + since - now);
  }

  record(client: string, now: number): void {
    const { free, waitMinMs, waitMaxMs, forgetMs } = this.#limits;
    const known = this.#clients.get(client);
    const count = (known && now - known.at < forgetMs ? known.count : 0) + 1;
    const doublings = count - free - 1;
    const wait = doublings < 0 ? 0 : Math.min(waitMinMs * 2 ** Math.min(doublings, 30), waitMaxMs);
    this.#clients.set(client, { count, at: now, blockedUntil: now + wait });
  }
}
