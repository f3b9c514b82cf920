// Counters: what is added up per service and in total. All additive, so batches merge in any order. Pure.

export interface Counters {
  /** Everything asked for, whatever became of it: `errors` and `aborted` are parts of it. */
  requests: number;
  /** Body bytes from clients and towards them. */
  up: number;
  down: number;
  /** WebSocket messages from clients and towards them. */
  messages_up: number;
  messages_down: number;
  /** Requests that did not end whole: the client left, or the far side broke after the reply began. */
  aborted: number;
  /** Requests that were refused: turned away, or the far side was unreachable, broke or timed out before the reply. */
  errors: number;
  /** Replies served from a cache, and those fetched to fill one. */
  hits: number;
  misses: number;
}

export const COUNTER_NAMES = [
  "requests",
  "up",
  "down",
  "messages_up",
  "messages_down",
  "aborted",
  "errors",
  "hits",
  "misses",
] as const satisfies readonly (keyof Counters)[];

export function zeroCounters(): Counters {
  return {
    requests: 0,
    up: 0,
    down: 0,
    messages_up: 0,
    messages_down: 0,
    aborted: 0,
    errors: 0,
    hits: 0,
    misses: 0,
  };
}

/** Adds `delta` to `sum` in place. */
export function addCounters(sum: Counters, delta: Readonly<Counters>): void {
  for (const name of COUNTER_NAMES) sum[name] += delta[name];
}

export function isZero(counters: Readonly<Counters>): boolean {
  return COUNTER_NAMES.every((name) => counters[name] === 0);
}
