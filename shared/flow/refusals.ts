// Refusals by error code, beside a service's counters: how often each code turned a request away. Bounded: what lies past
// the bound is counted as "other". Pure.

import * as v from "valibot";
import { STATS_LIMITS } from "../limits.ts";

/** Times by error code. */
export type Refusals = Record<string, number>;

const times = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** As it stands in batches, which may come from elsewhere. */
export const RefusalsSchema = v.pipe(
  v.record(v.pipe(v.string(), v.regex(/^[a-z_]{1,40}$/)), times),
  v.maxEntries(STATS_LIMITS.REFUSAL_CODES_MAX + 1),
);

/** Adds to `sum` in place. */
export function addRefusal(sum: Map<string, number>, code: string, times: number): void {
  const known = sum.get(code);
  if (known === undefined && sum.size >= STATS_LIMITS.REFUSAL_CODES_MAX && code !== "other") {
    addRefusal(sum, "other", times);
    return;
  }
  sum.set(code, (known ?? 0) + times);
}

/** Adds what was counted elsewhere to `sum` in place. */
export function addRefusals(sum: Map<string, number>, more: Readonly<Refusals> | undefined): void {
  if (more === undefined) return;
  for (const [code, times] of Object.entries(more)) addRefusal(sum, code, times);
}

/** As it stands in batches, rows and snapshots. */
export function toRefusals(sum: ReadonlyMap<string, number>): Refusals {
  return Object.fromEntries(sum);
}
