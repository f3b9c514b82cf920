// The signature by which the edge proves to a relay's ingress that a request for a target is its own: an HMAC over method,
// target, time and a nonce. Both ends use this file. Pure: WebCrypto only, no clock, no state (replay.ts remembers nonces).
//
//     X-Causeway-Target: https://10.0.0.5:8443/path?query
//     X-Causeway-Signature: v1;t=<unix seconds>;n=<nonce>;s=<base64url HMAC-SHA256>
//
// The request itself goes to the ingress with the path "/". Body and header fields are not covered: the way to a relay that
// is not on this machine is https, which covers them.

import { decodeBase64Url, encodeBase64Url } from "../config/secrets.ts";
import { INGRESS_LIMITS } from "../limits.ts";

/** Header fields between edge and ingress, in lower case. */
export const INGRESS_FIELDS = {
  /** To the relay: the absolute URL to reach, as `signTarget` got it. */
  TARGET: "x-causeway-target",
  /** To the relay: what `signTarget` made. */
  SIGNATURE: "x-causeway-signature",
  /** From the relay: the code of its own refusal. Absent from everything that the upstream answered. */
  ERROR: "x-causeway-relay-error",
} as const;

/** What a signature is made over. */
export interface SignedRequest {
  /** The HTTP method as it is sent: case counts. */
  readonly method: string;
  /** Absolute http: or https: URL with path and query; a WebSocket's is http: or https: too. */
  readonly target: string;
  /** When it is signed: whole seconds since the epoch. */
  readonly at: number;
  /** A new one from `newNonce` for each request, each retry included. */
  readonly nonce: string;
}

/** What the relay is shown. */
export interface ShownRequest {
  readonly method: string;
  readonly target: string;
  /** The value of X-Causeway-Signature. */
  readonly signature: string;
}

/** Why a signature does not hold. The wire says only that it does not; these words are for logs. */
export type SignatureFault = "malformed" | "expired" | "forged";

/** What a signature says, once it holds: `ReplayWindow.take` still has to accept it. */
export type SignatureCheck =
  | { readonly ok: true; readonly at: number; readonly nonce: string }
  | { readonly ok: false; readonly fault: SignatureFault };

const encoder = new TextEncoder();
const FORM = /^v1;t=(\d{1,12});n=([A-Za-z0-9_-]{16,64});s=([A-Za-z0-9_-]{43})$/;

/** The key for both ends from the configured secret. Import it once per configuration, not per request. */
export function importIngressKey(secret: string): Promise<CryptoKey> {
  const hmac = { name: "HMAC", hash: "SHA-256" };
  return crypto.subtle.importKey("raw", encoder.encode(secret), hmac, false, ["sign", "verify"]);
}

/** A nonce: 128 random bits in base64url. */
export function newNonce(): string {
  return encodeBase64Url(crypto.getRandomValues(new Uint8Array(INGRESS_LIMITS.NONCE_BYTES)));
}

/** The value of X-Causeway-Signature. */
export async function signTarget(key: CryptoKey, request: SignedRequest): Promise<string> {
  const mac = await crypto.subtle.sign("HMAC", key, signedBytes(request));
  return `v1;t=${request.at};n=${request.nonce};s=${encodeBase64Url(new Uint8Array(mac))}`;
}

/**
 * The two header fields of a request to the ingress, by their names of INGRESS_FIELDS.
 * @param nowMs the signer's clock, milliseconds since the epoch
 */
export async function signedFields(
  key: CryptoKey,
  method: string,
  target: string,
  nowMs: number,
): Promise<{ readonly [INGRESS_FIELDS.TARGET]: string; readonly [INGRESS_FIELDS.SIGNATURE]: string }> {
  const at = Math.floor(nowMs / 1_000);
  const signature = await signTarget(key, { method, target, at, nonce: newNonce() });
  return { [INGRESS_FIELDS.TARGET]: target, [INGRESS_FIELDS.SIGNATURE]: signature };
}

/**
 * Checks form, time (INGRESS_LIMITS.CLOCK_SKEW_S either way) and, in constant time, the HMAC. Never throws on any text.
 * @param nowMs the verifier's clock, milliseconds since the epoch
 */
export async function verifyTarget(
  key: CryptoKey,
  { method, target, signature }: ShownRequest,
  nowMs: number,
): Promise<SignatureCheck> {
  const [, time, nonce = "", mac = ""] = FORM.exec(signature) ?? [];
  const bytes = decodeBase64Url(mac);
  if (time === undefined || bytes === undefined) return { ok: false, fault: "malformed" };
  const at = Number(time);
  if (Math.abs(nowMs / 1_000 - at) > INGRESS_LIMITS.CLOCK_SKEW_S) return { ok: false, fault: "expired" };
  // Decimal digits have several spellings of one number; the bytes that were signed have one.
  if (String(at) !== time) return { ok: false, fault: "malformed" };
  const holds = await crypto.subtle.verify("HMAC", key, bytes, signedBytes({ method, target, at, nonce }));
  return holds ? { ok: true, at, nonce } : { ok: false, fault: "forged" };
}

/** No part but the last can hold a line feed: methods are tokens, and header values have no controls. */
function signedBytes({ method, target, at, nonce }: SignedRequest): ReturnType<TextEncoder["encode"]> {
  return encoder.encode(`causeway ingress v1\n${method}\n${target}\n${at}\n${nonce}`);
}
