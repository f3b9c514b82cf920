// An upstream's base URL taken apart, the same way wherever an upstream is named. Pure.

import type { UpstreamBase } from "../http/location.ts";

/** Expects what the schema takes for a base URL: absolute, without user, query and fragment. */
export function upstreamBase(url: string): UpstreamBase {
  const { origin, pathname } = new URL(url);
  return { origin, path: pathname.replace(/\/+$/, "") };
}
