// How long what an origin sent may be served again. Pure: time comes in as an argument.

import { HLS_LIMITS as LIMITS } from "../limits.ts";
import type { Playlist } from "./scan.ts";

/** Ages in milliseconds since the playlist was fetched. */
export interface PlaylistLifetime {
  /** Younger ones are served without asking the origin. */
  readonly freshMs: number;
  /** Younger ones are served while the origin fails. */
  readonly staleMs: number;
}

/**
 * Half the target duration, so that a viewer sees a new segment at most that late; six where the origin answered a blocking
 * reload, which is about one segment or part and says the same for ever (RFC 8216bis appendix B.1). While the origin fails
 * 1.5 target durations, the longest time between two versions that the format allows (section 6.2.1).
 */
export function playlistLifetime(
  playlist: Pick<Playlist, "kind" | "ended" | "targetDurationMs">,
  blocking = false,
): PlaylistLifetime {
  if (playlist.kind === "master") return { freshMs: LIMITS.MASTER_FRESH_MS, staleMs: LIMITS.STATIC_STALE_MS };
  if (playlist.ended) return { freshMs: LIMITS.ENDED_FRESH_MS, staleMs: LIMITS.STATIC_STALE_MS };
  const halfMs =
    playlist.targetDurationMs === undefined ? LIMITS.LIVE_FRESH_MS : playlist.targetDurationMs / 2;
  const wantedMs = blocking ? 2 * LIMITS.BLOCKING_FRESH_TARGETS * halfMs : halfMs;
  const mostMs = LIMITS.LIVE_FRESH_MAX_MS * (blocking ? 2 * LIMITS.BLOCKING_FRESH_TARGETS : 1);
  const freshMs = Math.min(Math.max(wantedMs, LIMITS.LIVE_FRESH_MIN_MS), mostMs);
  return { freshMs, staleMs: Math.max(freshMs, 3 * halfMs) };
}

/**
 * How long something that a media playlist names may still be asked for, in milliseconds: its own duration and the
 * playlist's (RFC 8216 section 6.2.2). An upper bound, from the number of segments: each lasts at most the target
 * duration, rounded.
 */
export function availableMs(playlist: Pick<Playlist, "targetDurationMs">, segments: number): number {
  const longestMs = (playlist.targetDurationMs ?? 2 * LIMITS.LIVE_FRESH_MS) + 500;
  return Math.min((segments + 1) * longestMs, LIMITS.SEGMENT_FRESH_MAX_MS);
}

/** Directives of Cache-Control: names in lower case, values without quotes. */
function cacheDirectives(header: string | null): Map<string, string> {
  const directives = new Map<string, string>();
  for (const part of header?.split(",") ?? []) {
    const [name = "", value = ""] = part.split("=", 2);
    const key = name.trim().toLowerCase();
    if (key !== "") directives.set(key, value.trim().replace(/^"(.*)"$/, "$1"));
  }
  return directives;
}

function seconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) * 1_000 : undefined;
}

/**
 * How long a segment, key or document may be served again, in milliseconds; 0: not at all. What the origin says counts, but
 * media is kept for as long as players may ask for it, `neededMs`, unless the origin forbids keeping it; when it says
 * nothing a segment is taken for what the format promises, a body that does not change under its URL.
 */
export function segmentFreshMs(headers: Headers, now: number, neededMs = 0): number {
  const directives = cacheDirectives(headers.get("cache-control"));
  if (directives.has("no-store") || directives.has("private") || directives.has("no-cache")) return 0;
  if (headers.get("vary")?.includes("*")) return 0;
  const explicitMs =
    seconds(directives.get("s-maxage")) ?? seconds(directives.get("max-age")) ?? expiresMs(headers, now);
  if (explicitMs !== undefined && explicitMs <= 0) return 0;
  const ageMs = seconds(headers.get("age") ?? undefined) ?? 0;
  const freshMs = explicitMs === undefined ? heuristicMs(headers, now) : explicitMs - ageMs;
  return Math.min(Math.max(freshMs, neededMs, 0), LIMITS.SEGMENT_FRESH_MAX_MS);
}

function expiresMs(headers: Headers, now: number): number | undefined {
  const text = headers.get("expires");
  if (text === null) return undefined;
  const expires = Date.parse(text);
  // RFC 9111 section 5.3: an invalid date, "0" above all, means already expired.
  if (Number.isNaN(expires)) return 0;
  const date = Date.parse(headers.get("date") ?? "");
  return expires - (Number.isNaN(date) ? now : date);
}

/** A tenth of the time since the last change (RFC 9111 section 4.2.2), at least the default. */
function heuristicMs(headers: Headers, now: number): number {
  const changed = Date.parse(headers.get("last-modified") ?? "");
  const tenthMs = Number.isNaN(changed) ? 0 : (now - changed) / 10;
  return Math.min(Math.max(tenthMs, LIMITS.SEGMENT_FRESH_MS), 3_600_000);
}
