// Refusals by error code, beside a service's counters: how often each code turned a request away. Bounded: what lies past
// the bound is counted as "other". Pure.

import { STATS_LIMITS } from "../limits.ts";

/** Times by error code. */
export type Refusals = Record<string, number>;

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
