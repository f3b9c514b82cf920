// Live stats over the API: one snapshot, and the WebSocket that sends them.

import { CausewayError } from "../../shared/errors.ts";
import { METRICS_CONTENT_TYPE, metricsText } from "../../shared/metrics/prometheus.ts";
import { snapshotMetrics } from "../../shared/metrics/snapshot-metrics.ts";
import { isWebSocketUpgrade } from "../proxy/websocket.ts";
import { requireRole } from "./access.ts";
import { snapshotOf } from "./connections.ts";
import type { ControlExchange } from "./exchange.ts";
import { openSocket, statsObject } from "./objects.ts";
import { json, text } from "./reply.ts";
import { upgradeResponse } from "./subprotocol.ts";

/** GET /api/stats: the snapshot with its series. */
export async function stats(x: ControlExchange): Promise<Response> {
  await requireRole(x, "viewer");
  return json(x, await snapshotOf(x));
}

/** GET /metrics: the same for Prometheus. */
export async function metrics(x: ControlExchange): Promise<Response> {
  await requireRole(x, "viewer");
  return text(x, metricsText(snapshotMetrics(await snapshotOf(x))), METRICS_CONTENT_TYPE);
}

/** GET /api/stats/ws: hands the authorised upgrade to the stats object. */
export async function statsSocket(x: ControlExchange): Promise<Response> {
  if (!isWebSocketUpgrade(x.request)) throw new CausewayError("upgrade_required");
  await requireRole(x, "viewer");
  return upgradeResponse(x.request, await openSocket(statsObject(x.env)), x.requestId);
}
