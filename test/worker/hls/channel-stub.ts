// A channel, and a viewer's request, for tests of what is kept of an origin: no product around them, and an edge cache that keeps
// nothing.

import { createExecutionContext, env } from "cloudflare:test";
import { vi } from "vitest";
import type { ChannelConfig } from "../../../shared/config/schema.ts";
import type { Exchange } from "../../../worker/exchange.ts";

/** For as long as globals are stubbed. */
export function stubEmptyCaches(): void {
  vi.stubGlobal("caches", {
    open: async () => ({ match: async () => undefined, put: async () => undefined }),
  });
}

export function stubChannel(id: string, readTimeoutMs = 2_000): ChannelConfig {
  return {
    id,
    sources: [{ url: "http://origin.test/index.m3u8", via: "direct", headers: {} }],
    headers: {},
    ignore_query: [],
    shield: false,
    prefetch: 0,
    response_header_timeout: 2_000,
    read_timeout: readTimeoutMs,
  } as unknown as ChannelConfig;
}

/** A request whose counts go nowhere. */
export function stubExchange(): Exchange {
  const counter = { answer: () => undefined, failure: () => undefined, originBytes: () => undefined };
  const meter = { touch: () => undefined, channel: () => counter };
  const config = { epoch: 1, live: { purgeEpoch: () => 0 } };
  return { env, ctx: createExecutionContext(), meter, config, request: {} } as unknown as Exchange;
}
