// One request's way through the cache: what it looks for, what it wishes, and how its upstream is asked.

import type { ErrorCode } from "../../../shared/errors.ts";
import { hasPreconditions } from "../../../shared/http/cache/conditions.ts";
import { type Wish, wishOf } from "../../../shared/http/cache/request.ts";
import type { Asked } from "../../../shared/http/cache/storable.ts";
import { HOP_BY_HOP, listedFields } from "../../../shared/http/headers.ts";
import type { Call } from "../call.ts";
import type { Answer } from "../upstream.ts";
import type { Visit } from "../visit.ts";
import { isDivided, keyOf, selectionOf } from "./key.ts";
import type { Sought } from "./store.ts";

/** Asks the upstream; `prepare` changes the request's fields first, in place, for each attempt. */
export type Send = (prepare?: (headers: Headers) => void) => Promise<Answer>;

/** Bounds a wait for a body that is needed whole. @throws CausewayError by the codes given */
export type Patience = (
  work: Promise<ArrayBuffer>,
  ms: number,
  codes: { readonly late: ErrorCode; readonly broken: ErrorCode },
) => Promise<ArrayBuffer>;

export interface Quest {
  readonly call: Call;
  readonly send: Send;
  readonly patience: Patience;
  readonly sought: Sought;
  readonly wish: Wish;
  readonly asked: Asked;
  readonly method: "GET" | "HEAD";
  /** A GET that asks for all of it, whatever it has: its reply serves others as well. */
  readonly isPlain: boolean;
}

/** Fields by which a client asks for less than all of a reply. */
export const CONDITIONS = ["if-none-match", "if-modified-since", "if-range", "range"] as const;

/** True if Connection keeps fields from the upstream: its reply would be stored as one to a request that has them. */
function hidesFields(headers: Headers): boolean {
  return listedFields(headers.get("connection")).some(
    (name) => headers.has(name) && !HOP_BY_HOP.includes(name.toLowerCase()),
  );
}

/** The quest of a request; undefined when only the upstream can answer it. */
export function questOf(visit: Visit, send: Send): Quest | undefined {
  const { call, x } = visit;
  const { method, headers, body } = x.request;
  // A body may change what an upstream answers, and is no part of any key.
  if ((method !== "GET" && method !== "HEAD") || body !== null || hasPreconditions(headers)) return undefined;
  if (hidesFields(headers)) return undefined;
  const key = keyOf(call);
  if (key === undefined) return undefined;
  const wish = wishOf(headers);
  return {
    call,
    send,
    patience: (work, ms, codes) => visit.within(work, ms, codes),
    sought: { key, selectionOf: (names) => selectionOf(call, names), isDivided: isDivided(call) },
    wish,
    asked: {
      authorized: headers.has("authorization") && !call.plan.cache?.hidesAuthorization,
      cookies: headers.has("cookie"),
      range: headers.has("range"),
      noStore: wish.noStore,
    },
    method,
    isPlain: method === "GET" && !CONDITIONS.some((name) => headers.has(name)),
  };
}
