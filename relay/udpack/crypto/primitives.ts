// What UDPack needs of a cryptographic library: ChaCha20-Poly1305 (RFC 8439) and X25519 (RFC 7748). Two libraries provide
// it (sodium-primitives.ts, node-primitives.ts); nothing else of UDPack names either. BLAKE2s is Node's in both cases.

export const KEY_BYTES = 32;

/** An X25519 key pair. */
export interface KeyPair {
  readonly secret: Uint8Array;
  readonly public: Uint8Array;
}

/** ChaCha20-Poly1305 with one key. The nonce is four zero bytes and the number, little-endian, as in Noise. */
export interface PacketCipher {
  /**
   * Writes ciphertext and tag to `into`, which is 16 bytes longer than `payload` and may begin where it begins. `number`
   * must never be used twice with one key.
   */
  seal(header: Uint8Array, number: number, payload: Uint8Array, into: Uint8Array): void;
  /**
   * Writes the payload to `into`, which is 16 bytes shorter than `sealed` and may begin where it begins. False: it is not
   * authentic, and what `into` holds means nothing.
   */
  open(header: Uint8Array, number: number, sealed: Uint8Array, into: Uint8Array): boolean;
  /** Forgets the key; the cipher must not be used afterwards. */
  destroy(): void;
}

/** A cryptographic library. */
export interface Primitives {
  readonly name: "sodium" | "node";
  /** Copies the key of 32 bytes. */
  cipher(key: Uint8Array): PacketCipher;
  /** The public key of a secret one. */
  publicKey(secret: Uint8Array): Uint8Array;
  /** The shared secret; undefined when it is all zeros, as only a key made for that gives (RFC 7748 section 6.1). */
  agree(secret: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined;
}

/** Random bytes of cryptographic quality, handed in where keys and ids are made. */
export type RandomBytes = (bytes: number) => Uint8Array;

/** The nonce for a packet number, written into the twelve bytes of `nonce`. */
export function writeNonce(nonce: Uint8Array, number: number): void {
  const high = Math.floor(number / 0x1_0000_0000);
  nonce[4] = number;
  nonce[5] = number >>> 8;
  nonce[6] = number >>> 16;
  nonce[7] = number >>> 24;
  nonce[8] = high;
  nonce[9] = high >>> 8;
}
