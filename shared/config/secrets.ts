// How secrets are kept at the edge: tokens as SHA-256 verifiers, everything else sealed under the root key. Uses WebCrypto
// only, so that the operator's machine and the Worker agree. Never logs and never throws with a secret in its message.

const PREFIX = "sealed:";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ROOT_KEY_BYTES = 32;
const SALT_BYTES = 16;

/** Seals and opens secrets under one root key. */
export interface SecretBox {
  /**
   * Seals a text as "sealed:BASE64URL" (nonce, ciphertext, tag). The same text seals to the same value, so pushing an
   * unchanged file changes no record.
   */
  seal(text: string): Promise<string>;
  /**
   * A salt of 16 bytes for a password's hash by whose password it is: an unchanged file then makes unchanged hashes, and
   * without the root key nobody can work with a salt before it is used.
   */
  salt(place: string): Promise<Uint8Array>;
  /** Opens what `seal` made; undefined when it is malformed or was sealed under another root key. */
  open(sealed: string): Promise<string | undefined>;
}

/**
 * Derives the keys from the root key: 32 bytes in base64url.
 * @throws {RangeError} when the root key is anything else.
 */
export async function createSecretBox(rootKey: string): Promise<SecretBox> {
  const root = decodeBase64Url(rootKey);
  if (root?.length !== ROOT_KEY_BYTES) {
    throw new RangeError("Cannot use the root key: expected 32 bytes in base64url (43 characters)");
  }
  const material = await crypto.subtle.importKey("raw", root, "HKDF", false, ["deriveKey"]);
  const sealKey = await crypto.subtle.deriveKey(
    hkdf("causeway config seal v1"),
    material,
    { name: "AES-GCM", length: 256 },
    false,
    ["encrypt", "decrypt"],
  );
  const nonceKey = await crypto.subtle.deriveKey(
    hkdf("causeway config nonce v1"),
    material,
    { name: "HMAC", hash: "SHA-256", length: 256 },
    false,
    ["sign"],
  );
  const saltKey = await crypto.subtle.deriveKey(
    hkdf("causeway password salt v1"),
    material,
    { name: "HMAC", hash: "SHA-256", length: 256 },
    false,
    ["sign"],
  );
  return {
    seal: (text) => seal(text, sealKey, nonceKey),
    salt: (place) => saltOf(place, saltKey),
    open: (sealed) => open(sealed, sealKey),
  };
}

function hkdf(info: string) {
  return { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info: new TextEncoder().encode(info) };
}

/**
 * The nonce is a keyed hash of the text: a nonce can repeat only for the same text, which seals to the same value. That
 * shows which secrets are equal, and nothing else.
 */
async function seal(text: string, sealKey: CryptoKey, nonceKey: CryptoKey): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  const nonce = new Uint8Array(await crypto.subtle.sign("HMAC", nonceKey, bytes)).slice(0, NONCE_BYTES);
  const cipher = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, sealKey, bytes));
  const out = new Uint8Array(NONCE_BYTES + cipher.length);
  out.set(nonce);
  out.set(cipher, NONCE_BYTES);
  return PREFIX + encodeBase64Url(out);
}

async function saltOf(place: string, saltKey: CryptoKey): Promise<Uint8Array> {
  const mac = await crypto.subtle.sign("HMAC", saltKey, new TextEncoder().encode(place));
  return new Uint8Array(mac).slice(0, SALT_BYTES);
}

async function open(sealed: string, sealKey: CryptoKey): Promise<string | undefined> {
  if (!sealed.startsWith(PREFIX)) return undefined;
  const bytes = decodeBase64Url(sealed.slice(PREFIX.length));
  if (bytes === undefined || bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const nonce = bytes.slice(0, NONCE_BYTES);
  try {
    const plain = await crypto.subtle.decrypt(
      { name: "AES-GCM", iv: nonce },
      sealKey,
      bytes.slice(NONCE_BYTES),
    );
    return new TextDecoder().decode(plain);
  } catch {
    // WebCrypto reports a wrong key and damage alike, by an OperationError without detail.
    return undefined;
  }
}

/** The verifier of a token: "sha256:HEX". Tokens are long random texts, so a plain hash cannot be guessed backwards. */
export async function tokenVerifier(token: string): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token)));
  return `sha256:${Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** base64url without padding (RFC 4648, 5). */
export function encodeBase64Url(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** The bytes of base64url with or without padding; undefined when it is something else. */
export function decodeBase64Url(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[A-Za-z0-9_-]*={0,2}$/.test(text)) return undefined;
  try {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/").replace(/=+$/, ""));
    return Uint8Array.from(binary, (char) => char.charCodeAt(0));
  } catch {
    return undefined;
  }
}
