// What signed texts say. Read back with these schemas, because another version of the Worker may have signed them.

import * as v from "valibot";
import { ROLES } from "./tokens.ts";

const principal = v.object({ name: v.string(), role: v.picklist(ROLES), token: v.string() });
const exp = v.number();

/** A single-use pass for one WebSocket upgrade on one path. */
export const TicketSchema = v.object({ id: v.string(), path: v.string(), exp, principal });
/** A single-use login link. */
export const LoginCodeSchema = v.object({ id: v.string(), exp, role: v.picklist(ROLES) });
export const SessionSchema = v.object({ exp, principal });

export type Ticket = v.InferOutput<typeof TicketSchema>;
export type LoginCode = v.InferOutput<typeof LoginCodeSchema>;
export type Session = v.InferOutput<typeof SessionSchema>;
