// The measurement of the least round-trip time: the flow takes what it has in the queue out of it, and looks for a while.

import { UDPACK_CONGESTION_LIMITS } from "../../../shared/limits.ts";

const { PROBE_RTT_MS } = UDPACK_CONGESTION_LIMITS;

/** What it does: nothing, wait until little is in flight, begin to look, look, or it has looked for long enough. */
export type ProbeStep = "idle" | "drains" | "begins" | "looks" | "ends";

export class ProbeRtt {
  step: ProbeStep = "idle";
  /** The window before, which holds again afterwards. */
  windowBefore = 0;
  #until = 0;
  #round = 0;
  /** When the last one ended. */
  endedAt = Number.NEGATIVE_INFINITY;

  start(window: number): void {
    this.step = "drains";
    this.windowBefore = window;
  }

  /** Goes on: `isDrained` as soon as little enough is in flight; `round` counts round trips. */
  advance(isDrained: boolean, round: number, now: number): ProbeStep {
    if (this.step === "drains" && isDrained) {
      this.#until = now + PROBE_RTT_MS;
      this.#round = round;
      this.step = "begins";
    } else if (this.step === "begins") this.step = "looks";
    if (this.step === "looks" && now >= this.#until && round > this.#round) {
      this.endedAt = now;
      this.step = "ends";
    }
    return this.step;
  }

  stop(): void {
    this.step = "idle";
  }
}
