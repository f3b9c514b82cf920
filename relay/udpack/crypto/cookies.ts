// Cookies (docs/UDPACK.md section 3.2, after WireGuard 5.4.7): under load a server asks a client to prove that it reads at
// the address that it claims. The server keeps nothing for it: a cookie is a MAC of the address. Time comes in as an argument.

import { UDPACK_HANDSHAKE_LIMITS } from "../../../shared/limits.ts";
import {
  COOKIE,
  INITIATION,
  MAC_BYTES,
  PACKET_KINDS,
  TAG_BYTES,
  writeHandshakeHeader,
} from "../wire/packet.ts";
import { hmac } from "./blake2s.ts";
import { isMac2Right } from "./macs.ts";
import type { Primitives, RandomBytes } from "./primitives.ts";

const COOKIE_BYTES = 16;
const SECRET_BYTES = 32;
const SALT_BYTES = COOKIE.sealed - COOKIE.salt;

/** What cookies of the owner of a static public key are sealed with, together with a salt. */
export function cookieKey(serverPublic: Uint8Array): Uint8Array {
  return hmac("udpack cookie", serverPublic);
}

/** A server's cookies. */
export class CookieJar {
  readonly #primitives: Primitives;
  readonly #random: RandomBytes;
  readonly #key: Uint8Array;
  #secret: Uint8Array | undefined;
  #previous: Uint8Array | undefined;
  #secretSince = 0;

  constructor(options: { primitives: Primitives; serverPublic: Uint8Array; random: RandomBytes }) {
    this.#primitives = options.primitives;
    this.#random = options.random;
    this.#key = cookieKey(options.serverPublic);
  }

  /** The cookie packet for an initiation from `source`. */
  answer(initiation: Uint8Array, source: string, now: number): Uint8Array {
    const packet = new Uint8Array(COOKIE.bytes);
    writeHandshakeHeader(packet, PACKET_KINDS.cookie, initiation.subarray(4, INITIATION.noise), 0);
    const salt = this.#random(SALT_BYTES);
    packet.set(salt, COOKIE.salt);
    const cipher = this.#primitives.cipher(hmac(this.#key, salt));
    const mac1 = initiation.subarray(INITIATION.mac1, INITIATION.mac2);
    cipher.seal(mac1, 0, cookieOf(this.#currentSecret(now), source), packet.subarray(COOKIE.sealed));
    cipher.destroy();
    return packet;
  }

  /** Whether mac 2 of an initiation shows that its sender read a cookie at `source` lately. */
  accepts(initiation: Uint8Array, source: string, now: number): boolean {
    if (isMac2Right(initiation, cookieOf(this.#currentSecret(now), source))) return true;
    return this.#previous !== undefined && isMac2Right(initiation, cookieOf(this.#previous, source));
  }

  #currentSecret(now: number): Uint8Array {
    const age = now - this.#secretSince;
    if (this.#secret && age < UDPACK_HANDSHAKE_LIMITS.COOKIE_SECRET_MS) return this.#secret;
    this.#previous = age < 2 * UDPACK_HANDSHAKE_LIMITS.COOKIE_SECRET_MS ? this.#secret : undefined;
    this.#secret = this.#random(SECRET_BYTES);
    this.#secretSince = now;
    return this.#secret;
  }
}

function cookieOf(secret: Uint8Array, source: string): Uint8Array {
  return hmac(secret, source).subarray(0, COOKIE_BYTES);
}

/** The cookie in a packet that answers the initiation with `mac1`; undefined when it is not the server's answer to that. */
export function openCookie(
  primitives: Primitives,
  packet: Uint8Array,
  of: { readonly key: Uint8Array; readonly mac1: Uint8Array },
): Uint8Array | undefined {
  if (packet.length !== COOKIE.bytes || of.mac1.length !== MAC_BYTES) return undefined;
  const cipher = primitives.cipher(hmac(of.key, packet.subarray(COOKIE.salt, COOKIE.sealed)));
  const sealed = packet.subarray(COOKIE.sealed);
  const cookie = new Uint8Array(sealed.length - TAG_BYTES);
  const isAuthentic = cipher.open(of.mac1, 0, sealed, cookie);
  cipher.destroy();
  return isAuthentic ? cookie : undefined;
}
