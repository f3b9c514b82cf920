// Connections over the API: those that are open, of the edge and of relays, and closing one.

import * as v from "valibot";
import { CausewayError } from "../../shared/errors.ts";
import { FLOW_KINDS, type FlowRecord } from "../../shared/flow/flow.ts";
import type { Snapshot } from "../../shared/flow/snapshot.ts";
import type { RequestUrl } from "../../shared/http/request-url.ts";
import { CONTROL_LIMITS, FLOW_LIMITS, STATS_LIMITS } from "../../shared/limits.ts";
import type { ClosingOutcome } from "../stats/object.ts";
import { requireRole } from "./access.ts";
import type { ControlExchange } from "./exchange.ts";
import { statsObject } from "./objects.ts";
import { closeAtRelay } from "./proxy.ts";
import { json, noContent } from "./reply.ts";

const FilterSchema = v.object({
  service: v.optional(v.string()),
  kind: v.optional(v.picklist(FLOW_KINDS)),
  client: v.optional(v.string()),
  user: v.optional(v.string()),
  /** Part of the target. */
  target: v.optional(v.string()),
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

type Filter = v.InferOutput<typeof FilterSchema>;

const PATH = "/api/connections/";

/** GET /api/connections: by `service`, `kind`, `client`, `user`, a part of `target`; at most `limit`. */
export async function connections(x: ControlExchange): Promise<Response> {
  await requireRole(x, "viewer");
  const filter = v.safeParse(FilterSchema, Object.fromEntries(x.url.searchParams));
  if (!filter.success)
    throw new CausewayError(
      "bad_request",
      `Cannot list connections: kind must be one of ${FLOW_KINDS.join(", ")}, limit 1 to ${STATS_LIMITS.CONNECTIONS_LISTED_MAX}`,
    );
  const { at, active, connections: listed } = await snapshotOf(x);
  const matching = listed.filter((flow) => matches(flow, filter.output));
  return json(x, {
    at,
    active,
    matching: matching.length,
    connections: matching.slice(0, filter.output.limit),
  });
}

/** DELETE /api/connections/ID: 204 once it has ended; 404 unknown, 409 when it goes on all the same. */
export async function closeConnection(x: ControlExchange): Promise<Response> {
  await requireRole(x, "operator");
  const id = idOf(x.url);
  const outcome = await close(x, id);
  switch (outcome.is) {
    case "closed":
      return noContent(x);
    case "relayed":
      await closeAtRelay(x, outcome.relay, id);
      return noContent(x);
    case "open":
      throw new CausewayError("not_closable");
    case "refused":
      throw new CausewayError("too_many_orders");
    case "unknown":
      throw new CausewayError("connection_unknown");
  }
}

function idOf(url: RequestUrl): string {
  const text = url.pathname.slice(PATH.length);
  if (text.length > FLOW_LIMITS.TEXT_CHARS_MAX) throw new CausewayError("connection_unknown");
  try {
    return decodeURIComponent(text);
  } catch {
    throw new CausewayError("connection_unknown");
  }
}

function matches(flow: FlowRecord, { service, kind, client, user, target }: Filter): boolean {
  return (
    (service === undefined || flow.service === service) &&
    (kind === undefined || flow.kind === kind) &&
    (client === undefined || flow.client === client) &&
    (user === undefined || flow.user === user) &&
    (target === undefined || flow.target.includes(target))
  );
}

async function close(x: ControlExchange, id: string): Promise<ClosingOutcome> {
  try {
    return (await statsObject(x.env).closeConnection(id)) as ClosingOutcome;
  } catch (cause) {
    throw new CausewayError("object_unreachable", undefined, { cause });
  }
}

/** @throws CausewayError `object_unreachable` */
export async function snapshotOf(x: ControlExchange): Promise<Snapshot> {
  try {
    // RPC types widen the tuples of the series.
    return (await statsObject(x.env).snapshot()) as Snapshot;
  } catch (cause) {
    throw new CausewayError("object_unreachable", undefined, { cause });
  }
}
