// The edge, in workerd, as a WebSocket proxy.

import { EDGE_WAYS, startEdge } from "./edge-under-test.ts";
import { webSocketProxySuite } from "./websocket-proxy.ts";

const COUPLED =
  "the runtime joins both sockets by itself, and hands a lost connection on as a lost connection";
const BOUNDED = "messages that are counted have a bound";

webSocketProxySuite(
  {
    ways: EDGE_WAYS,
    gaps: {
      "metered: of any size pass where nothing counts them": BOUNDED,
      "via relay: of any size pass where nothing counts them": BOUNDED,
      "meter = false: that are larger close their sender 1009": "messages that are not counted have no bound",
      "meter = false: that is none, of the client, is told to the other side as 1001": COUPLED,
      "meter = false: that is none, of the upstream, is told to the other side as 1011": COUPLED,
    },
    start: (upstream) => startEdge(upstream),
  },
  { messageBytesMax: 31 * 1024 * 1024 },
);
