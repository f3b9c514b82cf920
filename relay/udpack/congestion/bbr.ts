// The model of BBR version 1 without a bound from loss (docs/UDPACK.md section 7): the bottleneck's bandwidth and the least
// round-trip time are measured, their product is what should be in flight. Pure; rates are bytes per second.

import { UDPACK_CONGESTION_LIMITS } from "../../../shared/limits.ts";
import type { RateSample } from "../recovery/rate-sample.ts";
import { AckAggregation } from "./ack-aggregation.ts";
import { Contention } from "./contention.ts";
import type { CongestionController } from "./controller.ts";
import { GainCycle } from "./gain-cycle.ts";
import { MaxFilter } from "./max-filter.ts";
import { MinRtt } from "./min-rtt.ts";
import { ProbeRtt } from "./probe-rtt.ts";
import { SendSizes } from "./send-sizes.ts";
import { StandingQueue } from "./standing-queue.ts";
import { FullPipe } from "./startup.ts";

const {
  BANDWIDTH_ROUNDS,
  COLLAPSED_PART,
  FIRST_WINDOW_PACKETS,
  MIN_RTT_SHARED_KEPT_MS,
  PROBE_RTT_PACKETS,
  ROUND_MS_MIN,
  WINDOW_QUANTA_MIN,
} = UDPACK_CONGESTION_LIMITS;

/** 2 / ln 2: doubles the delivery rate each round trip. */
const HIGH_GAIN = 2.885;
const WINDOW_GAIN = 2;
/** A little less than the greatest sample is sent, so that a queue does not stay. */
const PACING_MARGIN = 0.99;

type Mode = "startup" | "drain" | "cruise" | "probe_rtt";

export interface BbrOptions {
  readonly now: number;
  /** Any number: flows with different seeds begin their cycles at different places. */
  readonly seed: number;
}

/** One flow's model of its path. */
export class Bbr implements CongestionController {
  #mode: Mode = "startup";
  readonly #sizes = new SendSizes();
  readonly #filter = new MaxFilter();
  readonly #minRtt: MinRtt;
  readonly #aggregation: AckAggregation;
  readonly #pipe = new FullPipe();
  readonly #contention = new Contention();
  readonly #queue = new StandingQueue();
  readonly #probeRtt = new ProbeRtt();
  /** Bandwidth before the queue that stands now; 0: none does. */
  #beforeQueue = 0;
  readonly #cycle: GainCycle;
  readonly #cycleState = { minRttMs: 0, bandwidth: 0, target: 0, queueStands: false };
  #window: number;
  #pacingRate = 0;
  /** No sample has told the bandwidth yet. */
  #isGuess = true;
  #quantum = 0;
  #round = 0;
  #roundEnd = 0;
  #roundAt: number;
  #isRestarting = false;

  constructor(options: BbrOptions) {
    this.#minRtt = new MinRtt(options.now);
    this.#aggregation = new AckAggregation(options.now);
    this.#cycle = new GainCycle(options.seed, options.now);
    this.#roundAt = options.now;
    this.#window = this.#firstWindow();
    this.#paceFirstWindow(0);
  }

  get window(): number {
    return this.#window;
  }
  get pacingRate(): number {
    return this.#pacingRate;
  }
  get quantum(): number {
    return this.#quantum;
  }
  get burst(): number {
    return this.#sizes.burst(this.#quantum);
  }
  get bandwidth(): number {
    return this.#filter.max;
  }
  /** What the model is doing, for statistics. */
  get mode(): Mode {
    return this.#mode;
  }

  setReceiveBuffer(bytes: number): void {
    this.#sizes.receiveBuffer = bytes;
    this.#quantum = this.#sizes.quantum(this.#pacingRate);
  }

  onSent(bytes: number, inFlight: number, _now: number): void {
    this.#sizes.onSent(bytes);
    if (inFlight === 0) this.#isRestarting = true;
  }

  onLost(bytes: number, _now: number): void {
    this.#cycle.onLost();
    this.#contention.onLost(bytes);
  }

  onAcked(sample: RateSample, now: number): void {
    const roundEnds = this.#countRound(sample, now);
    if (sample.rate > 0 && (!sample.appLimited || sample.rate >= this.#filter.max)) {
      this.#filter.update(sample.rate, this.#round, BANDWIDTH_ROUNDS);
    }
    const { max } = this.#filter;
    // While the estimate still grows, everything looks like aggregation.
    if (this.#pipe.reached)
      this.#aggregation.update(sample.acked, max, this.#window, now, this.#round, BANDWIDTH_ROUNDS);
    this.#contention.onAcked(sample);
    this.#watchQueue(sample, now);
    if (this.#mode === "cruise") this.#advanceCycle(sample, now);
    this.#pipe.onAcked(sample);
    if (roundEnds) this.#pipe.onRound(this.#filter.max, this.#minRtt.value, sample);
    if (this.#mode === "startup" && this.#pipe.reached) this.#mode = "drain";
    if (this.#mode === "drain" && sample.inFlight <= this.#target(1)) this.#cruise(now);
    this.#watchMinRtt(sample, now);
    this.#pace(sample);
    this.#limit(sample);
    this.#isRestarting = false;
  }

  onOutage(now: number): void {
    const bound = this.#filter.max;
    this.#filter.reset(0, this.#round);
    this.#minRtt.reset(now);
    this.#contention.reset();
    this.#pipe.restart(bound > 0 ? bound : Number.POSITIVE_INFINITY);
    this.#mode = "startup";
    this.#window = this.#firstWindow();
    this.#probeRtt.stop();
    this.#paceFirstWindow(0);
  }

  /** True: the newest packet of this ACK was sent after the last round's end. */
  #countRound(sample: RateSample, now: number): boolean {
    if (sample.priorDelivered < this.#roundEnd || now < this.#roundAt + ROUND_MS_MIN) return false;
    this.#roundEnd = sample.delivered;
    this.#roundAt = now;
    this.#round += 1;
    return true;
  }

  #cruise(now: number): void {
    this.#mode = "cruise";
    this.#cycle.start(this.#filter.max, now);
    this.#contention.startCycle();
  }

  #advanceCycle(sample: RateSample, now: number): void {
    const state = this.#cycleState;
    state.minRttMs = this.#minRtt.value;
    state.bandwidth = this.#filter.max;
    state.target = this.#target(Math.max(1, this.#cycle.gain));
    state.queueStands = this.#queue.stands;
    if (this.#cycle.advance(sample, state, now)) this.#contention.onCycle(this.#minRtt.value);
  }

  /** While a queue stands, what comes through is the bandwidth, whatever there was before. */
  #watchQueue(sample: RateSample, now: number): void {
    const drains = this.#mode === "probe_rtt" && this.#probeRtt.step === "drains";
    if (this.#mode !== "cruise" && !drains) {
      this.#queue.restart(now);
      this.#beforeQueue = 0;
      return;
    }
    if (!this.#queue.onAcked(sample, this.#minRtt.value, now)) return;
    if (!this.#queue.stands) {
      if (this.#queue.epochs === 0) this.#beforeQueue = 0;
      return;
    }
    if (this.#beforeQueue === 0) this.#beforeQueue = this.#filter.max;
    const { rate } = this.#queue;
    if (rate < this.#filter.max) this.#filter.reset(rate, this.#round);
    if (drains || this.#filter.max >= COLLAPSED_PART * this.#beforeQueue) return;
    this.#beforeQueue = this.#filter.max;
    this.#aggregation.reset(now);
    if (now - this.#probeRtt.endedAt >= MIN_RTT_SHARED_KEPT_MS) this.#startProbeRtt();
  }

  #startProbeRtt(): void {
    this.#mode = "probe_rtt";
    this.#probeRtt.start(this.#window);
  }

  #watchMinRtt(sample: RateSample, now: number): void {
    if (sample.rttMs >= 0 && this.#minRtt.update(sample.rttMs, this.#contention.isShared, now)) {
      if (this.#isRestarting) this.#minRtt.replace(sample.rttMs, now);
      else if (this.#mode !== "probe_rtt") this.#startProbeRtt();
    }
    if (this.#mode !== "probe_rtt") return;
    const step = this.#probeRtt.advance(sample.inFlight <= this.#probeRttWindow(), this.#round, now);
    if (step === "begins") this.#minRtt.beginMeasuring();
    if (step !== "ends") return;
    this.#probeRtt.stop();
    this.#minRtt.endMeasuring(now);
    this.#window = Math.max(this.#window, this.#probeRtt.windowBefore);
    if (this.#pipe.reached) this.#cruise(now);
    else this.#mode = "startup";
  }

  #pace(sample: RateSample): void {
    const bandwidth = this.#filter.max;
    if (bandwidth === 0) {
      this.#paceFirstWindow(sample.smoothedRttMs);
      return;
    }
    let rate = this.#pacingGain() * bandwidth * PACING_MARGIN;
    // A first request of a few bytes says nothing about what the path takes.
    if (!this.#pipe.reached) rate = Math.max(rate, this.#firstRate(sample.smoothedRttMs));
    if (this.#pipe.reached || this.#isGuess || rate > this.#pacingRate) this.#pacingRate = rate;
    this.#isGuess = false;
    this.#quantum = this.#sizes.quantum(this.#pacingRate);
  }

  #pacingGain(): number {
    if (this.#mode === "startup") return HIGH_GAIN;
    if (this.#mode === "drain") return 1 / HIGH_GAIN;
    const gain = this.#mode === "cruise" ? this.#cycle.gain : 1;
    return gain === 1 ? this.#contention.gain : gain;
  }

  #paceFirstWindow(rttMs: number): void {
    this.#isGuess = true;
    this.#pacingRate = this.#firstRate(rttMs);
    this.#quantum = this.#sizes.quantum(this.#pacingRate);
  }

  #firstRate(rttMs: number): number {
    return (HIGH_GAIN * this.#firstWindow() * 1_000) / Math.max(rttMs, ROUND_MS_MIN);
  }

  #limit(sample: RateSample): void {
    let target = this.#target(this.#windowGain());
    if (this.#pipe.reached) target += this.#aggregation.bytes + this.#share();
    if (this.#pipe.reached) this.#window = Math.min(this.#window + sample.acked, target);
    else if (this.#window < target) this.#window += sample.acked;
    this.#window = Math.max(this.#window, PROBE_RTT_PACKETS * this.#sizes.packet);
    if (this.#mode === "probe_rtt") this.#window = Math.min(this.#window, this.#probeRttWindow());
  }

  #share(): number {
    return this.#mode === "cruise" ? this.#contention.share(this.#sizes.packet, this.#minRtt.value) : 0;
  }

  /** In round-trip times. While it probes, a flow may have as much more in flight as it sends faster. */
  #windowGain(): number {
    const { value } = this.#minRtt;
    if (this.#mode === "startup" || value === 0) return WINDOW_GAIN;
    const surplus = this.#mode === "cruise" ? this.#cycle.surplus : 0;
    return Math.min(WINDOW_GAIN, 1 + this.#contention.headroom(value) / value + surplus);
  }

  /** `gain` times what the path holds, at least three quanta. */
  #target(gain: number): number {
    if (this.#minRtt.value === Number.POSITIVE_INFINITY || this.#filter.max === 0) return this.#firstWindow();
    const product = (this.#filter.max * this.#minRtt.value) / 1_000;
    return Math.max(gain * product, WINDOW_QUANTA_MIN * this.#quantum);
  }

  #probeRttWindow(): number {
    const product = (this.#filter.max * this.#minRtt.value) / 1_000;
    return Math.max(PROBE_RTT_PACKETS * this.#sizes.packet, product / 2);
  }

  #firstWindow(): number {
    return FIRST_WINDOW_PACKETS * this.#sizes.packet;
  }
}
