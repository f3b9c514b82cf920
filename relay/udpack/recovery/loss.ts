// Which packets are lost: the packet and time thresholds of RFC 9002 section 6.1, both raised by reordering that was seen.
// What is lost is always the oldest part of what is in flight, so that nothing is looked at twice.

import { UDPACK_RECOVERY_LIMITS } from "../../../shared/limits.ts";
import type { AckView } from "../wire/frames.ts";
import type { RttEstimate } from "./rtt.ts";
import { PACKET, type SentRing } from "./sent-ring.ts";

const { GRANULARITY_MS, LOST_REMEMBERED, REORDERING_KEPT_MS, REORDERING_MS_MAX, REORDERING_PACKETS_MAX } =
  UDPACK_RECOVERY_LIMITS;

const PACKET_THRESHOLD = 3;
const TIME_THRESHOLD = 9 / 8;
/** Round trips after which a packet is repeated, however much the path reorders. */
const PATIENCE_ROUNDS_MAX = 2;

/** Finds lost packets, and learns from those that arrive after all. */
export class LossDetector {
  readonly #ring: SentRing<unknown>;
  readonly #rtt: RttEstimate;
  #packets = PACKET_THRESHOLD;
  /** How long packets took that counted as lost and arrived after all. */
  #lateMs = 0;
  #reorderedAt = Number.NEGATIVE_INFINITY;
  /** When the next packet is lost unless it is acknowledged; infinite: none waits. */
  lossAt = Number.POSITIVE_INFINITY;
  /** Numbers that were declared lost or probed, the newest at `#remembered - 1`, each greater than the one before. */
  readonly #lost = new Float64Array(LOST_REMEMBERED);
  #remembered = 0;

  constructor(ring: SentRing<unknown>, rtt: RttEstimate) {
    this.#ring = ring;
    this.#rtt = rtt;
  }

  /** Number of a packet in flight that is lost as of `now`, or -1. `lossAt` is set when there is none. */
  next(largestAcked: number, now: number): number {
    const ring = this.#ring;
    ring.advance();
    const number = ring.oldest;
    this.lossAt = Number.POSITIVE_INFINITY;
    if (number >= largestAcked) return -1;
    if (number <= largestAcked - this.#packets) return number;
    const lostAt = ring.sentAt(number) + this.#patience();
    if (lostAt <= now) return number;
    this.lossAt = lostAt;
    return -1;
  }

  /** Remembers that a packet counts as lost. */
  remember(number: number): void {
    this.#lost[this.#remembered % LOST_REMEMBERED] = number;
    this.#remembered += 1;
  }

  /** The newest remembered packet below `below` that an ACK covers although it counted as lost, or -1. */
  arrived(ack: AckView, below: number): number {
    let range = 0;
    const oldest = Math.max(0, this.#remembered - LOST_REMEMBERED);
    for (let i = this.#remembered - 1; i >= oldest; i--) {
      const number = this.#lost[i % LOST_REMEMBERED] ?? 0;
      if (number >= below) continue;
      if (number < this.#ring.first) return -1;
      while (range < ack.ranges && ack.start(range) > number) range += 1;
      if (range === ack.ranges) return -1;
      const state = this.#ring.state(number);
      if (number <= ack.end(range) && (state === PACKET.lost || state === PACKET.probed)) return number;
    }
    return -1;
  }

  /** A packet that counted as lost was only late: from now on that much reordering is waited for. */
  onReordered(number: number, largestAcked: number, now: number): void {
    this.#reorderedAt = now;
    this.#packets = Math.min(REORDERING_PACKETS_MAX, Math.max(this.#packets, largestAcked - number + 1));
    this.#lateMs = Math.max(this.#lateMs, now - this.#ring.sentAt(number));
  }

  /** Lets go of the raised thresholds when no reordering was seen for long. */
  relax(now: number): void {
    if (now - this.#reorderedAt < REORDERING_KEPT_MS) return;
    this.#packets = PACKET_THRESHOLD;
    this.#lateMs = 0;
  }

  #patience(): number {
    const rtt = Math.max(this.#rtt.latest, this.#rtt.smoothed);
    const late = Math.min(this.#lateMs, Math.max(PATIENCE_ROUNDS_MAX * rtt, REORDERING_MS_MAX));
    return Math.max(GRANULARITY_MS, TIME_THRESHOLD * rtt, late);
  }
}
