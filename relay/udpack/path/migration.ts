// Where a session's packets go when the peer's address changes (docs/UDPACK.md section 9.2; RFC 9000 section 9). Pure. An address
// counts once it has answered a challenge; until then it gets little, and the one before stays at hand.

import { UDPACK_PATH_LIMITS } from "../../../shared/limits.ts";
import { timingSafeEqual } from "../../../shared/net/constant-time.ts";

const { CHALLENGES_MAX, CHALLENGE_WAIT_MS_MIN, UNPROVEN_FACTOR } = UDPACK_PATH_LIMITS;

/** An address as the socket tells it. */
export interface PeerAddress {
  readonly address: string;
  readonly port: number;
}

/** What an answer means: nothing, the same path behind another port, or another path, of which nothing is known. */
export type Answer = "unknown" | "rebound" | "moved";

const sameAddress = (a: PeerAddress, b: PeerAddress): boolean => a.port === b.port && a.address === b.address;

/** The peer's address. Only packets that opened are told. */
export class Migration {
  #proven: PeerAddress;
  #candidate: PeerAddress | undefined;
  /** Those that were sent there: an answer may be slower than the next challenge. */
  #challenges: Uint8Array[] = [];
  #challengeAt = Number.POSITIVE_INFINITY;
  #budget = 0;

  constructor(remote: PeerAddress) {
    this.#proven = remote;
  }

  /** Where packets go: where the newest one came from. */
  get remote(): PeerAddress {
    return this.#candidate ?? this.#proven;
  }

  /** Bytes that may be sent there. */
  get budget(): number {
    return this.#candidate ? this.#budget : Number.POSITIVE_INFINITY;
  }

  /** A packet of `bytes` opened; `isNewest`: no greater number has come before. */
  heard(from: PeerAddress, isNewest: boolean, bytes: number, now: number): void {
    if (this.#candidate && sameAddress(from, this.#candidate)) {
      this.#budget += UNPROVEN_FACTOR * bytes;
    } else if (isNewest && sameAddress(from, this.#proven)) {
      this.#dropCandidate();
    } else if (isNewest) {
      this.#candidate = from;
      this.#budget = UNPROVEN_FACTOR * bytes;
      this.#challenges = [];
      this.#challengeAt = now;
    }
  }

  /** Bytes leave for `remote`. */
  sent(bytes: number): void {
    if (this.#candidate) this.#budget = Math.max(0, this.#budget - bytes);
  }

  /** When `run` has something to do. */
  deadline(): number {
    return this.#challengeAt;
  }

  /**
   * Lets time pass: an address that does not answer is given up. True: `challenge` should be sent, with 8 fresh random bytes.
   */
  run(now: number): boolean {
    if (now < this.#challengeAt) return false;
    if (this.#challenges.length < CHALLENGES_MAX) return true;
    this.#dropCandidate();
    return false;
  }

  /**
   * A PATH_CHALLENGE with `data` leaves; an answer is waited for as long as a probe time-out, but that is the old path's: the
   * new one may be much longer (RFC 9000 section 8.2.4).
   */
  challenged(data: Uint8Array, now: number, ptoMs: number): void {
    this.#challenges.push(data);
    this.#challengeAt = now + Math.max(ptoMs, CHALLENGE_WAIT_MS_MIN);
  }

  /** A PATH_RESPONSE came, from wherever: who repeats the bytes has read at the new address. */
  answered(data: Uint8Array): Answer {
    const candidate = this.#candidate;
    if (!candidate || !this.#challenges.some((expected) => timingSafeEqual(data, expected))) return "unknown";
    const answer = candidate.address === this.#proven.address ? "rebound" : "moved";
    this.#proven = candidate;
    this.#dropCandidate();
    return answer;
  }

  #dropCandidate(): void {
    this.#candidate = undefined;
    this.#challenges = [];
    this.#challengeAt = Number.POSITIVE_INFINITY;
  }
}
