// What origins were asked for and have refused, for a moment: many players that run ahead by the same segment, or strangers
// who guess names, cost an origin one request a second and isolate.

import type { ErrorCode } from "../../shared/errors.ts";
import { HLS_LIMITS as LIMITS } from "../../shared/limits.ts";
import { ByteLru } from "../cache/byte-lru.ts";

interface Refusal {
  readonly code: ErrorCode;
  /** When it may be asked for again: milliseconds since the epoch. */
  readonly until: number;
}

const refusals = new ByteLru<Refusal>(LIMITS.REFUSALS_BYTES);
let isEmpty = true;

/** What the origin has just answered. */
export function refusalOf(key: string, now: number): ErrorCode | undefined {
  if (isEmpty) return undefined;
  const refusal = refusals.get(key);
  if (!refusal) return undefined;
  if (now < refusal.until) return refusal.code;
  refusals.delete(key);
  return undefined;
}

/** `forMs` bounds how late whatever appears there is seen. */
export function noteRefusal(key: string, code: ErrorCode, forMs: number): void {
  isEmpty = false;
  refusals.set(key, { code, until: Date.now() + forMs }, 0);
}
