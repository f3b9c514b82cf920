// Signing in and out of the page. A one-time login code, or a token, is traded for a cookie that scripts cannot read and
// that ends by itself. Signing out removes the cookie from the browser; what ends a stolen one early is changing the
// token behind it.

import * as v from "valibot";
import { CausewayError } from "../../shared/errors.ts";
import { CONTROL_LIMITS } from "../../shared/limits.ts";
import { directory } from "../directory/client.ts";
import { requireRole } from "./access.ts";
import { readJson } from "./body.ts";
import { type LoginCode, LoginCodeSchema, type Session } from "./claims.ts";
import { type ControlExchange, configIfAny } from "./exchange.ts";
import { checkOrigin } from "./origin.ts";
import { json, noContent } from "./reply.ts";
import { setSessionCookie } from "./session-cookie.ts";
import { sign, verify } from "./signed.ts";
import { adminPrincipal, type Principal, principalOf, ROLES } from "./tokens.ts";

const CredentialSchema = v.union([
  v.strictObject({ code: v.string() }),
  v.strictObject({ token: v.string() }),
]);
const LinkSchema = v.optional(v.strictObject({ role: v.optional(v.picklist(ROLES), "admin") }), {});

/** POST /api/session: `{code}` or `{token}` for a session cookie. */
export async function startSession(x: ControlExchange): Promise<Response> {
  // Another site must not sign a visitor in as somebody else (login CSRF).
  checkOrigin(x);
  const body = v.safeParse(CredentialSchema, await readJson(x.request, CONTROL_LIMITS.BODY_BYTES_MAX));
  if (!body.success)
    throw new CausewayError("bad_request", 'Cannot sign in: the body must be {"code": …} or {"token": …}');
  const principal =
    "code" in body.output ? await redeemCode(x, body.output.code) : await knownToken(x, body.output.token);
  const session: Session = { exp: x.startedAt + CONTROL_LIMITS.SESSION_TTL_MS, principal };
  const cookie = setSessionCookie(
    x.url,
    await sign(x.env, "session", session),
    CONTROL_LIMITS.SESSION_TTL_MS,
  );
  const { name, role } = principal;
  return json(x, { name, role, expires_at: session.exp }, { headers: { "Set-Cookie": cookie } });
}

/** GET /api/session: whose session, or token, this is, and what it allows. */
export async function readSession(x: ControlExchange): Promise<Response> {
  const { name, role } = await requireRole(x, "viewer");
  return json(x, { name, role });
}

/** DELETE /api/session: ends the browser's session, whether it was still good or not. */
export async function endSession(x: ControlExchange): Promise<Response> {
  checkOrigin(x);
  return noContent(x, { "Set-Cookie": setSessionCookie(x.url, "", 0) });
}

/** POST /api/login-codes: makes the code of a one-time login link; `{role}` for a lower one than admin. */
export async function makeLoginCode(x: ControlExchange): Promise<Response> {
  await requireRole(x, "admin");
  const body = v.safeParse(LinkSchema, await readJson(x.request, CONTROL_LIMITS.BODY_BYTES_MAX));
  if (!body.success)
    throw new CausewayError(
      "bad_request",
      `Cannot make a login code: role must be one of ${ROLES.join(", ")}`,
    );
  const claims: LoginCode = {
    id: crypto.randomUUID(),
    exp: x.startedAt + CONTROL_LIMITS.LOGIN_CODE_TTL_MS,
    role: body.output.role,
  };
  const code = await sign(x.env, "login", claims);
  return json(x, { code, role: claims.role, expires_at: claims.exp }, { status: 201 });
}

async function redeemCode(x: ControlExchange, text: string): Promise<Principal> {
  const code = v.safeParse(LoginCodeSchema, await verify(x.env, "login", text, x.startedAt));
  if (!code.success || !(await directory(x.env).redeem(code.output.id, code.output.exp)))
    throw new CausewayError("login_code_invalid");
  return adminPrincipal(code.output.role);
}

async function knownToken(x: ControlExchange, token: string): Promise<Principal> {
  const principal = await principalOf(token, x.env, await configIfAny(x));
  if (!principal) throw new CausewayError("unauthorized");
  return principal;
}
