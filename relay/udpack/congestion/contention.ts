// Whether a flow shares its bottleneck, and how far it gives way. BBR's flows each believe in the bandwidth that they had
// while they probed, which together is more than there is: a queue of a whole round-trip time stands, in which long paths
// crowd out short ones and newcomers measure too long a path; or, where the queue is short, a tenth of all packets is lost.

import { UDPACK_CONGESTION_LIMITS } from "../../../shared/limits.ts";
import type { RateSample } from "../recovery/rate-sample.ts";

const { CONTENDED_PACKETS, CONTENDED_PACKETS_MS, OVERFLOW_PART, STANDING_QUEUE_MS } =
  UDPACK_CONGESTION_LIMITS;

/** How the headroom grows per cycle while there is no standing queue. */
const GROWTH = 1.25;
/** What two flows that probe in turn overestimate: 1.25 / (1.25 + 1) instead of a half. */
const CONTENDED_GAIN = 0.9;
/** Many flows overestimate by up to a quarter: while the queue overflows, each cycle sends so much less, down to the least. */
const CROWDED_GAIN = 0.8;
const GAIN_STEP = 0.05;
/** Headroom that always stays: an ACK may be late by this. */
const HEADROOM_MS_MIN = 2;

/** Looks at whole cycles of probing. Milliseconds. */
export class Contention {
  /** Part of the bandwidth that is sent between probes. */
  gain = 1;
  /** How much more than the path holds may be in flight, as time; infinite: only the round-trip time bounds it. */
  #headroom = Number.POSITIVE_INFINITY;
  #least = Number.POSITIVE_INFINITY;
  #acked = 0;
  #lost = 0;

  onAcked(sample: RateSample): void {
    this.#acked += sample.acked;
    if (sample.rttMs >= 0 && sample.rttMs < this.#least) this.#least = sample.rttMs;
  }

  onLost(bytes: number): void {
    this.#lost += bytes;
  }

  /** A cycle that has drained what it put into the queue is over: what is left of a queue stands. */
  onCycle(minRttMs: number): void {
    if (this.#least === Number.POSITIVE_INFINITY) return;
    const standing = this.#least - minRttMs;
    const overflows = this.#lost > OVERFLOW_PART * (this.#lost + this.#acked);
    this.startCycle();
    if (overflows) this.gain = Math.max(CROWDED_GAIN, Math.min(CONTENDED_GAIN, this.gain - GAIN_STEP));
    else if (standing > STANDING_QUEUE_MS) this.gain = Math.min(CONTENDED_GAIN, this.gain + GAIN_STEP);
    else this.gain = Math.min(1, this.gain + GAIN_STEP);
    const headroom = Math.min(this.#headroom, minRttMs);
    const next = standing > STANDING_QUEUE_MS ? headroom : headroom * GROWTH;
    this.#headroom = Math.max(HEADROOM_MS_MIN, next + STANDING_QUEUE_MS - standing);
  }

  /** Jitter and late ACKs must not stop a sender that is alone: as much again as the path holds, less in contention. */
  headroom(minRttMs: number): number {
    return Math.min(this.#headroom, minRttMs);
  }

  /** Whether there were signs of others lately. */
  get isShared(): boolean {
    return this.gain < 1;
  }

  /**
   * Bytes that a flow keeps in a queue that it shares, whatever its rate: the wait is the same for all, so that rates become so, too.
   * More of them on long paths, which have fewer round trips to get there.
   */
  share(packetBytes: number, minRttMs: number): number {
    return this.isShared ? CONTENDED_PACKETS * packetBytes * (1 + minRttMs / CONTENDED_PACKETS_MS) : 0;
  }

  reset(): void {
    this.gain = 1;
    this.#headroom = Number.POSITIVE_INFINITY;
    this.startCycle();
  }

  /** Begins to look at another cycle. */
  startCycle(): void {
    this.#least = Number.POSITIVE_INFINITY;
    this.#acked = 0;
    this.#lost = 0;
  }
}
