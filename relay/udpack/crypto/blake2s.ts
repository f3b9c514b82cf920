// BLAKE2s-256 (RFC 7693) and the constructions over it that Noise and UDPack use. Pure.

import { createHash, createHmac } from "node:crypto";

const ALGORITHM = "blake2s256";

const encoder = new TextEncoder();

/** The hash of both parts behind each other. */
export function blake2s(first: Uint8Array, second: Uint8Array): Uint8Array {
  return createHash(ALGORITHM).update(first).update(second).digest();
}

/** HMAC (RFC 2104, blocks of 64 bytes) over BLAKE2s-256. Texts stand for their ASCII bytes. */
export function hmac(key: Uint8Array | string, data: Uint8Array | string): Uint8Array {
  return createHmac(ALGORITHM, bytesOf(key)).update(bytesOf(data)).digest();
}

/** Noise's HKDF with two outputs (Noise revision 34, section 4.3). */
export function hkdf2(chainingKey: Uint8Array, input: Uint8Array): [Uint8Array, Uint8Array] {
  const secret = hmac(chainingKey, input);
  const first = hmac(secret, Uint8Array.of(1));
  const second = createHmac(ALGORITHM, secret).update(first).update(Uint8Array.of(2)).digest();
  secret.fill(0);
  return [first, second];
}

function bytesOf(value: Uint8Array | string): Uint8Array {
  return typeof value === "string" ? encoder.encode(value) : value;
}
