// Which signatures an ingress has accepted, so that none works twice. Bounded in time by the signature's own and in count
// by a cap. Pure: the clock comes in as an argument.

import { INGRESS_LIMITS } from "../limits.ts";

/** `full`: more requests in a window than can be remembered; refusing them is the only way to let none in twice. */
export type ReplayVerdict = "fresh" | "replayed" | "full";

/** Seconds of signing time that are forgotten together. */
const BUCKET_S = 10;

export interface ReplayWindowOptions {
  /** Signatures from before are refused: milliseconds since the epoch at which this memory begins. */
  readonly startedAtMs: number;
  readonly noncesMax?: number;
}

/** Nonces of accepted signatures, by signing time, until their time is over. */
export class ReplayWindow {
  readonly #buckets = new Map<number, Set<string>>();
  readonly #earliest: number;
  readonly #noncesMax: number;
  #size = 0;

  constructor({ startedAtMs, noncesMax = INGRESS_LIMITS.NONCES_MAX }: ReplayWindowOptions) {
    // What was accepted before a restart is not remembered, so it must not be accepted again.
    this.#earliest = Math.floor(startedAtMs / 1_000) - INGRESS_LIMITS.START_GRACE_S;
    this.#noncesMax = noncesMax;
  }

  /** Nonces remembered. */
  get size(): number {
    return this.#size;
  }

  /**
   * Takes a signature that `verifyTarget` found to hold; only the first time is it "fresh".
   * @param nowMs the clock that `verifyTarget` was given
   */
  take(at: number, nonce: string, nowMs: number): ReplayVerdict {
    this.#forget(nowMs / 1_000 - INGRESS_LIMITS.CLOCK_SKEW_S);
    if (at < this.#earliest) return "replayed";
    const start = Math.floor(at / BUCKET_S) * BUCKET_S;
    const bucket = this.#buckets.get(start);
    if (bucket?.has(nonce)) return "replayed";
    if (this.#size >= this.#noncesMax) return "full";
    if (bucket === undefined) this.#buckets.set(start, new Set([nonce]));
    else bucket.add(nonce);
    this.#size++;
    return "fresh";
  }

  /** Forgets what `verifyTarget` refuses by its time: everything signed before `oldest`, in seconds. */
  #forget(oldest: number): void {
    for (const [start, bucket] of this.#buckets) {
      if (start + BUCKET_S > oldest) continue;
      this.#buckets.delete(start);
      this.#size -= bucket.size;
    }
  }
}
