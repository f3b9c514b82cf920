// A stored response's head, and what may be done with it at a given time (RFC 9111 section 4). Pure.

import { controlOf } from "./control.ts";
import { bornAt, freshMs, type Grace, graceOf, type Times } from "./lifetime.ts";
import type { Wish } from "./request.ts";
import { freshenedFields, storedFields } from "./storable.ts";

/** Everything stored of a response besides its body. */
export interface Head {
  readonly status: number;
  readonly statusText: string;
  readonly fields: Headers;
  /** When the upstream made it, by its age on arrival; its present age counts from there. Milliseconds since the epoch. */
  readonly bornAt: number;
  /** When it was stored or last validated. */
  readonly storedAt: number;
  /** Usable for this long after `bornAt`, in milliseconds. */
  readonly freshMs: number;
  readonly grace: Grace;
  /** The upstream that sent it, by its place in the configuration. */
  readonly upstream: number;
}

export interface Received extends Times {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly upstream: number;
}

/** What is stored of a response. */
export function headOf({ status, statusText, headers, upstream, ...times }: Received): Head {
  const control = controlOf(headers);
  const fields = storedFields(headers, control);
  // RFC 9110 section 6.6.1: whoever stores a reply without a date gives it one.
  if (!fields.has("date")) fields.set("date", new Date(times.receivedAt).toUTCString());
  return {
    status,
    statusText,
    fields,
    bornAt: bornAt(headers, times),
    storedAt: times.receivedAt,
    freshMs: freshMs(status, headers, control, times.receivedAt),
    grace: graceOf(control),
    upstream,
  };
}

/** The head after a 304 (RFC 9111 section 4.3.4): what it does not say stays as it was. */
export function freshened(head: Head, { headers, upstream, ...times }: Received): Head {
  const fields = freshenedFields(head.fields, headers, controlOf(headers));
  const control = controlOf(fields);
  const timed = new Headers(fields);
  const age = headers.get("age");
  if (age !== null) timed.set("age", age);
  // Without a Date of its own the 304 was made now; the stored one would make it old at once.
  if (!headers.has("date")) timed.delete("date");
  return {
    ...head,
    fields,
    bornAt: bornAt(timed, times),
    storedAt: times.receivedAt,
    freshMs: freshMs(head.status, timed, control, times.receivedAt),
    grace: graceOf(control),
    upstream,
  };
}

export type Verdict =
  /** As it is. */
  | "fresh"
  /** As it is, and validated in the background. */
  | "stale"
  /** After validation only. */
  | "validate";

/** What a request may get of a stored response. */
export function judge(head: Head, wish: Wish, now: number): Verdict {
  const ageMs = now - head.bornAt;
  const leftMs = head.freshMs - ageMs;
  if (wish.noCache || ageMs > wish.maxAgeMs) return "validate";
  if (leftMs > wish.minFreshMs) return "fresh";
  if (wish.minFreshMs > 0) return "validate";
  if (-leftMs < head.grace.whileRevalidateMs) return "stale";
  // The client takes an old one, if the upstream does not forbid it.
  return -leftMs < wish.maxStaleMs && head.grace.ifUnreachableMs > 0 ? "fresh" : "validate";
}

/** True if the upstream allows a stale response in place of its error; `unreachable`: of no answer at all. */
export function mayStandIn(head: Head, unreachable: boolean, now: number): boolean {
  const staleMs = now - head.bornAt - head.freshMs;
  return staleMs < (unreachable ? head.grace.ifUnreachableMs : head.grace.ifErrorMs);
}

/** The value of Age. */
export function ageSeconds(head: Head, now: number): number {
  return Math.max(0, Math.floor((now - head.bornAt) / 1_000));
}
