// Measures the rate of delivery per acknowledged packet: draft-cheng-iccrg-delivery-rate-estimation-00. Each packet
// carries what was delivered when it left; its ACK shows how much more was delivered meanwhile.

import type { RateSample } from "./rate-sample.ts";
import type { SentRing } from "./sent-ring.ts";

/** The sampler of one path. Bytes and milliseconds. */
export class DeliverySampler {
  #delivered = 0;
  #deliveredAt: number;
  #firstSentAt: number;
  /** Samples of packets that left before this much was delivered are limited by the application; 0: none are. */
  #limitedUntil = 0;
  /** Packets below this number left over another path. */
  #pathStart = 0;
  /** The newest packet that the ACK under way acknowledges for the first time; -1: none. */
  #newest = -1;

  constructor(now: number) {
    this.#deliveredAt = now;
    this.#firstSentAt = now;
  }

  /** A packet leaves (section 3.2). `inFlight` is what was in flight before it; `drained`: nothing waits behind it. */
  onSent(
    ring: SentRing<unknown>,
    number: number,
    bytes: number,
    inFlight: number,
    now: number,
    drained: boolean,
  ): void {
    if (inFlight === 0) {
      this.#firstSentAt = now;
      this.#deliveredAt = now;
    }
    ring.mark(number, now, this.#delivered, this.#deliveredAt, this.#firstSentAt);
    ring.setAppLimited(number, this.#limitedUntil > 0);
    if (drained) this.#limitedUntil = this.#delivered + inFlight + bytes;
  }

  /** A packet turns out to be delivered. */
  onDelivered(number: number, bytes: number): void {
    this.#delivered += bytes;
    if (number > this.#newest) this.#newest = number;
  }

  /** All packets of an ACK were told: fills the rate of the sample (section 3.3), unless they left over another path. */
  finish(ring: SentRing<unknown>, now: number, sample: RateSample): void {
    const newest = this.#newest;
    this.#newest = -1;
    this.#deliveredAt = now;
    if (this.#limitedUntil > 0 && this.#delivered > this.#limitedUntil) this.#limitedUntil = 0;
    sample.rate = 0;
    sample.intervalMs = 0;
    sample.delivered = this.#delivered;
    sample.priorDelivered = -1;
    if (newest < this.#pathStart) return;
    const sentAt = ring.sentAt(newest);
    const interval = Math.max(sentAt - ring.firstSentAt(newest), now - ring.deliveredAt(newest));
    this.#firstSentAt = sentAt;
    sample.appLimited = ring.isAppLimited(newest);
    sample.priorDelivered = ring.deliveredBefore(newest);
    sample.intervalMs = interval;
    if (interval > 0) sample.rate = ((this.#delivered - sample.priorDelivered) * 1_000) / interval;
  }

  /** Another path begins with the packet `number`. */
  startPath(number: number): void {
    this.#pathStart = number;
    this.#limitedUntil = 0;
  }
}
