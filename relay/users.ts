// Who may use the relay: names and passwords, with a growing wait for addresses that keep failing. Passwords are checked
// by password.ts, which remembers right ones; this file never sees a socket.

import type { UserConfig } from "../shared/config/schema.ts";
import { CausewayError } from "../shared/errors.ts";
import { RELAY_LIMITS } from "../shared/limits.ts";
import { formatIp, parseIp } from "../shared/net/address.ts";
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
  readonly #passwords: ReadonlyMap<string, string>;
  readonly #failures = new Map<string, Failures>();
  readonly #options: UsersOptions;

  constructor(
    users: readonly UserConfig[],
    options: UsersOptions = { now: () => performance.now(), verify: verifyPassword },
  ) {
    this.#passwords = new Map(users.map(({ name, password }) => [name, password]));
    this.#options = options;
  }

  /**
   * Signs `name` in from the address `client`.
   * @throws CausewayError `proxy_auth_required` for a wrong name or password, `sign_in_refused` without any check while
   *   the address has to wait, `sign_in_busy` when too many checks are waiting
   */
  async signIn(name: string, password: string, client: string): Promise<void> {
    const { now, verify } = this.#options;
    const network = networkOf(client);
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

/** What one party controls: an IPv4 address, or the /64 that an IPv6 customer gets (RFC 6177). */
function networkOf(client: string): string {
  const ip = parseIp(client);
  return ip?.length === 16 ? formatIp(ip.fill(0, 8)) : client;
}
