// How long those who want the same wait for the one that fetches it. Pure.

import { CACHE_LIMITS, HLS_LIMITS } from "../../shared/limits.ts";

/** The wait for one leader, whose fetch may take `headerTimeoutMs` until its headers; milliseconds. */
export function followMs(headerTimeoutMs: number): number {
  return Math.max(CACHE_LIMITS.FOLLOW_TIMEOUT_MS, headerTimeoutMs + HLS_LIMITS.FOLLOW_SLACK_MS);
}
