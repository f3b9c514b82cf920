// Tokens and whom they stand for. A token is known by its SHA-256 only; comparisons take the same time wherever they fail.

import { tokenVerifier } from "../../shared/config/secrets.ts";
import { CONTROL_LIMITS } from "../../shared/limits.ts";
import { timingSafeEqual } from "../../shared/net/constant-time.ts";
import type { ConfigSnapshot } from "../directory/client.ts";
import type { Env } from "../env.ts";

/** Each role may do what the ones before it may. */
export const ROLES = ["viewer", "operator", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** Who asks: the name of the token, and what it allows. Never holds the token itself. */
export interface Principal {
  readonly name: string;
  readonly role: Role;
  /** First 16 digits of the verifier of a configured token, so that what was made from the token ends with it; else "". */
  readonly token: string;
}

const VERIFIER = "sha256:";
const FINGERPRINT_DIGITS = 16;

/** The admin, or whom the admin lets in by a login link of a lower role. */
export function adminPrincipal(role: Role = "admin"): Principal {
  return { name: role === "admin" ? "admin" : "login-link", role, token: "" };
}

/** Whose token it is: the admin's, or one of the configuration's. */
export async function principalOf(
  token: string,
  env: Pick<Env, "ADMIN_TOKEN">,
  config: ConfigSnapshot | undefined,
): Promise<Principal | undefined> {
  if (!isUsableToken(token)) return undefined;
  const verifier = await tokenVerifier(token);
  if (isUsableToken(env.ADMIN_TOKEN) && timingSafeEqual(verifier, await tokenVerifier(env.ADMIN_TOKEN)))
    return adminPrincipal();
  const entry = matching(verifier, config?.tokens ?? []);
  return entry && { name: entry.name, role: entry.role, token: fingerprint(entry.token) };
}

/** The name of the relay whose token this is. */
export async function relayOf(token: string, config: ConfigSnapshot): Promise<string | undefined> {
  return isUsableToken(token) ? matching(await tokenVerifier(token), config.relays)?.name : undefined;
}

/**
 * The principal as it stands now, or undefined when the token that it came from is gone or was replaced. What a token may
 * do is read anew each time, so a session does not outlive a demotion either.
 */
export function renewed(principal: Principal, config: ConfigSnapshot | undefined): Principal | undefined {
  if (principal.token === "") return principal;
  const entry = config?.tokens.find(
    ({ name, token }) => name === principal.name && fingerprint(token) === principal.token,
  );
  return entry && { ...principal, role: entry.role };
}

/** Short tokens could be guessed, and none at all must not match an empty one. */
export function isUsableToken(token: string | undefined): token is string {
  return (
    token !== undefined &&
    token.length >= CONTROL_LIMITS.TOKEN_CHARS_MIN &&
    token.length <= CONTROL_LIMITS.TOKEN_CHARS_MAX
  );
}

function fingerprint(verifier: string): string {
  return verifier.slice(VERIFIER.length, VERIFIER.length + FINGERPRINT_DIGITS);
}

/** Looks at every entry, so that the time taken does not tell which one matched. */
function matching<T extends { readonly token: string }>(
  verifier: string,
  entries: readonly T[],
): T | undefined {
  let found: T | undefined;
  for (const entry of entries) if (timingSafeEqual(entry.token, verifier)) found ??= entry;
  return found;
}
