// What loss recovery asks of a congestion controller. Rates are bytes per second, times milliseconds.

import type { RateSample } from "../recovery/rate-sample.ts";

/** Decides how much may be in flight and how fast it may leave. Knows neither packets nor clocks. */
export interface CongestionController {
  /** Bytes that may be in flight. */
  readonly window: number;
  /** Infinity: no pacing. */
  readonly pacingRate: number;
  /** Bytes that are best sent together. */
  readonly quantum: number;
  /** Bytes that may leave at once after a pause, because a timer came late. */
  readonly burst: number;
  /** Estimate of the bottleneck, for statistics; 0: unknown. */
  readonly bandwidth: number;
  /** A counted packet leaves; `inFlight` is what was in flight before it. */
  onSent(bytes: number, inFlight: number, now: number): void;
  onAcked(sample: RateSample, now: number): void;
  /** Losses are told before the ACK that showed them, or alone where a timer did. */
  onLost(bytes: number, now: number): void;
  /** The path gave no answer to three probes. */
  onOutage(now: number): void;
  /** Bytes that the peer's socket holds. */
  setReceiveBuffer(bytes: number): void;
}
