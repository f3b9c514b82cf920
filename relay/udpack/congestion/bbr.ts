// The model of BBR version 1 without a bound from loss (docs/UDPACK.md section 7): the bottleneck's bandwidth and the least
// round-trip time are measured, their product is what should be in flight. Pure; rates are bytes per second.

import { UDPACK_CONGESTION_LIMITS } from "../../../shared/limits.ts";
import type { RateSample } from "../recovery/rate-sample.ts";
import { AckAggregation } from "./ack-aggregation.ts";
import { Contention } from "./contention.ts";
import type { CongestionController } from "./controller.ts";
import { MaxFilter } from "./max-filter.ts";
import { MinRtt } from "./min-rtt.ts";
import { SendSizes } from "./send-sizes.ts";
import { FullPipe } from "./startup.ts";

const {
  BANDWIDTH_ROUNDS,
  FIRST_WINDOW_PACKETS,
  PROBE_RTT_MS,
  PROBE_RTT_PACKETS,
  ROUND_MS_MIN,
  WINDOW_QUANTA_MIN,
} = UDPACK_CONGESTION_LIMITS;

/** 2 / ln 2: doubles the delivery rate each round trip. */
const HIGH_GAIN = 2.885;
const WINDOW_GAIN = 2;
const CYCLE = [1.25, 0.75, 1, 1, 1, 1, 1, 1] as const;
const CYCLE_PROBE = 0;
const CYCLE_DRAIN = 1;
/** The phase at whose end the ACKs of a probe are in. */
const CYCLE_SEEN = 2;
/** Phases of gain 1 that a cycle may leave out, and one. */
const CYCLE_SKIPS = 3;
/** A probe that found so much more is followed by another: the path has become faster, or the flow's share is small. */
const PROBE_SUCCESS = 1.125;
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
  #random: number;
  #window: number;
  #windowBefore = 0;
  #pacingRate = 0;
  /** No sample has told the bandwidth yet. */
  #isGuess = true;
  #quantum = 0;
  #round = 0;
  #roundEnd = 0;
  #roundAt: number;
  #phase = 0;
  #phaseAt: number;
  #phaseLost = false;
  #beforeProbe = Number.POSITIVE_INFINITY;
  #probeRttUntil = Number.POSITIVE_INFINITY;
  #probeRttRound = 0;
  #isRestarting = false;

  constructor(options: BbrOptions) {
    this.#minRtt = new MinRtt(options.now);
    this.#aggregation = new AckAggregation(options.now);
    this.#random = options.seed >>> 0;
    this.#roundAt = options.now;
    this.#phaseAt = options.now;
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
    this.#phaseLost = true;
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
    if (this.#mode === "cruise") this.#advanceCycle(sample, now);
    if (roundEnds) this.#pipe.onRound(max, sample);
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
    this.#windowBefore = 0;
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
    const place = this.#draw(CYCLE.length - 1);
    this.#phase = place === CYCLE_DRAIN ? CYCLE.length - 1 : place;
    this.#phaseAt = now;
    this.#phaseLost = false;
    this.#beforeProbe = this.#phase === CYCLE_PROBE ? this.#filter.max : Number.POSITIVE_INFINITY;
    this.#contention.startCycle();
  }

  /** A whole number below `end`, by chance. */
  #draw(end: number): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
    return (this.#random >>> 16) % end;
  }

  #advanceCycle(sample: RateSample, now: number): void {
    const gain = CYCLE[this.#phase] ?? 1;
    const isOver = now - this.#phaseAt > Math.max(this.#minRtt.value, ROUND_MS_MIN);
    let ends = isOver;
    if (gain > 1) ends = isOver && (this.#phaseLost || sample.priorInFlight >= this.#target(gain));
    if (gain < 1) ends = isOver || sample.priorInFlight <= this.#target(1);
    if (!ends) return;
    const wasWorthIt = this.#phase === CYCLE_SEEN && this.#filter.max >= PROBE_SUCCESS * this.#beforeProbe;
    // Cycles of one length would keep two flows in step, one of them always probing into the other's queue.
    const step = this.#phase === CYCLE_SEEN ? 1 + this.#draw(CYCLE_SKIPS) : 1;
    this.#phase = wasWorthIt ? CYCLE_PROBE : (this.#phase + step) % CYCLE.length;
    if (this.#phase === CYCLE_PROBE) {
      this.#contention.onCycle(this.#minRtt.value);
      this.#beforeProbe = this.#filter.max;
    }
    this.#phaseAt = now;
    this.#phaseLost = false;
  }

  #watchMinRtt(sample: RateSample, now: number): void {
    if (sample.rttMs >= 0 && this.#minRtt.update(sample.rttMs, now)) {
      if (!this.#isRestarting && this.#mode !== "probe_rtt") {
        this.#mode = "probe_rtt";
        this.#windowBefore = this.#window;
        this.#probeRttUntil = Number.POSITIVE_INFINITY;
      }
    }
    if (this.#mode !== "probe_rtt") return;
    if (this.#probeRttUntil === Number.POSITIVE_INFINITY) {
      if (sample.inFlight > this.#probeRttWindow()) return;
      this.#probeRttUntil = now + PROBE_RTT_MS;
      this.#probeRttRound = this.#round;
    } else if (now >= this.#probeRttUntil && this.#round > this.#probeRttRound) {
      this.#minRtt.confirm(now);
      this.#window = Math.max(this.#window, this.#windowBefore);
      if (this.#pipe.reached) this.#cruise(now);
      else this.#mode = "startup";
    }
  }

  #pace(sample: RateSample): void {
    const bandwidth = this.#filter.max;
    if (bandwidth === 0) {
      this.#paceFirstWindow(sample.smoothedRttMs);
      return;
    }
    const rate = this.#pacingGain() * bandwidth * PACING_MARGIN;
    if (this.#pipe.reached || this.#isGuess || rate > this.#pacingRate) this.#pacingRate = rate;
    this.#isGuess = false;
    this.#quantum = this.#sizes.quantum(this.#pacingRate);
  }

  #pacingGain(): number {
    if (this.#mode === "startup") return HIGH_GAIN;
    if (this.#mode === "drain") return 1 / HIGH_GAIN;
    const gain = this.#mode === "cruise" ? (CYCLE[this.#phase] ?? 1) : 1;
    return gain === 1 ? this.#contention.gain : gain;
  }

  #paceFirstWindow(rttMs: number): void {
    this.#isGuess = true;
    this.#pacingRate = (HIGH_GAIN * this.#firstWindow() * 1_000) / Math.max(rttMs, ROUND_MS_MIN);
    this.#quantum = this.#sizes.quantum(this.#pacingRate);
  }

  #limit(sample: RateSample): void {
    const target = this.#target(this.#windowGain()) + (this.#pipe.reached ? this.#aggregation.bytes : 0);
    if (this.#pipe.reached) this.#window = Math.min(this.#window + sample.acked, target);
    else if (this.#window < target) this.#window += sample.acked;
    this.#window = Math.max(this.#window, PROBE_RTT_PACKETS * this.#sizes.packet);
    if (this.#mode === "probe_rtt") this.#window = Math.min(this.#window, this.#probeRttWindow());
  }

  /** In round-trip times. While it probes, a flow may have as much more in flight as it sends faster. */
  #windowGain(): number {
    const { value } = this.#minRtt;
    if (this.#mode === "startup" || value === 0) return WINDOW_GAIN;
    const isProbing = this.#mode === "cruise" && this.#phase === CYCLE_PROBE;
    const gain = 1 + this.#contention.headroom(value) / value;
    return isProbing ? Math.min(WINDOW_GAIN, gain + CYCLE[CYCLE_PROBE] - 1) : gain;
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
