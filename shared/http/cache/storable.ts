// Whether a response may be stored in a cache shared by everyone, and which of its fields (RFC 9111 section 3). Where the
// RFC leaves a choice the answer is the one that cannot hand one client's reply to another. Pure.

import { HOP_BY_HOP, listedFields } from "../headers.ts";
import type { Control } from "./control.ts";
import { holdsForAll, namedFields } from "./directives.ts";
import { isExplicit } from "./lifetime.ts";

/** What of a request decides about its response. */
export interface Asked {
  /** Authorization went to the upstream. */
  readonly authorized: boolean;
  readonly cookies: boolean;
  readonly range: boolean;
  /** Cache-Control: no-store. */
  readonly noStore: boolean;
}

/** Why a response is not stored: the detail in Cache-Status. */
export type Refusal =
  | "status"
  | "no-store"
  | "private"
  | "vary"
  | "set-cookie"
  | "authorization"
  | "not-explicit"
  | "request-no-store";

/**
 * Statuses that are never stored. 206 and 304 are parts of something else; the others speak about one request (its fields,
 * its length, its sender), so that with one odd request anybody could put them in everybody's way.
 */
const NEVER: ReadonlySet<number> = new Set([
  206, 304, 400, 401, 407, 408, 411, 412, 413, 415, 416, 417, 421, 422, 425, 426, 428, 429, 431, 511,
]);

/** Statuses whose meaning for caches is known here: `must-understand` asks for it (RFC 9111 section 5.2.2.3). */
const UNDERSTOOD: ReadonlySet<number> = new Set([
  200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 307, 308, 402, 403, 404, 405, 406, 409, 410, 414, 451,
  500, 501, 502, 503, 504, 505,
]);

/** Fields never stored besides those of one connection: they belong to one exchange. */
const PER_EXCHANGE = [
  "proxy-authenticate",
  "proxy-authentication-info",
  "x-request-id",
  "age",
  "cache-status",
] as const;

/** Undefined if the response to a GET may be stored. */
export function refusalOf(
  status: number,
  headers: Headers,
  control: Control,
  asked: Asked,
): Refusal | undefined {
  const { directives } = control;
  if (asked.noStore) return "request-no-store";
  if (status < 200 || NEVER.has(status) || (asked.range && status !== 200)) return "status";
  if (directives.has("must-understand")) {
    if (!UNDERSTOOD.has(status)) return "status";
  } else if (directives.has("no-store")) return "no-store";
  if (holdsForAll(directives, "private")) return "private";
  if (headers.get("vary")?.includes("*")) return "vary";
  if (headers.has("set-cookie") && !unstoredFields(control).includes("set-cookie")) return "set-cookie";
  if (asked.authorized && !["public", "s-maxage", "must-revalidate"].some((name) => directives.has(name)))
    return "authorization";
  // A guess is only made about what is the same for everyone.
  const guessed = headers.has("last-modified") && !asked.cookies && !asked.authorized;
  return guessed || isExplicit(headers, control) ? undefined : "not-explicit";
}

/** Fields that the upstream names as private or as not to be used unvalidated: they are not stored. */
function unstoredFields({ directives }: Control): readonly string[] {
  return [...namedFields(directives.get("private")), ...namedFields(directives.get("no-cache"))];
}

/** A response's fields as they are stored. */
export function storedFields(headers: Headers, control: Control): Headers {
  const stored = new Headers(headers);
  for (const name of listedFields(headers.get("connection"))) stored.delete(name);
  for (const names of [HOP_BY_HOP, PER_EXCHANGE, unstoredFields(control)])
    for (const name of names) stored.delete(name);
  return stored;
}

/** Fields of a 304 that say nothing about the stored body (RFC 9111 section 3.2), or would contradict it. */
const OF_THE_BODY = ["content-encoding", "content-length", "content-md5", "content-range", "etag"] as const;

/** The stored fields after a 304: its fields replace those of their names. */
export function freshenedFields(stored: Headers, update: Headers, control: Control): Headers {
  const fresh = new Headers(stored);
  const fields = storedFields(update, control);
  for (const name of [...OF_THE_BODY, "set-cookie"]) fields.delete(name);
  for (const [name, value] of fields) fresh.set(name, value);
  return fresh;
}
