// The largest datagram that a path takes: DPLPMTUD (RFC 8899; docs/UDPACK.md section 9.1) by padded PINGs, one at a time. Pure;
// useful only where the sender forbids fragmentation. Recovery tells what became of packets; sizes are UDP payloads.

import { UDPACK_PATH_LIMITS } from "../../../shared/limits.ts";

const {
  DATAGRAM_BYTES_MIN,
  SIZE_FALLBACK_PAUSE_MS,
  SIZE_LOSSES_MAX,
  SIZE_PROBES,
  SIZE_PROBE_PAUSE_MS,
  SIZE_RAISE_MS,
  SIZE_STEP_BYTES,
} = UDPACK_PATH_LIMITS;

/** Told by Recovery what became of each packet that elicits an ACK. */
export interface PathSize {
  onAcked(number: number, bytes: number, now: number): void;
  /** True: it was a probe, which says nothing about the path but its size (RFC 8899 section 3). */
  onLost(number: number, bytes: number, now: number): boolean;
}

const NONE = -1;

/** The search for the largest size. It begins at 1,200 bytes and tries the ceiling first, which most paths take. */
export class PathMtu implements PathSize {
  readonly #ceiling: number;
  #bytes = DATAGRAM_BYTES_MIN as number;
  /** No larger size is worth a probe in this search. */
  #most: number;
  #probe = NONE;
  #probeBytes = 0;
  #probesLost = 0;
  /** When the next probe may leave; infinite once the ceiling is reached. */
  #probeAt: number;
  #newestAcked = NONE;
  #lostInRow = 0;

  /** @param ceiling the least of what both ends and the family of addresses take */
  constructor(ceiling: number, now: number) {
    this.#ceiling = Math.max(DATAGRAM_BYTES_MIN, ceiling);
    this.#most = this.#ceiling;
    this.#probeAt = this.#ceiling > DATAGRAM_BYTES_MIN ? now : Number.POSITIVE_INFINITY;
  }

  /** What datagrams may have now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** When `probeBytes` has something; infinite: not before a packet's fate is known. */
  deadline(): number {
    return this.#probe === NONE ? this.#probeAt : Number.POSITIVE_INFINITY;
  }

  /** The size of a padded PING that should leave now; 0: none. */
  probeBytes(now: number): number {
    if (now < this.deadline()) return 0;
    if (this.#isNarrow()) this.#most = this.#ceiling;
    const isFirst = this.#most === this.#ceiling;
    return isFirst ? this.#ceiling : Math.ceil((this.#bytes + this.#most) / 2);
  }

  /** The probe left as packet `number`. */
  probed(number: number, bytes: number): void {
    this.#probe = number;
    if (bytes !== this.#probeBytes) this.#probesLost = 0;
    this.#probeBytes = bytes;
  }

  onAcked(number: number, bytes: number, now: number): void {
    if (bytes <= DATAGRAM_BYTES_MIN) return;
    if (number > this.#newestAcked) this.#newestAcked = number;
    this.#lostInRow = 0;
    if (number !== this.#probe) return;
    this.#probe = NONE;
    this.#probesLost = 0;
    this.#bytes = Math.max(this.#bytes, bytes);
    this.#probeAt = now;
    if (this.#bytes === this.#ceiling) this.#probeAt = Number.POSITIVE_INFINITY;
    else if (this.#isNarrow()) this.#probeAt = now + SIZE_RAISE_MS;
  }

  onLost(number: number, bytes: number, now: number): boolean {
    if (bytes <= DATAGRAM_BYTES_MIN) return false;
    if (number === this.#probe) {
      this.#onProbeLost(now);
      return true;
    }
    if (number > this.#newestAcked && bytes <= this.#bytes) {
      this.#lostInRow += 1;
      if (this.#lostInRow >= SIZE_LOSSES_MAX) this.#fallBack(now);
    }
    return false;
  }

  /** Too little is to be won to go on. */
  #isNarrow(): boolean {
    return this.#most - this.#bytes < SIZE_STEP_BYTES;
  }

  #onProbeLost(now: number): void {
    this.#probe = NONE;
    this.#probesLost += 1;
    this.#probeAt = now + SIZE_PROBE_PAUSE_MS;
    if (this.#probesLost < SIZE_PROBES) return;
    this.#probesLost = 0;
    this.#most = this.#probeBytes - 1;
    if (this.#isNarrow()) this.#probeAt = now + SIZE_RAISE_MS;
  }

  #fallBack(now: number): void {
    this.#bytes = DATAGRAM_BYTES_MIN;
    this.#most = this.#ceiling;
    this.#lostInRow = 0;
    this.#probe = NONE;
    this.#probesLost = 0;
    this.#probeAt = now + SIZE_FALLBACK_PAUSE_MS;
  }
}
