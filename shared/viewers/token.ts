// Tokens in addresses of channels: t.<key id>.<claims>.<MAC>, claims as base64url(JSON), the MAC HMAC-SHA256 over all that
// stands before it, "t." included. So a back end in any language can sign with one of the edge's keys. Pure but for
// WebCrypto; whether a genuine token is good for a request is worker/hls/access.

import { decodeBase64Url, encodeBase64Url } from "../config/secrets.ts";
import { VIEWER_LIMITS } from "../limits.ts";
import { canonicalIp } from "../net/address.ts";
import { clientNetwork } from "../net/client-network.ts";

/** What a token says. */
export interface TokenClaims {
  readonly channel: string;
  /** No viewing begins after this; milliseconds since the epoch, whole seconds. */
  readonly expiresAt: number;
  /** The subscriber it was made for, and the first digits of that one's verifier then: a new secret ends old tokens. */
  readonly viewer?: { readonly name: string; readonly fingerprint: string };
  /** The IPv4 address or the IPv6 /64 that may use it. */
  readonly network?: string;
  /** The session it belongs to, which one client holds at a time. */
  readonly session?: string;
  /** How many clients may watch by it at once. */
  readonly places?: number;
}

/** A key that signs, with the id by which tokens name it. */
export interface SigningKey {
  readonly id: string;
  readonly key: CryptoKey;
}

/** Channel, expiry (seconds), viewer, fingerprint, IP, session, number of clients. */
interface Wire {
  readonly c: string;
  readonly e: number;
  readonly v?: string;
  readonly f?: string;
  readonly i?: string;
  readonly s?: string;
  readonly n?: number;
}

const WIRE_KEYS: ReadonlySet<string> = new Set(["c", "e", "v", "f", "i", "s", "n"]);
const FORM = /^([A-Za-z0-9_-]{1,32})\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})$/;
const encoder = new TextEncoder();

/** Session ids as tokens carry them. */
export function isSessionId(text: string): boolean {
  return /^[A-Za-z0-9_-]{1,64}$/.test(text);
}

/** The first digits of a verifier ("sha256:HEX"): enough to tell a viewer's old secret from the new one. */
export function fingerprintOf(verifier: string): string {
  return verifier.slice("sha256:".length, "sha256:".length + 16);
}

/** The bytes of `secret` as HMAC key, as any other HMAC implementation takes them. */
export function importSigningKey(secret: string | Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  const bytes = typeof secret === "string" ? encoder.encode(secret) : secret;
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
}

/** The token, without the leading "t.". Equal claims make equal tokens. */
export async function signToken({ id, key }: SigningKey, claims: TokenClaims): Promise<string> {
  const wire: Wire = {
    c: claims.channel,
    e: Math.floor(claims.expiresAt / 1_000),
    ...(claims.viewer && { v: claims.viewer.name, f: claims.viewer.fingerprint }),
    ...(claims.network !== undefined && { i: claims.network }),
    ...(claims.session !== undefined && { s: claims.session }),
    ...(claims.places !== undefined && { n: claims.places }),
  };
  const head = `${id}.${encodeBase64Url(encoder.encode(JSON.stringify(wire)))}`;
  const mac = await crypto.subtle.sign("HMAC", key, encoder.encode(`t.${head}`));
  return `${head}.${encodeBase64Url(new Uint8Array(mac))}`;
}

/** The claims of a token that one of `keys` has signed; undefined for any other text. Never rejects. */
export async function verifyToken(
  keys: ReadonlyMap<string, CryptoKey>,
  text: string,
): Promise<TokenClaims | undefined> {
  const [, id, payload, mac] = text.length > VIEWER_LIMITS.TOKEN_CHARS_MAX ? [] : (FORM.exec(text) ?? []);
  const key = id === undefined ? undefined : keys.get(id);
  const bytes = decodeBase64Url(mac ?? "");
  if (key === undefined || payload === undefined || bytes === undefined) return undefined;
  const signed = encoder.encode(`t.${id}.${payload}`);
  // WebCrypto compares in constant time.
  if (!(await crypto.subtle.verify("HMAC", key, bytes, signed))) return undefined;
  // A second spelling of the last bits would make another text of the same token.
  if (encodeBase64Url(bytes) !== mac) return undefined;
  return readClaims(payload);
}

function readClaims(payload: string): TokenClaims | undefined {
  try {
    const bytes = decodeBase64Url(payload) ?? new Uint8Array();
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
    return claimsOf(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** A claim that this release does not know might restrict: such a token is no good here. */
function claimsOf(value: unknown): TokenClaims | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  if (!Object.keys(value).every((key) => WIRE_KEYS.has(key))) return undefined;
  const { c, e, v, f, i, s, n } = value as Partial<Record<keyof Wire, unknown>>;
  if (typeof c !== "string" || !isWhole(e, 0, 1e11)) return undefined;
  const viewer = v === undefined && f === undefined ? undefined : viewerOf(v, f);
  const network = i === undefined ? undefined : networkOf(i);
  const session = typeof s === "string" && isSessionId(s) ? s : undefined;
  const places = isWhole(n, 1, VIEWER_LIMITS.SESSIONS_MAX) ? n : undefined;
  const isWrong = (claim: unknown, read: unknown) => claim !== undefined && read === undefined;
  if (isWrong(v ?? f, viewer) || isWrong(i, network) || isWrong(s, session) || isWrong(n, places))
    return undefined;
  return {
    channel: c,
    expiresAt: e * 1_000,
    ...(viewer && { viewer }),
    ...(network !== undefined && { network }),
    ...(session !== undefined && { session }),
    ...(places !== undefined && { places }),
  };
}

function viewerOf(name: unknown, fingerprint: unknown): TokenClaims["viewer"] {
  return typeof name === "string" && typeof fingerprint === "string" ? { name, fingerprint } : undefined;
}

function networkOf(ip: unknown): string | undefined {
  const canonical = typeof ip === "string" ? canonicalIp(ip) : undefined;
  return canonical === undefined ? undefined : clientNetwork(canonical);
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;
}
