// Live stats over the API: one snapshot, the WebSocket that sends them, and the list of connections.

import * as v from "valibot";
import { CausewayError } from "../../shared/errors.ts";
import { FLOW_KINDS } from "../../shared/flow/flow.ts";
import type { Snapshot } from "../../shared/flow/snapshot.ts";
import { CONTROL_LIMITS, STATS_LIMITS } from "../../shared/limits.ts";
import { isWebSocketUpgrade } from "../proxy/websocket.ts";
import { requireRole } from "./access.ts";
import type { ControlExchange } from "./exchange.ts";
import { openSocket, statsObject } from "./objects.ts";
import { json } from "./reply.ts";
import { upgradeResponse } from "./subprotocol.ts";

const FilterSchema = v.object({
  service: v.optional(v.string()),
  kind: v.optional(v.picklist(FLOW_KINDS)),
  limit: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\d{1,6}$/),
      v.transform(Number),
      v.minValue(1),
      v.maxValue(STATS_LIMITS.CONNECTIONS_LISTED_MAX),
    ),
    String(CONTROL_LIMITS.CONNECTIONS_DEFAULT),
  ),
});

/** GET /api/stats: the snapshot with its series. */
export async function stats(x: ControlExchange): Promise<Response> {
  await requireRole(x, "viewer");
  return json(x, await snapshot(x));
}

/** GET /api/stats/ws: hands the authorised upgrade to the stats object. */
export async function statsSocket(x: ControlExchange): Promise<Response> {
  if (!isWebSocketUpgrade(x.request)) throw new CausewayError("upgrade_required");
  await requireRole(x, "viewer");
  return upgradeResponse(x.request, await openSocket(statsObject(x.env)), x.requestId);
}

/** GET /api/connections: active connections, by `service`, `kind`, at most `limit`. */
export async function connections(x: ControlExchange): Promise<Response> {
  await requireRole(x, "viewer");
  const filter = v.safeParse(FilterSchema, Object.fromEntries(x.url.searchParams));
  if (!filter.success)
    throw new CausewayError(
      "bad_request",
      `Cannot list connections: kind must be one of ${FLOW_KINDS.join(", ")}, limit 1 to ${STATS_LIMITS.CONNECTIONS_LISTED_MAX}`,
    );
  const { service, kind, limit } = filter.output;
  const { at, active, connections: listed } = await snapshot(x);
  const matching = listed.filter(
    (flow) =>
      (service === undefined || flow.service === service) && (kind === undefined || flow.kind === kind),
  );
  return json(x, { at, active, matching: matching.length, connections: matching.slice(0, limit) });
}

async function snapshot(x: ControlExchange): Promise<Snapshot> {
  try {
    // RPC types widen the tuples of the series.
    return (await statsObject(x.env).snapshot()) as Snapshot;
  } catch (cause) {
    throw new CausewayError("object_unreachable", undefined, { cause });
  }
}
