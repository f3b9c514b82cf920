// The active health checks over the API: every check of an upstream with its last result.

import { CausewayError } from "../../shared/errors.ts";
import type { CheckReport } from "../health/object.ts";
import { requireRole } from "./access.ts";
import type { ControlExchange } from "./exchange.ts";
import { json } from "./reply.ts";

/** GET /api/health-checks. */
export async function healthChecks(x: ControlExchange): Promise<Response> {
  await requireRole(x, "viewer");
  return json(x, { checks: await list(x) });
}

async function list({ env }: ControlExchange): Promise<CheckReport[]> {
  try {
    return await env.HEALTH.getByName("root").list();
  } catch (cause) {
    throw new CausewayError("object_unreachable", undefined, { cause });
  }
}
