// The primitives by libsodium (sodium-native), where it has a binary for this machine: a third of node:crypto's cost per
// packet, since it needs no object for each.

import { createRequire } from "node:module";
import { KEY_BYTES, type PacketCipher, type Primitives, writeNonce } from "./primitives.ts";

// Not imported, because a machine without a binary must be able to do without.
const require = createRequire(import.meta.url);

/** What is used of sodium-native. All buffers have exact lengths, and ciphers may work in place. */
interface Sodium {
  crypto_aead_chacha20poly1305_ietf_encrypt(
    into: Uint8Array,
    message: Uint8Array,
    header: Uint8Array,
    secretNonce: null,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number;
  /** @throws when the tag is wrong */
  crypto_aead_chacha20poly1305_ietf_decrypt(
    into: Uint8Array,
    secretNonce: null,
    sealed: Uint8Array,
    header: Uint8Array,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number;
  crypto_scalarmult_base(publicKey: Uint8Array, secret: Uint8Array): void;
  /** @throws when the result is all zeros */
  crypto_scalarmult(shared: Uint8Array, secret: Uint8Array, publicKey: Uint8Array): void;
  sodium_memzero(bytes: Uint8Array): void;
}

/** The primitives by libsodium; undefined where it cannot be loaded. */
export function loadSodiumPrimitives(): Primitives | undefined {
  try {
    return sodiumPrimitives(require("sodium-native") as Sodium);
  } catch {
    return undefined;
  }
}

function sodiumPrimitives(sodium: Sodium): Primitives {
  return {
    name: "sodium",
    cipher: (key) => new SodiumCipher(sodium, key),
    publicKey(secret) {
      const publicKey = new Uint8Array(KEY_BYTES);
      sodium.crypto_scalarmult_base(publicKey, secret);
      return publicKey;
    },
    agree(secret, publicKey) {
      const shared = new Uint8Array(KEY_BYTES);
      try {
        sodium.crypto_scalarmult(shared, secret, publicKey);
      } catch {
        return undefined;
      }
      return shared;
    },
  };
}

class SodiumCipher implements PacketCipher {
  readonly #sodium: Sodium;
  readonly #key: Uint8Array;
  readonly #nonce = new Uint8Array(12);

  constructor(sodium: Sodium, key: Uint8Array) {
    this.#sodium = sodium;
    this.#key = Uint8Array.from(key);
  }

  seal(header: Uint8Array, number: number, payload: Uint8Array, into: Uint8Array): void {
    writeNonce(this.#nonce, number);
    this.#sodium.crypto_aead_chacha20poly1305_ietf_encrypt(
      into,
      payload,
      header,
      null,
      this.#nonce,
      this.#key,
    );
  }

  open(header: Uint8Array, number: number, sealed: Uint8Array, into: Uint8Array): boolean {
    writeNonce(this.#nonce, number);
    try {
      this.#sodium.crypto_aead_chacha20poly1305_ietf_decrypt(
        into,
        null,
        sealed,
        header,
        this.#nonce,
        this.#key,
      );
    } catch {
      return false;
    }
    return true;
  }

  destroy(): void {
    this.#sodium.sodium_memzero(this.#key);
  }
}
