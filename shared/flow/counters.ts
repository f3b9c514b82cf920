// Counters: what is added up per service and in total. All additive, so batches merge in any order. Pure.

export interface Counters {
  /** Flows that began. */
  requests: number;
  up: number;
  down: number;
  /** Flows that did not end whole: the client left, or the far side broke after the reply began. */
  aborted: number;
  /** Flows that failed before a reply: refused, unreachable, timed out. */
  errors: number;
  /** Replies served from a cache, and those fetched to fill one. */
  hits: number;
  misses: number;
}

export const COUNTER_NAMES = [
  "requests",
  "up",
  "down",
  "aborted",
  "errors",
  "hits",
  "misses",
] as const satisfies readonly (keyof Counters)[];

export function zeroCounters(): Counters {
  return { requests: 0, up: 0, down: 0, aborted: 0, errors: 0, hits: 0, misses: 0 };
}

/** Adds `delta` to `sum` in place. */
export function addCounters(sum: Counters, delta: Readonly<Counters>): void {
  for (const name of COUNTER_NAMES) sum[name] += delta[name];
}

export function isZero(counters: Readonly<Counters>): boolean {
  return COUNTER_NAMES.every((name) => counters[name] === 0);
}
