// Static keys as people handle them: 32 bytes in base64url.

import { decodeBase64Url, encodeBase64Url } from "../../../shared/config/secrets.ts";
import { KEY_BYTES, type KeyPair, type Primitives, type RandomBytes } from "./primitives.ts";

/** A new key pair. */
export function generateKeyPair(primitives: Primitives, random: RandomBytes): KeyPair {
  return keyPairOf(primitives, random(KEY_BYTES));
}

/** The pair of a secret key. */
export function keyPairOf(primitives: Primitives, secret: Uint8Array): KeyPair {
  return { secret, public: primitives.publicKey(secret) };
}

/** A public or secret key as text: 43 characters. */
export function keyText(key: Uint8Array): string {
  return encodeBase64Url(key);
}

/** The key that a text stands for; undefined when it is none. */
export function parseKey(text: string): Uint8Array | undefined {
  const key = decodeBase64Url(text);
  return key?.length === KEY_BYTES ? key : undefined;
}
