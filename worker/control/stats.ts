// Live stats over the API: one snapshot, and the WebSocket that sends them.

import { CausewayError } from "../../shared/errors.ts";
import { isWebSocketUpgrade } from "../proxy/websocket.ts";
import { requireRole } from "./access.ts";
import { snapshotOf } from "./connections.ts";
import type { ControlExchange } from "./exchange.ts";
import { openSocket, statsObject } from "./objects.ts";
import { json } from "./reply.ts";
import { upgradeResponse } from "./subprotocol.ts";

/** GET /api/stats: the snapshot with its series. */
export async function stats(x: ControlExchange): Promise<Response> {
  await requireRole(x, "viewer");
  return json(x, await snapshotOf(x));
}

/** GET /api/stats/ws: hands the authorised upgrade to the stats object. */
export async function statsSocket(x: ControlExchange): Promise<Response> {
  if (!isWebSocketUpgrade(x.request)) throw new CausewayError("upgrade_required");
  await requireRole(x, "viewer");
  return upgradeResponse(x.request, await openSocket(statsObject(x.env)), x.requestId);
}
