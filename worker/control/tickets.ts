// Tickets: for clients that can set neither headers nor subprotocols on a WebSocket. A ticket is good once, for a minute,
// for one path, and carries the role of whoever asked for it.

import * as v from "valibot";
import { CausewayError } from "../../shared/errors.ts";
import { CONTROL_LIMITS } from "../../shared/limits.ts";
import { requireRole } from "./access.ts";
import { readJson } from "./body.ts";
import type { Ticket } from "./claims.ts";
import type { ControlExchange } from "./exchange.ts";
import { json } from "./reply.ts";
import { sign } from "./signed.ts";

/** The WebSockets that take tickets. */
const PATHS = ["/api/stats/ws"] as const;

const RequestSchema = v.strictObject({ path: v.picklist(PATHS) });

/** POST /api/tickets: `{path}` for `{ticket, expires_at}`; the client then connects to `path?ticket=…`. */
export async function makeTicket(x: ControlExchange): Promise<Response> {
  const principal = await requireRole(x, "viewer");
  const body = v.safeParse(RequestSchema, await readJson(x.request, CONTROL_LIMITS.BODY_BYTES_MAX));
  if (!body.success)
    throw new CausewayError("bad_request", `Cannot make a ticket: path must be one of ${PATHS.join(", ")}`);
  const ticket: Ticket = {
    id: crypto.randomUUID(),
    path: body.output.path,
    exp: x.startedAt + CONTROL_LIMITS.TICKET_TTL_MS,
    principal,
  };
  return json(x, { ticket: await sign(x.env, "ticket", ticket), expires_at: ticket.exp }, { status: 201 });
}
