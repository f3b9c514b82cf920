// Who may use the relay: names and passwords, with a growing wait for addresses that keep failing. Passwords are checked
// by password.ts, which remembers right ones; this file never sees a socket.

import { createHmac, randomBytes } from "node:crypto";
import type { UserConfig } from "../shared/config/schema.ts";
import { CausewayError } from "../shared/errors.ts";
import { RELAY_LIMITS } from "../shared/limits.ts";
import { clientNetwork } from "../shared/net/client-network.ts";
import { SignInFailures } from "../shared/net/sign-in-failures.ts";
import { verifyPassword } from "./password.ts";

export interface UsersOptions {
  /** Milliseconds; only differences matter. */
  readonly now: () => number;
  readonly verify: (password: string, stored: string) => Promise<boolean>;
}

export class Users {
  #passwords: ReadonlyMap<string, string> = new Map();
  /** What unknown names are checked against. */
  #decoys: readonly string[] = [];
  readonly #decoyKey = randomBytes(32);
  readonly #failures = new SignInFailures({
    // The last free one begins the wait.
    free: RELAY_LIMITS.AUTH_FREE_FAILURES - 1,
    waitMinMs: RELAY_LIMITS.AUTH_BACKOFF_MIN_MS,
    waitMaxMs: RELAY_LIMITS.AUTH_BACKOFF_MAX_MS,
    forgetMs: RELAY_LIMITS.AUTH_FORGET_MS,
    clientsMax: RELAY_LIMITS.AUTH_ADDRESSES,
  });
  /** Guesses that are being checked, by address. */
  readonly #checking = new Map<string, Map<string, number>>();
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
    this.#decoys = users.map(({ password }) => password);
  }

  /**
   * Signs `name` in from the address `client`.
   * @throws CausewayError `proxy_auth_required` for a wrong name or password, `sign_in_refused` without any check while
   *   the address has to wait, `sign_in_busy` when too many checks are waiting
   */
  async signIn(name: string, password: string, client: string): Promise<void> {
    const { now } = this.#options;
    const network = clientNetwork(client);
    if (this.#failures.waitMs(network, now()) > 0) throw new CausewayError("sign_in_refused");
    const isRight = await this.#checkOne(network, `${name}\0${password}`, () =>
      this.#isRight(name, password),
    );
    if (isRight) return;
    this.#failures.record(network, now());
    throw new CausewayError("proxy_auth_required");
  }

  async #isRight(name: string, password: string): Promise<boolean> {
    const stored = this.#passwords.get(name);
    const isRight = await this.#options.verify(password, stored ?? this.#decoyFor(name));
    // Meanwhile the user may have got another password, or gone.
    return isRight && stored !== undefined && this.#passwords.get(name) === stored;
  }

  /**
   * An unknown name costs what a wrong password of some user costs, and always of the same one: users' hashes may differ in
   * cost, and the time would tell which names exist.
   */
  #decoyFor(name: string): string {
    const tag = createHmac("sha256", this.#decoyKey).update(name).digest();
    return this.#decoys[tag.readUInt32BE() % this.#decoys.length] ?? "";
  }

  /**
   * Checks a guess, unless too many different ones of its address are being checked: all of them would be judged before the
   * first has failed. The same one from many connections is one guess.
   */
  async #checkOne(network: string, guess: string, check: () => Promise<boolean>): Promise<boolean> {
    const guesses = this.#checking.get(network) ?? new Map<string, number>();
    const times = guesses.get(guess) ?? 0;
    if (times === 0 && guesses.size >= RELAY_LIMITS.AUTH_GUESSES_AT_ONCE)
      throw new CausewayError("sign_in_busy");
    this.#checking.set(network, guesses.set(guess, times + 1));
    try {
      return await check();
    } finally {
      const left = (guesses.get(guess) ?? 1) - 1;
      if (left > 0) guesses.set(guess, left);
      else guesses.delete(guess);
      if (guesses.size === 0) this.#checking.delete(network);
    }
  }
}
