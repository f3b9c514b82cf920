// The cycle of pacing gains by which a flow looks for more bandwidth, and gives back what it put into the queue for that.

import { UDPACK_CONGESTION_LIMITS } from "../../../shared/limits.ts";
import type { RateSample } from "../recovery/rate-sample.ts";

const { ROUND_MS_MIN } = UDPACK_CONGESTION_LIMITS;

const GAINS = [1.25, 0.75, 1, 1, 1, 1, 1, 1] as const;
const PROBE = 0;
const DRAIN = 1;
/** The phase at whose end the ACKs of a probe are in. */
const SEEN = 2;
/** Phases of gain 1 that a cycle may leave out, and one. */
const SKIPS = 3;
/** A probe that found so much more is followed by another: the path has become faster, or the flow's share is small. */
const PROBE_SUCCESS = 1.125;

/** What it has to know of the model at each ACK. Bytes, bytes per second, milliseconds. */
export interface CycleState {
  readonly minRttMs: number;
  readonly bandwidth: number;
  /** What should be in flight at the gain of the phase, or at 1 if that is more. */
  readonly target: number;
  /** In a queue that stands, more for this flow is less for another. */
  readonly queueStands: boolean;
}

export class GainCycle {
  #phase = 0;
  #at: number;
  #lost = false;
  #beforeProbe = Number.POSITIVE_INFINITY;
  #random: number;

  /** @param seed flows with different ones begin their cycles at different places */
  constructor(seed: number, now: number) {
    this.#random = seed >>> 0;
    this.#at = now;
  }

  get gain(): number {
    return GAINS[this.#phase] ?? 1;
  }
  get isProbing(): boolean {
    return this.#phase === PROBE;
  }
  /** What a flow that probes may have in flight beyond others, in round-trip times. */
  get surplus(): number {
    return this.isProbing ? GAINS[PROBE] - 1 : 0;
  }

  /** Begins at a random place, which is not the draining one. */
  start(bandwidth: number, now: number): void {
    const place = this.#draw(GAINS.length - 1);
    this.#phase = place === DRAIN ? GAINS.length - 1 : place;
    this.#at = now;
    this.#lost = false;
    this.#beforeProbe = this.isProbing ? bandwidth : Number.POSITIVE_INFINITY;
  }

  onLost(): void {
    this.#lost = true;
  }

  /** Goes to the next phase if it is time. True: another cycle begins. */
  advance(sample: RateSample, state: CycleState, now: number): boolean {
    const { gain } = this;
    const isOver = now - this.#at > Math.max(state.minRttMs, ROUND_MS_MIN);
    let ends = isOver;
    if (gain > 1) ends = isOver && (this.#lost || sample.priorInFlight >= state.target);
    if (gain < 1) ends = isOver || sample.priorInFlight <= state.target;
    if (!ends) return false;
    const isSeen = this.#phase === SEEN;
    const wasWorthIt = isSeen && !state.queueStands && state.bandwidth >= PROBE_SUCCESS * this.#beforeProbe;
    // Cycles of one length would keep two flows in step, one of them always probing into the other's queue.
    const step = isSeen ? 1 + this.#draw(SKIPS) : 1;
    this.#phase = wasWorthIt ? PROBE : (this.#phase + step) % GAINS.length;
    this.#at = now;
    this.#lost = false;
    if (!this.isProbing) return false;
    this.#beforeProbe = state.bandwidth;
    return true;
  }

  /** A whole number below `end`, by chance. */
  #draw(end: number): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
    return (this.#random >>> 16) % end;
  }
}
