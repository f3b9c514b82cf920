// The ways out of the Worker. On Cloudflare there is one, the global `fetch`. Served locally there are two more, bindings of the
// runtime's own network: Miniflare leads `fetch` through a Worker of its own, which takes each request and reply apart once
// more, some 45 us of 185 (measured).

import type { Env } from "./env.ts";

/** How to fetch what the operator's configuration names. */
export function originFetch(env: Pick<Env, "ORIGIN_NETWORK">): typeof fetch {
  return by(env.ORIGIN_NETWORK);
}

/**
 * How to fetch what an origin names. Names are resolved where nothing here can look: served locally, by a network that
 * connects to public addresses only; on Cloudflare private networks are out of reach anyway.
 */
export function outsideFetch(env: Pick<Env, "PUBLIC_NETWORK">): typeof fetch {
  return by(env.PUBLIC_NETWORK);
}

function by(network: Fetcher | undefined): typeof fetch {
  return network === undefined ? fetch : (input, init) => network.fetch(input, init);
}
