// Signed texts: tickets, login codes and session cookies. `base64url(JSON).base64url(HMAC-SHA256)`, where the MAC also
// covers the purpose, so that a ticket is never taken for a session. The key comes from ROOT_KEY and ADMIN_TOKEN by
// HKDF: changing either ends every session, ticket and code at once.

import { decodeBase64Url, encodeBase64Url } from "../../shared/config/secrets.ts";
import { CausewayError } from "../../shared/errors.ts";
import { CONTROL_LIMITS } from "../../shared/limits.ts";
import type { Env } from "../env.ts";

type Purpose = "session" | "ticket" | "login";

/** Every signed text ends: milliseconds since the epoch. */
interface Expiring {
  readonly exp: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** The key of this isolate, made once per pair of secrets. */
let kept: { readonly rootKey: string; readonly adminToken: string; readonly key: CryptoKey } | undefined;

/** @throws CausewayError `secrets_missing` */
export async function sign(env: Env, purpose: Purpose, claims: Expiring): Promise<string> {
  const payload = encodeBase64Url(encoder.encode(JSON.stringify(claims)));
  const mac = await crypto.subtle.sign(
    "HMAC",
    await signingKey(env),
    encoder.encode(`${purpose}.${payload}`),
  );
  return `${payload}.${encodeBase64Url(new Uint8Array(mac))}`;
}

/**
 * The claims of a text signed for `purpose` that has not expired at `now`, else undefined. Their shape is unchecked:
 * another version of the Worker may have signed them.
 * @throws CausewayError `secrets_missing`
 */
export async function verify(env: Env, purpose: Purpose, text: string, now: number): Promise<unknown> {
  const [payload, mac, extra] = text.length > CONTROL_LIMITS.SIGNED_CHARS_MAX ? [] : text.split(".");
  if (!payload || !mac || extra !== undefined) return undefined;
  const signature = decodeBase64Url(mac);
  const body = decodeBase64Url(payload);
  if (!signature || !body) return undefined;
  const key = await signingKey(env);
  if (!(await crypto.subtle.verify("HMAC", key, signature, encoder.encode(`${purpose}.${payload}`))))
    return undefined;
  const claims = JSON.parse(decoder.decode(body)) as Partial<Expiring> | null;
  return typeof claims?.exp === "number" && claims.exp > now ? claims : undefined;
}

async function signingKey(env: Env): Promise<CryptoKey> {
  const { ROOT_KEY: rootKey, ADMIN_TOKEN: adminToken } = env;
  if (kept?.rootKey === rootKey && kept.adminToken === adminToken) return kept.key;
  // Kept only once it is there: a promise of a request that ends early would never settle for the others.
  const key = await deriveKey(rootKey, adminToken);
  kept = { rootKey, adminToken, key };
  return key;
}

async function deriveKey(rootKey: string | undefined, adminToken: string | undefined): Promise<CryptoKey> {
  const root = decodeBase64Url(rootKey ?? "");
  if (root?.byteLength !== 32) throw new CausewayError("secrets_missing");
  const material = await crypto.subtle.importKey("raw", root, "HKDF", false, ["deriveKey"]);
  const salt = await crypto.subtle.digest("SHA-256", encoder.encode(adminToken ?? ""));
  return crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt, info: encoder.encode("causeway control v1") },
    material,
    { name: "HMAC", hash: "SHA-256", length: 256 },
    false,
    ["sign", "verify"],
  );
}
