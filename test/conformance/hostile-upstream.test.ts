// The edge, in workerd, in front of hostile upstreams.

import { EDGE_WAYS, startEdge } from "./edge-under-test.ts";
import { hostileUpstreamSuite } from "./hostile-upstream.ts";

const UNDICI = "undici takes a reset for the end of a reply that has no framing";
const VERSION = "Node's parser reads any version digit";
const STRICT = "Node's parser refuses it, and the edge answers 502";

hostileUpstreamSuite({
  ways: EDGE_WAYS,
  gaps: {
    "meter = false: that stands still for too long is broken off, short or long":
      "meter = false hands bodies through untouched, and untimed",
    "via relay: is a 502 or 504: another major version": VERSION,
    "via relay: is a 502 or 504: NUL in the reason": "the relay leaves such a reason out",
    "via relay: never ends as if it were whole: a body without length that is reset": UNDICI,
    "via relay: passes: line feeds alone": STRICT,
    "via relay: passes: the same length twice": STRICT,
  },
  start: (upstream) => startEdge(upstream, { response_header_timeout: "1s", body_idle_timeout: "1s" }),
});
