// What a successful unsafe request changes: its own address, and those that the reply names, are not answered from before it
// any more (RFC 9111 section 4.4).

import { publicLocation } from "../../../shared/http/location.ts";
import { originOf } from "../arrival.ts";
import type { Call } from "../call.ts";
import { queryOf } from "../target-path.ts";
import type { Answer } from "../upstream.ts";
import { keysOf } from "./key.ts";
import { replies } from "./state.ts";

const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/** Invalidates what a request has changed, if it was unsafe and succeeded. */
export function invalidateAfter(call: Call, method: string, { response, upstream }: Answer): void {
  if (SAFE.has(method) || response.status < 200 || response.status > 399) return;
  const { url, ctx } = call.x;
  const addresses = new Set([url.pathname + url.search, url.pathname + queryOf(url)]);
  const origin = originOf(call);
  for (const name of ["location", "content-location"]) {
    const value = response.headers.get(name);
    if (value === null) continue;
    const site = { origin, rewrite: call.plan.rewrite };
    const target = URL.parse(
      publicLocation(value, upstream, call.plan.upstreams, site),
      origin + url.pathname,
    );
    // Of another origin it would let one site empty another's cache.
    if (target?.origin === origin) addresses.add(target.pathname + queryOf(target));
  }
  for (const address of addresses) replies.invalidate(keysOf(call, address), ctx);
}
