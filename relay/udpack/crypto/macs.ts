// The MACs outside of Noise (docs/UDPACK.md sections 3.1 and 3.2). Mac 1 is keyed by the receiver's public key and keeps
// strangers from making anyone compute X25519; mac 2 is keyed by a cookie and proves an address. Pure.

import { timingSafeEqual } from "../../../shared/net/constant-time.ts";
import { INITIATION, MAC_BYTES } from "../wire/packet.ts";
import { hmac } from "./blake2s.ts";

/** The key of mac 1 for messages to the owner of a static public key. */
export function mac1Key(publicKey: Uint8Array): Uint8Array {
  return hmac("udpack mac 1", publicKey);
}

/** Writes mac 1 over all before `at` to `at`. */
export function writeMac1(packet: Uint8Array, at: number, key: Uint8Array): void {
  packet.set(macOf(packet, at, key), at);
}

/** Whether mac 1 at `at` is right. */
export function isMac1Right(packet: Uint8Array, at: number, key: Uint8Array): boolean {
  return timingSafeEqual(packet.subarray(at, at + MAC_BYTES), macOf(packet, at, key));
}

/** Writes mac 2 of an initiation. */
export function writeMac2(initiation: Uint8Array, cookie: Uint8Array): void {
  initiation.set(macOf(initiation, INITIATION.mac2, cookie), INITIATION.mac2);
}

/** Whether mac 2 of an initiation was made with the cookie. */
export function isMac2Right(initiation: Uint8Array, cookie: Uint8Array): boolean {
  return timingSafeEqual(initiation.subarray(INITIATION.mac2), macOf(initiation, INITIATION.mac2, cookie));
}

function macOf(packet: Uint8Array, end: number, key: Uint8Array): Uint8Array {
  return hmac(key, packet.subarray(0, end)).subarray(0, MAC_BYTES);
}
