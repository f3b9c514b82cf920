// A rate that somebody knows, in place of a model: links with a fixed capacity, and carriers that control congestion
// themselves (docs/UDPACK.md sections 7 and 10). Loss changes nothing.

import { UDPACK_CONGESTION_LIMITS, UDPACK_RECOVERY_LIMITS } from "../../../shared/limits.ts";
import type { RateSample } from "../recovery/rate-sample.ts";
import type { CongestionController } from "./controller.ts";
import { SendSizes } from "./send-sizes.ts";

const { FIRST_RTT_MS, GRANULARITY_MS } = UDPACK_RECOVERY_LIMITS;
const { FIRST_WINDOW_PACKETS, WINDOW_QUANTA_MIN } = UDPACK_CONGESTION_LIMITS;

/** What the window holds, in round-trip times at that rate: an ACK may be as late as it takes. */
const WINDOW_GAIN = 2;

/** Sends at a given rate. */
export class FixedRate implements CongestionController {
  readonly pacingRate: number;
  readonly #sizes = new SendSizes();
  #smoothedRttMs: number = FIRST_RTT_MS;

  /** @param options `rate` in bytes per second; Infinity: no pacing and no window. */
  constructor(options: { readonly rate: number }) {
    this.pacingRate = options.rate;
  }

  get window(): number {
    const inFlight = (WINDOW_GAIN * this.pacingRate * this.#smoothedRttMs) / 1_000;
    return Math.max(inFlight, FIRST_WINDOW_PACKETS * this.#sizes.packet, WINDOW_QUANTA_MIN * this.quantum);
  }
  get quantum(): number {
    return this.#sizes.quantum(this.pacingRate);
  }
  get burst(): number {
    return this.#sizes.burst(this.quantum);
  }
  get bandwidth(): number {
    return this.pacingRate;
  }

  setReceiveBuffer(bytes: number): void {
    this.#sizes.receiveBuffer = bytes;
  }
  onSent(bytes: number, _inFlight: number, _now: number): void {
    this.#sizes.onSent(bytes);
  }
  onAcked(sample: RateSample, _now: number): void {
    this.#smoothedRttMs = Math.max(GRANULARITY_MS, sample.smoothedRttMs);
  }
  onLost(_bytes: number, _now: number): void {}
  onOutage(_now: number): void {}
}
