// The edge, in workerd, as an HTTP reverse proxy.

import { EDGE_WAYS, startEdge } from "./edge-under-test.ts";
import { httpProxySuite } from "./http-proxy.ts";

httpProxySuite({
  ways: EDGE_WAYS,
  gaps: {
    "keeps its target byte for byte: /echo?q='quoted'":
      "the runtime's fetch parses URLs by the URL Standard, which writes ' in a query as %27",
  },
  start: (upstream) => startEdge(upstream),
});
