// What one ACK tells a congestion controller. Pure data; Recovery fills the same object each time.

/** Delivery as of one ACK (draft-cheng-iccrg-delivery-rate-estimation-00 section 3.3). Bytes and milliseconds. */
export interface RateSample {
  /** Bytes per second; 0: this ACK gives no valid sample. */
  rate: number;
  /** Time that the sample spans. */
  intervalMs: number;
  /** The application had nothing to send meanwhile: the path may be faster. */
  appLimited: boolean;
  /** Bytes that this ACK acknowledged, and that it showed to be lost. */
  acked: number;
  lost: number;
  /** Bytes delivered in all, now and when the newest acknowledged packet was sent; -1: that left over another path. */
  delivered: number;
  priorDelivered: number;
  /** Round-trip time of the newest acknowledged packet; -1: none. */
  rttMs: number;
  smoothedRttMs: number;
  /** Bytes in flight before this ACK, and after it. */
  priorInFlight: number;
  inFlight: number;
}

/** A sample to fill. */
export function emptySample(): RateSample {
  return {
    rate: 0,
    intervalMs: 0,
    appLimited: false,
    acked: 0,
    lost: 0,
    delivered: 0,
    priorDelivered: -1,
    rttMs: -1,
    smoothedRttMs: 0,
    priorInFlight: 0,
    inFlight: 0,
  };
}

/** Begins the sample of another ACK, which comes with `inFlight` bytes on their way. */
export function clearSample(sample: RateSample, inFlight: number): void {
  sample.acked = 0;
  sample.lost = 0;
  sample.rttMs = -1;
  sample.priorInFlight = inFlight;
}
