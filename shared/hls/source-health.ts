// How the sources of a channel have fared: which one takes over when one fails, and when a preferred one is used again.
// Pure: time comes in as an argument.

import { HLS_LIMITS, FAILOVER_LIMITS as LIMITS } from "../limits.ts";

/** What a try of a preferred source has shown. */
export interface Trial {
  readonly source: number;
  readonly ok: boolean;
  /** The playlist that was tried, and its last sequence number; it must rise from try to try, unless it has ended. */
  readonly track: string;
  readonly last: number;
  readonly live: boolean;
  /** How long `last` may stay the same: three target durations. */
  readonly patienceMs: number;
}

/** Times are milliseconds since the epoch, 0 for never. */
export interface HealthRecord {
  failedAt: number;
  /** Since when tries have gone well. */
  goodSince: number;
  triedAt: number;
  track: string;
  /** -1: not known. */
  last: number;
  /** When `last` rose. */
  roseAt: number;
  /** How often it failed soon after it had been taken back. */
  relapses: number;
}

export class SourceHealth {
  readonly #records: HealthRecord[];

  constructor(count: number, records?: readonly HealthRecord[]) {
    this.#records = Array.from({ length: count }, (_, index) => ({ ...(records?.[index] ?? NEW) }));
  }

  get records(): readonly HealthRecord[] {
    return this.#records;
  }

  /** The source in use has failed; `returnedMs` after it had been taken back, where that was how it came into use. */
  fail(source: number, returnedMs: number | undefined, now: number): void {
    const record = this.#records[source];
    if (!record) return;
    if (returnedMs !== undefined)
      record.relapses =
        returnedMs < LIMITS.STEADY_MS ? Math.min(record.relapses + 1, LIMITS.RELAPSES_MAX) : 0;
    record.failedAt = now;
    record.goodSince = 0;
    record.last = -1;
  }

  /**
   * The preferred one that has not failed lately, else the one whose failure is longest ago. Undefined when every other one
   * has failed a moment ago.
   */
  next(current: number, now: number): number | undefined {
    this.#forgetFuture(now);
    const others = this.#records
      .map(({ failedAt }, index) => ({ index, agoMs: now - failedAt }))
      .filter(({ index, agoMs }) => index !== current && agoMs >= LIMITS.RETRY_MS);
    const rested = others.find(({ agoMs }) => agoMs >= LIMITS.REST_MS);
    return (rested ?? others.sort((a, b) => b.agoMs - a.agoMs)[0])?.index;
  }

  /** A source preferred to `current` that is to be tried now; not named again for a while. */
  due(current: number, failbackMs: number, now: number): number | undefined {
    this.#forgetFuture(now);
    const everyMs = Math.min(LIMITS.TRIAL_MS, failbackMs / 4);
    for (let index = 0; index < current; index++) {
      const record = this.#records[index];
      if (!record || now - record.triedAt < everyMs) continue;
      record.triedAt = now;
      return index;
    }
    return undefined;
  }

  /** True when the source that was tried has been healthy for long enough. */
  judge(trial: Trial, failbackMs: number, now: number): boolean {
    const record = this.#records[trial.source];
    if (!record) return false;
    if (!trial.ok) {
      record.goodSince = 0;
      record.last = -1;
      return false;
    }
    const isNew = record.last < 0 || trial.track !== record.track;
    if (isNew || trial.last !== record.last || !trial.live) record.roseAt = now;
    record.track = trial.track;
    record.last = trial.last;
    if (now - record.roseAt > trial.patienceMs) record.goodSince = 0;
    else if (record.goodSince === 0) record.goodSince = now;
    const neededMs = failbackMs * 2 ** record.relapses;
    return record.goodSince > 0 && now - record.goodSince >= neededMs && now - record.failedAt >= neededMs;
  }

  /** Times far ahead were left behind by a clock that went back: no source would be tried until it has caught up. */
  #forgetFuture(now: number): void {
    const latest = now + HLS_LIMITS.CLOCK_SKEW_MS;
    for (const record of this.#records) {
      if (record.failedAt > latest) record.failedAt = 0;
      if (record.triedAt > latest) record.triedAt = 0;
      if (record.goodSince > latest) record.goodSince = 0;
      if (record.roseAt > latest) record.roseAt = now;
    }
  }

  /** It is taken into use: what speaks for going back to it is used up. */
  use(source: number): void {
    const record = this.#records[source];
    if (record) record.goodSince = 0;
  }
}

const NEW: Readonly<HealthRecord> = {
  failedAt: 0,
  goodSince: 0,
  triedAt: 0,
  track: "",
  last: -1,
  roseAt: 0,
  relapses: 0,
};
