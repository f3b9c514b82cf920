// How old a response is and how long it may be used (RFC 9111 section 4.2, RFC 5861). Pure: time comes in as an argument.

import { CACHE_LIMITS as LIMITS } from "../../limits.ts";
import type { Control } from "./control.ts";
import { deltaMs, holdsForAll } from "./directives.ts";
import { parseHttpDate } from "./http-date.ts";

/** Status codes that may be used on a guess of their lifetime (RFC 9110 section 15.1). */
const HEURISTIC: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]);

/** When a response was received, and when its request was sent: milliseconds since the epoch. */
export interface Times {
  readonly requestedAt: number;
  readonly receivedAt: number;
}

/**
 * When the response was made by the upstream, as far as its age tells: `receivedAt` less the corrected initial age (RFC
 * 9111 section 4.2.3). An Age that is no single number counts as older than any lifetime.
 */
export function bornAt(headers: Headers, { requestedAt, receivedAt }: Times): number {
  const ageText = headers.get("age");
  const ageMs = ageText === null ? 0 : deltaMs(ageText);
  if (ageMs === undefined) return receivedAt - LIMITS.LIFETIME_MS_MAX - 1_000;
  const date = parseHttpDate(headers.get("date"), receivedAt);
  // Date is cut to whole seconds: a fraction of one is not age.
  const apparentMs = date === undefined ? 0 : Math.floor((receivedAt - date) / 1_000) * 1_000;
  return receivedAt - Math.max(0, apparentMs, ageMs + receivedAt - requestedAt);
}

/** True if the response says itself how it may be cached, or that it may be. */
export function isExplicit(headers: Headers, { directives, targeted }: Control): boolean {
  return (
    ["s-maxage", "max-age", "public", "no-cache"].some((name) => directives.has(name)) ||
    (!targeted && headers.has("expires"))
  );
}

/** Time of freshness from the response's making on, in milliseconds; 0: it must be validated before each use. */
export function freshMs(status: number, headers: Headers, control: Control, receivedAt: number): number {
  const { directives, targeted } = control;
  if (holdsForAll(directives, "no-cache")) return 0;
  for (const name of ["s-maxage", "max-age"]) {
    // What is no number is taken for expired (RFC 9111 section 4.2.1).
    if (directives.has(name)) return Math.min(deltaMs(directives.get(name)) ?? 0, LIMITS.LIFETIME_MS_MAX);
  }
  const expiresText = targeted ? null : headers.get("expires");
  const date = parseHttpDate(headers.get("date"), receivedAt) ?? receivedAt;
  if (expiresText !== null) {
    const expires = parseHttpDate(expiresText, receivedAt) ?? 0;
    return Math.min(Math.max(0, expires - date), LIMITS.LIFETIME_MS_MAX);
  }
  const changed = parseHttpDate(headers.get("last-modified"), receivedAt);
  const guessed = HEURISTIC.has(status) || directives.has("public");
  if (changed === undefined || !guessed || headers.get("pragma")?.toLowerCase().includes("no-cache"))
    return 0;
  return Math.min(Math.max(0, (date - changed) / LIMITS.HEURISTIC_DIVISOR), LIMITS.HEURISTIC_MS_MAX);
}

/** How a stale response may be used, in milliseconds after its freshness has ended. */
export interface Grace {
  /** While it is validated in the background. */
  readonly whileRevalidateMs: number;
  /** When the upstream answers with an error. */
  readonly ifErrorMs: number;
  /** When no upstream can be reached at all. */
  readonly ifUnreachableMs: number;
}

const NO_GRACE: Grace = { whileRevalidateMs: 0, ifErrorMs: 0, ifUnreachableMs: 0 };

/** What a response allows beyond its freshness (RFC 9111 section 4.2.4, RFC 5861). */
export function graceOf({ directives }: Control): Grace {
  if (directives.has("must-revalidate") || directives.has("proxy-revalidate")) return NO_GRACE;
  if (holdsForAll(directives, "no-cache")) return NO_GRACE;
  const bounded = (name: string) => Math.min(deltaMs(directives.get(name)) ?? 0, LIMITS.LIFETIME_MS_MAX);
  const ifErrorMs = bounded("stale-if-error");
  // s-maxage forbids stale use as proxy-revalidate does, except where the upstream allows it beside (RFC 9111 5.2.2.10).
  const unasked =
    directives.has("s-maxage") || directives.get("stale-if-error") === "0" ? 0 : LIMITS.UNREACHABLE_STALE_MS;
  return {
    whileRevalidateMs: bounded("stale-while-revalidate"),
    ifErrorMs,
    ifUnreachableMs: Math.max(ifErrorMs, unasked),
  };
}
