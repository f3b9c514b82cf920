// What one connection runs up with those who pay for it: its user's account and its client's. Bytes are paid for before they
// move on, and paced by every rate at once. It knows no streams.

import { CausewayError } from "../../shared/errors.ts";
import { PACING_LIMITS } from "../../shared/limits.ts";
import type { Account, Seat, Way } from "./account.ts";
import { Pacer } from "./pacer.ts";

export class Tab {
  readonly #seat: Seat;
  /** The user's account comes and goes with sign-ins on one connection. */
  #user: Account | undefined;
  readonly #client: Account | undefined;
  #isOver = false;
  #hasLeft = false;

  constructor(seat: Seat, client: Account | undefined) {
    this.#client = client;
    client?.hold();
    this.#seat = {
      end: () => {
        this.#isOver = true;
        seat.end();
      },
    };
  }

  /** Whether the connection was ended for what its payers may do. */
  get isOver(): boolean {
    return this.#isOver;
  }

  get isMetered(): boolean {
    return this.#payers().some((account) => account.isMetered);
  }

  /** Most bytes of one read that keep a rate smooth; undefined: as many as there are. */
  get readBytesMax(): number | undefined {
    const rates = [...this.#shares("up"), ...this.#shares("down")].map(({ rate }) => rate);
    return rates.length === 0 ? undefined : (Math.min(...rates) * PACING_LIMITS.READ_MS) / 1_000;
  }

  /** Takes a seat with the client's address; false when there is none. */
  sitsClient(): boolean {
    return this.#client === undefined || this.#hasLeft || this.#client.sits(this.#seat);
  }

  /**
   * Says who pays from now on.
   * @throws CausewayError `user_expired`, `traffic_exceeded`, `connections_exceeded`
   */
  admit(user: Account | undefined): void {
    this.#client?.check();
    user?.check();
    // Who left while its password was being checked would never give the seat back.
    if (user === this.#user || this.#hasLeft) return;
    if (user?.sits(this.#seat) === false) throw new CausewayError("connections_exceeded");
    this.#user?.rise(this.#seat);
    this.#user = user;
  }

  /** Pays for bytes that are about to move; false: they must not, and the connection is being ended. */
  charge(bytes: number): boolean {
    if (this.#isOver) return false;
    return this.#user?.charge(bytes) !== false && this.#client?.charge(bytes) !== false;
  }

  /** The rates of one direction, for one stream; undefined without any. */
  pacer(way: Way, onReady: () => void): Pacer | undefined {
    const shares = this.#shares(way);
    return shares.length === 0 ? undefined : new Pacer(shares, onReady);
  }

  /** The connection has ended: it takes no seat any more. */
  leave(): void {
    this.#hasLeft = true;
    for (const account of this.#payers()) account.rise(this.#seat);
    this.#client?.letGo();
  }

  #payers(): Account[] {
    return [this.#user, this.#client].filter((account) => account !== undefined);
  }

  #shares(way: Way) {
    return this.#payers()
      .map((account) => account.share(way))
      .filter((share) => share !== undefined);
  }
}
