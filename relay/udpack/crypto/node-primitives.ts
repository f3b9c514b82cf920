// The primitives by node:crypto, for machines that sodium-native has no binary for. Each packet costs a cipher object.

import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  type KeyObject,
} from "node:crypto";
import { KEY_BYTES, type PacketCipher, type Primitives, writeNonce } from "./primitives.ts";

const ALGORITHM = "chacha20-poly1305";
const TAG_BYTES = 16;

/** What comes before the 32 bytes of an X25519 key in PKCS #8 and in SubjectPublicKeyInfo (RFC 8410). */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b656e04220420", "hex");
const SPKI_PREFIX = Buffer.from("302a300506032b656e032100", "hex");

export const nodePrimitives: Primitives = {
  name: "node",
  cipher: (key) => new NodeCipher(key),
  publicKey(secret) {
    const spki = createPublicKey(privateKeyOf(secret)).export({ format: "der", type: "spki" });
    return Uint8Array.from(spki.subarray(SPKI_PREFIX.length));
  },
  agree(secret, publicKey) {
    const der = Buffer.concat([SPKI_PREFIX, publicKey]);
    try {
      const peer = createPublicKey({ key: der, format: "der", type: "spki" });
      return diffieHellman({ privateKey: privateKeyOf(secret), publicKey: peer });
    } catch {
      // OpenSSL refuses a result of all zeros.
      return undefined;
    }
  },
};

function privateKeyOf(secret: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, secret]), format: "der", type: "pkcs8" });
}

class NodeCipher implements PacketCipher {
  #key: KeyObject;
  readonly #nonce = new Uint8Array(12);

  constructor(key: Uint8Array) {
    this.#key = createSecretKey(key);
  }

  seal(header: Uint8Array, number: number, payload: Uint8Array, into: Uint8Array): void {
    writeNonce(this.#nonce, number);
    const cipher = createCipheriv(ALGORITHM, this.#key, this.#nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(header, { plaintextLength: payload.length });
    into.set(cipher.update(payload));
    cipher.final();
    into.set(cipher.getAuthTag(), into.length - TAG_BYTES);
  }

  open(header: Uint8Array, number: number, sealed: Uint8Array, into: Uint8Array): boolean {
    const length = sealed.length - TAG_BYTES;
    writeNonce(this.#nonce, number);
    const decipher = createDecipheriv(ALGORITHM, this.#key, this.#nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(header, { plaintextLength: length });
    decipher.setAuthTag(sealed.subarray(length));
    const payload = decipher.update(sealed.subarray(0, length));
    try {
      decipher.final();
    } catch {
      return false;
    }
    into.set(payload);
    return true;
  }

  destroy(): void {
    // A key object wipes its memory when it is collected.
    this.#key = createSecretKey(new Uint8Array(KEY_BYTES));
  }
}
