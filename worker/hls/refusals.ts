// What origins were asked for and have not given, for a moment: many players that run ahead by the same segment, strangers
// who guess names, and all viewers of an origin that fails, cost it one request a second and isolate.

import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { HLS_LIMITS as LIMITS } from "../../shared/limits.ts";
import { ByteLru } from "../cache/byte-lru.ts";

interface Refusal {
  readonly code: ErrorCode;
  /** When it may be asked for again: milliseconds since the epoch. */
  readonly until: number;
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
 * playlist.
 */
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
