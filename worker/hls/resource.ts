// What is known of a cached body besides its bytes.

import type { Tier } from "../../shared/flow/channel.ts";
import { HLS_LIMITS } from "../../shared/limits.ts";

export interface Facts {
  readonly contentType: string;
  /** Present when the body is a range. */
  readonly contentRange?: string | undefined;
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
  /** Length of the body; absent when it was streamed without one. */
  readonly length?: number | undefined;
  /** When the origin sent it: milliseconds since the epoch. */
  readonly at: number;
  /** Usable for this long after `at`, in milliseconds; 0: not to be stored. */
  readonly freshMs: number;
  /** Where a playlist, or anything redirected, came from after redirects. */
  readonly url?: string;
  readonly redirected?: boolean;
}

/** A whole body in memory. */
export interface Stored {
  readonly facts: Facts;
  readonly body: Uint8Array;
}

export interface Loaded {
  readonly tier: Tier;
  readonly facts: Facts;
  /** Null after HEAD only. */
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null;
}

export function isFresh(facts: Facts, now: number): boolean {
  return isYounger(facts.at, facts.freshMs, now);
}

/**
 * Whether less than `forMs` have passed since `at`. A time far ahead was left behind by a clock that went back: a live
 * channel would stand still until the clock has caught up.
 */
export function isYounger(at: number, forMs: number, now: number): boolean {
  return now - at < forMs && at - now < HLS_LIMITS.CLOCK_SKEW_MS;
}
