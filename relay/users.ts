// Who may use the relay: names and passwords, with a growing wait for addresses that keep failing. Passwords are checked
// by password.ts, which remembers right ones; this file never sees a socket.

import type { UserConfig } from "../shared/config/schema.ts";
import { CausewayError } from "../shared/errors.ts";
import { RELAY_LIMITS } from "../shared/limits.ts";
import { clientNetwork } from "../shared/net/client-network.ts";
import { verifyPassword } from "./password.ts";

/** Failed sign-ins of one address. */
interface Failures {
  count: number;
  /** No sign-in before this time: milliseconds on the caller's clock. */
  blockedUntil: number;
}

export interface UsersOptions {
  /** Milliseconds; only differences matter. */
  readonly now: () => number;
  readonly verify: (password: string, stored: string) => Promise<boolean>;
}

export class Users {
  #passwords: ReadonlyMap<string, string> = new Map();
  readonly #failures = new Map<string, Failures>();
  readonly #options: UsersOptions;

  constructor(
    users: readonly UserConfig[],
    options: UsersOptions = { now: () => performance.now(), verify: verifyPassword },
  ) {
    this.replace(users);
    this.#options = options;
  }

  /** Takes over a new list; who is signed in stays so. */
  replace(users: readonly UserConfig[]): void {
    this.#passwords = new Map(users.map(({ name, password }) => [name, password]));
  }

  /**
   * Signs `name` in from the address `client`.
   * @throws CausewayError `proxy_auth_required` for a wrong name or password, `sign_in_refused` without any check while
   *   the address has to wait, `sign_in_busy` when too many checks are waiting
   */
  async signIn(name: string, password: string, client: string): Promise<void> {
    const { now, verify } = this.#options;
    const network = clientNetwork(client);
    if ((this.#failures.get(network)?.blockedUntil ?? 0) > now()) throw new CausewayError("sign_in_refused");
    const stored = this.#passwords.get(name);
    // An unknown name costs what a wrong password costs, or the time would tell which names exist.
    const [decoy] = this.#passwords.values();
    const right = await verify(password, stored ?? decoy ?? "");
    if (stored === undefined || !right) {
      this.#recordFailure(network, now());
      throw new CausewayError("proxy_auth_required");
    }
    this.#failures.delete(network);
  }

  #recordFailure(network: string, now: number): void {
    const count = (this.#failures.get(network)?.count ?? 0) + 1;
    const doublings = count - RELAY_LIMITS.AUTH_FREE_FAILURES;
    const wait = Math.min(
      RELAY_LIMITS.AUTH_BACKOFF_MIN_MS * 2 ** doublings,
      RELAY_LIMITS.AUTH_BACKOFF_MAX_MS,
    );
    this.#failures.delete(network);
    this.#failures.set(network, { count, blockedUntil: doublings < 0 ? 0 : now + wait });
    if (this.#failures.size <= RELAY_LIMITS.AUTH_ADDRESSES) return;
    const [oldest] = this.#failures.keys();
    if (oldest !== undefined) this.#failures.delete(oldest);
  }
}
