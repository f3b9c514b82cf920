// All accounts of a relay: one per configured user, and one per client address while it is in use. Addresses without
// connections are kept for a while, so that coming back does not begin a new burst; the longest unused goes first.

import type { ErrorCode } from "../../shared/errors.ts";
import { ACCOUNT_LIMITS } from "../../shared/limits.ts";
import { clientNetwork } from "../../shared/net/client-network.ts";
import { Account, type AccountDeps, type AccountKind, type AccountTerms } from "./account.ts";

export interface UserTerms extends AccountTerms {
  readonly name: string;
}

export interface AccountsOptions {
  readonly users: readonly UserTerms[];
  /** What each client address may do; undefined: no bound, and no account. */
  readonly perClient: AccountTerms | undefined;
}

export class Accounts {
  readonly #deps: AccountDeps;
  readonly #users = new Map<string, Account>();
  readonly #clients = new Map<string, Account>();
  #perClient: AccountTerms | undefined;
  #expiryTimer: NodeJS.Timeout | undefined;

  constructor(options: AccountsOptions, deps: AccountDeps) {
    this.#deps = deps;
    this.setTerms(options);
  }

  /** Other users and terms from the configuration: connections of users that are gone, or expired now, end. */
  setTerms({ users, perClient }: AccountsOptions): void {
    const names = new Set(users.map(({ name }) => name));
    for (const [name, account] of this.#users) {
      if (names.has(name)) continue;
      this.#users.delete(name);
      account.remove();
    }
    for (const terms of users) {
      const known = this.#users.get(terms.name);
      if (known === undefined)
        this.#users.set(terms.name, new Account("user", terms.name, terms, this.#deps));
      else known.setTerms(terms);
    }
    this.#perClient = perClient;
    for (const account of this.#clients.values()) account.setTerms(perClient ?? {});
    this.#watchExpiry();
  }

  /** Whether anybody is bounded by address. */
  get boundsClients(): boolean {
    return this.#perClient !== undefined;
  }

  user(name: string): Account | undefined {
    return this.#users.get(name);
  }

  /** The account of a client's address (IPv6: of its /64); undefined where addresses have no bounds. */
  client(address: string): Account | undefined {
    return this.#perClient === undefined ? undefined : this.of("client", clientNetwork(address));
  }

  /** The account of a user, or of a client's network as its account is called. */
  of(kind: AccountKind, name: string): Account | undefined {
    return kind === "user" ? this.user(name) : this.#ofNetwork(name);
  }

  /** Ends the connections of an account, if it has any here. */
  end(kind: AccountKind, name: string, code: ErrorCode): void {
    (kind === "user" ? this.#users : this.#clients).get(name)?.end(code);
  }

  #ofNetwork(network: string): Account | undefined {
    if (this.#perClient === undefined) return undefined;
    const known = this.#clients.get(network);
    if (known !== undefined) {
      this.#clients.delete(network);
      this.#clients.set(network, known);
      return known;
    }
    const account = new Account("client", network, this.#perClient, this.#deps);
    this.#clients.set(network, account);
    this.#forgetIdle();
    return account;
  }

  /** A client's network has not been heard of for long. */
  forget(network: string): void {
    this.#clients.get(network)?.release();
    this.#clients.delete(network);
  }

  /** Gives back all leases. */
  close(): void {
    clearTimeout(this.#expiryTimer);
    for (const account of [...this.#users.values(), ...this.#clients.values()]) account.release();
  }

  /** Accounts in use are as many as connections at most; those that are not make room. */
  #forgetIdle(): void {
    if (this.#clients.size <= (this.#deps.clientsMax ?? ACCOUNT_LIMITS.CLIENTS_MAX)) return;
    let looks = 0;
    for (const [network, account] of this.#clients) {
      // Each that comes looks at a few: where all are in use, looking at all of them would be the attack.
      if (++looks > ACCOUNT_LIMITS.LOOKS_PER_CLIENT) return;
      if (account.isInUse) {
        this.#clients.delete(network);
        this.#clients.set(network, account);
      } else {
        this.#clients.delete(network);
        account.release();
        return;
      }
    }
  }

  #watchExpiry(): void {
    clearTimeout(this.#expiryTimer);
    const now = (this.#deps.now ?? Date.now)();
    const next = Math.min(
      ...[...this.#users.values()].map(({ expires }) => expires ?? Infinity).filter((at) => at > now),
    );
    if (next === Infinity) return;
    const wait = Math.min(next - now, ACCOUNT_LIMITS.EXPIRY_CHECK_MS);
    this.#expiryTimer = setTimeout(() => {
      for (const account of this.#users.values()) account.endIfExpired();
      this.#watchExpiry();
    }, wait);
    this.#expiryTimer.unref();
  }
}
