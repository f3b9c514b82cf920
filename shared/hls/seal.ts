// Sealed texts in addresses: encrypted, authenticated and deterministic, so that a child has the same address in every
// reload and every isolate. The IV is an HMAC over the plaintext (as in SIV, RFC 5297), then AES-CTR. Uses WebCrypto only.
// Equal texts give equal seals; that is wanted here and tells an observer nothing that the addresses do not.

import { decodeBase64Url, encodeBase64Url } from "../config/secrets.ts";
import { timingSafeEqual } from "../net/constant-time.ts";

const IV_BYTES = 16;
const encoder = new TextEncoder();

export interface Sealer {
  /** `purpose` keeps seals of one use from being accepted in another. base64url. */
  seal(purpose: string, text: string): Promise<string>;
  /** The text, or undefined when `sealed` was not made by seal() with this key and purpose. */
  open(purpose: string, sealed: string): Promise<string | undefined>;
}

/** `rootKey`: at least 32 secret bytes. */
export async function createSealer(rootKey: Uint8Array<ArrayBuffer>): Promise<Sealer> {
  const root = await crypto.subtle.importKey("raw", rootKey, "HKDF", false, ["deriveBits"]);
  const derivation = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0) };
  const derive = (use: string) =>
    crypto.subtle.deriveBits({ ...derivation, info: encoder.encode(`causeway/hls/${use}/1`) }, root, 256);
  const hmac = { name: "HMAC", hash: "SHA-256" };
  const macKey = await crypto.subtle.importKey("raw", await derive("mac"), hmac, false, ["sign"]);
  const cipherKey = await crypto.subtle.importKey("raw", await derive("cipher"), "AES-CTR", false, [
    "encrypt",
    "decrypt",
  ]);

  async function ivOf(purpose: string, text: string): Promise<Uint8Array<ArrayBuffer>> {
    const mac = await crypto.subtle.sign("HMAC", macKey, encoder.encode(`${purpose}\0${text}`));
    return new Uint8Array(mac, 0, IV_BYTES).slice();
  }

  return {
    async seal(purpose, text) {
      const iv = await ivOf(purpose, text);
      const cipher = { name: "AES-CTR", counter: iv, length: 64 };
      const sealed = await crypto.subtle.encrypt(cipher, cipherKey, encoder.encode(text));
      const out = new Uint8Array(IV_BYTES + sealed.byteLength);
      out.set(iv);
      out.set(new Uint8Array(sealed), IV_BYTES);
      return encodeBase64Url(out);
    },
    async open(purpose, sealed) {
      const bytes = decodeBase64Url(sealed);
      if (!bytes || bytes.length < IV_BYTES) return undefined;
      const iv = bytes.slice(0, IV_BYTES);
      const cipher = { name: "AES-CTR", counter: iv, length: 64 };
      const opened = await crypto.subtle.decrypt(cipher, cipherKey, bytes.slice(IV_BYTES));
      const text = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true }).decode(opened);
      return timingSafeEqual(await ivOf(purpose, text), iv) ? text : undefined;
    },
  };
}
