// The edge as the suites see it: the whole product in workerd, with three ways to one upstream.

import { startProduct } from "../support/product.ts";
import type { Running } from "./proxy-under-test.ts";

const KEY = "an-ingress-key-of-conformance-tests";

/** Host names by way: counted, untouched, and through a relay's ingress. */
export const EDGE_WAYS = {
  metered: "metered.test",
  "meter = false": "untouched.test",
  "via relay": "relayed.test",
} as const;

/** Starts the product in front of `upstream`; `entry` is what its host entries have in common. */
export async function startEdge(upstream: string, entry: Record<string, unknown> = {}): Promise<Running> {
  const common = { upstreams: [upstream], ...entry };
  const product = await startProduct({
    config: {
      relays: relaysAt(1),
      hosts: [
        { host: EDGE_WAYS.metered, ...common },
        { host: EDGE_WAYS["meter = false"], ...common, meter: false, websocket: { meter: false } },
        { host: EDGE_WAYS["via relay"], ...common, via: "relay:main" },
      ],
    },
    relay: {
      inbounds: [
        { kind: "mixed", listen: "127.0.0.1:0", auth: "none" },
        { kind: "ingress", listen: "127.0.0.1:0", key: KEY },
      ],
    },
  });
  // Where the ingress listens is known only now.
  await product.push({ relays: relaysAt(product.proxyPorts[1] ?? 0) });
  return { url: product.edge, stop: () => product.stop() };
}

function relaysAt(ingressPort: number): Record<string, unknown>[] {
  const token = "a-token-for-the-control-link-of-tests";
  return [{ name: "main", token, url: `http://127.0.0.1:${ingressPort}`, key: KEY }];
}
