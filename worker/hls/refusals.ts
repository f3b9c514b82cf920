// What origins were asked for and have not given, for a moment: many players that run ahead by the same segment, strangers
// who guess names, and all viewers of an origin that fails, cost it one request a second and isolate.

import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { HLS_LIMITS as LIMITS } from "../../shared/limits.ts";
import { ByteLru } from "../cache/byte-lru.ts";
import { isYounger } from "./resource.ts";

interface Refusal {
  readonly code: ErrorCode;
  /** When the origin said so: milliseconds since the epoch. */
  readonly at: number;
  /** For so long it is not asked again. */
  readonly forMs: number;
}

const refusals = new ByteLru<Refusal>(LIMITS.REFUSALS_BYTES);
let isEmpty = true;

/** For replies that say what the origin answered somebody else (RFC 9211). */
const NEGATIVE = { "Cache-Status": "causeway; hit; detail=negative" };

/** The failure that the origin is not asked about again. */
export function refused(code: ErrorCode): CausewayError {
  return new CausewayError(code, undefined, { fields: NEGATIVE });
}

/**
 * What the origin has just answered. Keys of playlists and of segments have to differ: what is no segment may well be a
 * playlist. `changedAt`: since when something may be there that was not.
 */
export function refusalOf(key: string, now: number, changedAt?: () => number): ErrorCode | undefined {
  if (isEmpty) return undefined;
  const refusal = refusals.get(key);
  if (!refusal) return undefined;
  const changed = refusal.code === "not_found" ? (changedAt?.() ?? 0) : 0;
  // A time far ahead was left behind by a clock that went back: it would overtake every refusal until it has caught up.
  const isOvertaken = changed > refusal.at && changed - now < LIMITS.CLOCK_SKEW_MS;
  if (!isOvertaken && isYounger(refusal.at, refusal.forMs, now)) return refusal.code;
  refusals.delete(key);
  return undefined;
}

/** `forMs` bounds how late whatever appears there is seen. */
export function noteRefusal(key: string, code: ErrorCode, forMs: number): void {
  isEmpty = false;
  refusals.set(key, { code, at: Date.now(), forMs }, 0);
}
