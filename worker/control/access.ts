// Who may do what on the control plane. A request shows one credential: an Authorization header, on WebSockets a
// subprotocol or a ticket, else the session cookie. A wrong one is refused, never passed over for the next.

import * as v from "valibot";
import { CausewayError } from "../../shared/errors.ts";
import { type ConfigSnapshot, directory } from "../directory/client.ts";
import type { Env } from "../env.ts";
import { isWebSocketUpgrade } from "../proxy/websocket.ts";
import { SessionSchema, TicketSchema } from "./claims.ts";
import { type ControlExchange, configIfAny } from "./exchange.ts";
import { checkOrigin } from "./origin.ts";
import { sessionCookie } from "./session-cookie.ts";
import { verify } from "./signed.ts";
import { subprotocolToken } from "./subprotocol.ts";
import { isUsableToken, type Principal, principalOf, ROLES, type Role, renewed } from "./tokens.ts";

const SAFE_METHODS: readonly string[] = ["GET", "HEAD", "OPTIONS"];

/**
 * Who sends this request, if that is someone of at least `role`. Every WebSocket upgrade and every unsafe request that a
 * cookie authorises must come from the page's own origin.
 * @throws CausewayError `unauthorized`, `forbidden`, `origin_refused`, `secrets_missing`
 */
export async function authorise(
  x: ControlExchange,
  config: ConfigSnapshot | undefined,
  role: Role,
): Promise<Principal> {
  const principal = await authenticate(x, config);
  if (!principal)
    throw new CausewayError(isUsableToken(x.env.ADMIN_TOKEN) ? "unauthorized" : "secrets_missing");
  if (ROLES.indexOf(principal.role) < ROLES.indexOf(role)) throw new CausewayError("forbidden");
  return principal;
}

/** {@link authorise} with the configuration's tokens, where there is one. */
export async function requireRole(x: ControlExchange, role: Role): Promise<Principal> {
  return authorise(x, await configIfAny(x), role);
}

async function authenticate(
  x: ControlExchange,
  config: ConfigSnapshot | undefined,
): Promise<Principal | undefined> {
  const { request, env } = x;
  const upgrade = isWebSocketUpgrade(request);
  if (upgrade) checkOrigin(x);
  const header = request.headers.get("authorization");
  if (header !== null) return fromToken(bearerToken(header), env, config);
  if (upgrade) {
    const token = subprotocolToken(request);
    if (token !== undefined) return fromToken(token, env, config);
    const ticket = x.url.searchParams.get("ticket");
    if (ticket !== null) return fromTicket(ticket, x, config);
  }
  const principal = await fromSession(x, config);
  if (principal && (upgrade || !SAFE_METHODS.includes(request.method))) checkOrigin(x, true);
  return principal;
}

/** The token of an Authorization header, or undefined for another scheme (RFC 6750 §2.1). */
export function bearerToken(header: string): string | undefined {
  return /^bearer +(\S+) *$/i.exec(header)?.[1];
}

async function fromToken(
  token: string | undefined,
  env: Env,
  config: ConfigSnapshot | undefined,
): Promise<Principal | undefined> {
  return token === undefined ? undefined : principalOf(token, env, config);
}

/** Everything else is checked before the ticket is spent, so that a misdirected one is not lost. */
async function fromTicket(
  text: string,
  x: ControlExchange,
  config: ConfigSnapshot | undefined,
): Promise<Principal | undefined> {
  const ticket = v.safeParse(TicketSchema, await verify(x.env, "ticket", text, x.startedAt));
  if (!ticket.success || ticket.output.path !== x.url.pathname) return undefined;
  const { id, exp, principal } = ticket.output;
  const current = renewed(principal, config);
  return current && (await directory(x.env).redeem(id, exp)) ? current : undefined;
}

async function fromSession(
  x: ControlExchange,
  config: ConfigSnapshot | undefined,
): Promise<Principal | undefined> {
  const cookie = sessionCookie(x.request, x.url);
  if (cookie === undefined) return undefined;
  const session = v.safeParse(SessionSchema, await verify(x.env, "session", cookie, x.startedAt));
  return session.success ? renewed(session.output.principal, config) : undefined;
}
