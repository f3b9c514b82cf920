// Times in fixed logarithmic buckets: they add up over sources and batches, and cost the same however many there were. Pure.

import * as v from "valibot";

/** Upper bounds of the buckets in milliseconds, each twice the one before; what is above the last has a bucket of its own. */
export const LATENCY_BOUNDS_MS = [
  1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384,
] as const;

const BUCKETS = LATENCY_BOUNDS_MS.length + 1;

/** Times by bucket; buckets at the end that are left out are empty. */
export interface Latencies {
  counts: number[];
  /** Milliseconds in all. */
  sum: number;
}

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

export const LatenciesSchema = v.object({
  counts: v.pipe(v.array(count), v.maxLength(BUCKETS)),
  sum: count,
});

export function noLatencies(): Latencies {
  return { counts: [], sum: 0 };
}

/** Adds one time. Clocks may be set back in between: less than nothing counts as nothing. */
export function addLatency(latencies: Latencies, ms: number): void {
  const time = Math.max(0, Math.round(ms));
  const found = LATENCY_BOUNDS_MS.findIndex((bound) => time <= bound);
  addTo(latencies.counts, found < 0 ? BUCKETS - 1 : found, 1);
  latencies.sum += time;
}

/** Adds what was counted elsewhere to `sum` in place. */
export function addLatencies(sum: Latencies, more: Readonly<Latencies>): void {
  for (const [bucket, times] of more.counts.entries()) addTo(sum.counts, bucket, times);
  sum.sum += more.sum;
}

function addTo(counts: number[], bucket: number, times: number): void {
  while (counts.length <= bucket) counts.push(0);
  counts[bucket] = (counts[bucket] ?? 0) + times;
}

/**
 * The time that the part `share` of all does not exceed, in milliseconds: within its bucket by proportion, so at most
 * twice or half the true one; of the last bucket its lower bound. Undefined: nothing was counted.
 */
export function quantile({ counts }: Readonly<Latencies>, share: number): number | undefined {
  const all = counts.reduce((sum, times) => sum + times, 0);
  if (all === 0) return undefined;
  let left = share * all;
  for (const [bucket, times] of counts.entries()) {
    const from = LATENCY_BOUNDS_MS[bucket - 1] ?? 0;
    const to = LATENCY_BOUNDS_MS[bucket] ?? from;
    if (times > 0 && left <= times) return from + (to - from) * (left / times);
    left -= times;
  }
  return LATENCY_BOUNDS_MS.at(-1);
}

/** What was counted within the last one to two spans: enough to see how things are now, in two sums. */
export class RecentLatencies {
  readonly #spanMs: number;
  #current = noLatencies();
  #before = noLatencies();
  #startedAt = 0;

  constructor(spanMs: number) {
    this.#spanMs = spanMs;
  }

  add(latencies: Readonly<Latencies>, now: number): void {
    this.#turn(now);
    addLatencies(this.#current, latencies);
  }

  read(now: number): Latencies {
    this.#turn(now);
    const sum = noLatencies();
    addLatencies(sum, this.#before);
    addLatencies(sum, this.#current);
    return sum;
  }

  #turn(now: number): void {
    const age = now - this.#startedAt;
    if (age >= 0 && age < this.#spanMs) return;
    this.#before = age >= 0 && age < 2 * this.#spanMs ? this.#current : noLatencies();
    this.#current = noLatencies();
    this.#startedAt = now;
  }
}
