// The Cache-Status field (RFC 9211): what the cache did with a request. Pure.

import type { Refusal } from "./storable.ts";

/** Why a request went to the upstream (RFC 9211 section 2.2). */
export type Forwarded = "bypass" | "method" | "uri-miss" | "vary-miss" | "request" | "stale" | "partial";

export type CacheStatus =
  | {
      readonly hit: true;
      readonly ttlS: number;
      readonly detail: "memory" | "edge" | "stale" | "unreachable" | "error";
    }
  | { readonly hit: false; readonly collapsed: true }
  | {
      readonly hit: false;
      readonly forwarded: Forwarded;
      readonly status: number;
      readonly stored: boolean;
      readonly refusal?: Refusal | "too-large" | undefined;
    };

/** The value for one reply; what caches nearer to the upstream said stands before it. */
export function cacheStatusField(status: CacheStatus, earlier: string | null): string {
  const own = `causeway; ${parameters(status)}`;
  return earlier === null ? own : `${earlier}, ${own}`;
}

function parameters(status: CacheStatus): string {
  if (status.hit) return `hit; ttl=${status.ttlS}; detail=${status.detail}`;
  if ("collapsed" in status) return "fwd=uri-miss; collapsed";
  const head = `fwd=${status.forwarded}; fwd-status=${status.status}`;
  if (status.stored) return `${head}; stored`;
  return status.refusal === undefined ? head : `${head}; detail=${status.refusal}`;
}
