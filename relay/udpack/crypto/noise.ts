// Noise_IK_25519_ChaChaPoly_BLAKE2s (Noise revision 34): the two messages of the handshake and the keys that come of it.
// Pure: ephemeral keys come in as arguments. Reading a message never throws; an initiator may try any number of them.

import { TAG_BYTES } from "../wire/packet.ts";
import { blake2s, hkdf2 } from "./blake2s.ts";
import { KEY_BYTES, type KeyPair, type Primitives } from "./primitives.ts";

const EMPTY = new Uint8Array(0);

/** The name has 33 bytes, one more than a hash, so that its hash stands for it (section 5.2). */
const PROTOCOL_HASH = blake2s(new TextEncoder().encode("Noise_IK_25519_ChaChaPoly_BLAKE2s"), EMPTY);

/** Before the payload of message 1: ephemeral key, encrypted static key. */
const FIRST_HEAD_BYTES = KEY_BYTES + KEY_BYTES + TAG_BYTES;

/** What message 1 adds to its payload, and message 2 to its. */
export const FIRST_OVERHEAD_BYTES = FIRST_HEAD_BYTES + TAG_BYTES;
export const SECOND_OVERHEAD_BYTES = KEY_BYTES + TAG_BYTES;

/** The outcome for both sides. */
export interface NoiseKeys {
  /** Initiator to responder. */
  readonly first: Uint8Array;
  /** Responder to initiator. */
  readonly second: Uint8Array;
  readonly handshakeHash: Uint8Array;
}

/** What both sides know before the first message. */
export interface NoiseSetting {
  readonly primitives: Primitives;
  readonly prologue: Uint8Array;
  /** The own static key pair. */
  readonly own: KeyPair;
}

/** Noise's SymmetricState with its CipherState. Arrays are replaced, never written to, so that a copy is cheap. */
class Symmetric {
  readonly #primitives: Primitives;
  #chainingKey: Uint8Array = PROTOCOL_HASH;
  #hash: Uint8Array = PROTOCOL_HASH;
  /** There is one from the first agreement on, which in IK precedes all that is encrypted. */
  #key: Uint8Array = EMPTY;
  #nonce = 0;

  constructor(primitives: Primitives) {
    this.#primitives = primitives;
  }

  copy(): Symmetric {
    const copy = new Symmetric(this.#primitives);
    copy.#chainingKey = this.#chainingKey;
    copy.#hash = this.#hash;
    copy.#key = this.#key;
    copy.#nonce = this.#nonce;
    return copy;
  }

  mixHash(data: Uint8Array): void {
    this.#hash = blake2s(this.#hash, data);
  }

  /** False when the keys agree on nothing. */
  mixAgreement(secret: Uint8Array, publicKey: Uint8Array): boolean {
    const shared = this.#primitives.agree(secret, publicKey);
    if (!shared) return false;
    [this.#chainingKey, this.#key] = hkdf2(this.#chainingKey, shared);
    this.#nonce = 0;
    shared.fill(0);
    return true;
  }

  encrypt(payload: Uint8Array, into: Uint8Array): void {
    const cipher = this.#primitives.cipher(this.#key);
    cipher.seal(this.#hash, this.#nonce++, payload, into);
    cipher.destroy();
    this.mixHash(into);
  }

  decrypt(sealed: Uint8Array): Uint8Array | undefined {
    if (sealed.length < TAG_BYTES) return undefined;
    const payload = new Uint8Array(sealed.length - TAG_BYTES);
    const cipher = this.#primitives.cipher(this.#key);
    const isAuthentic = cipher.open(this.#hash, this.#nonce++, sealed, payload);
    cipher.destroy();
    if (!isAuthentic) return undefined;
    this.mixHash(sealed);
    return payload;
  }

  split(): NoiseKeys {
    const [first, second] = hkdf2(this.#chainingKey, EMPTY);
    return { first, second, handshakeHash: this.#hash };
  }
}

function begin({ primitives, prologue }: NoiseSetting, responderPublic: Uint8Array): Symmetric {
  const symmetric = new Symmetric(primitives);
  symmetric.mixHash(prologue);
  symmetric.mixHash(responderPublic);
  return symmetric;
}

/** The initiator after message 1. */
export class NoiseInitiator {
  /** Message 1: payload and `FIRST_OVERHEAD_BYTES`. */
  readonly message: Uint8Array;
  readonly #symmetric: Symmetric;
  readonly #own: KeyPair;
  readonly #ephemeral: KeyPair;

  /** @throws RangeError when the responder's key is one that agrees on nothing */
  constructor(
    setting: NoiseSetting,
    keys: { readonly ephemeral: KeyPair; readonly responder: Uint8Array },
    payload: Uint8Array,
  ) {
    const symmetric = begin(setting, keys.responder);
    const message = new Uint8Array(FIRST_OVERHEAD_BYTES + payload.length);
    message.set(keys.ephemeral.public);
    symmetric.mixHash(keys.ephemeral.public);
    if (!symmetric.mixAgreement(keys.ephemeral.secret, keys.responder))
      throw new RangeError("Cannot use the responder's public key: it is of low order");
    symmetric.encrypt(setting.own.public, message.subarray(KEY_BYTES, FIRST_HEAD_BYTES));
    symmetric.mixAgreement(setting.own.secret, keys.responder);
    symmetric.encrypt(payload, message.subarray(FIRST_HEAD_BYTES));
    this.message = message;
    this.#symmetric = symmetric;
    this.#own = setting.own;
    this.#ephemeral = keys.ephemeral;
  }

  /** Reads message 2; undefined when it is not an answer of the responder to message 1. */
  read(message: Uint8Array): { readonly payload: Uint8Array; readonly keys: NoiseKeys } | undefined {
    if (message.length < SECOND_OVERHEAD_BYTES) return undefined;
    const symmetric = this.#symmetric.copy();
    const ephemeral = message.subarray(0, KEY_BYTES);
    symmetric.mixHash(ephemeral);
    if (!symmetric.mixAgreement(this.#ephemeral.secret, ephemeral)) return undefined;
    if (!symmetric.mixAgreement(this.#own.secret, ephemeral)) return undefined;
    const payload = symmetric.decrypt(message.subarray(KEY_BYTES));
    return payload && { payload, keys: symmetric.split() };
  }
}

/** The responder, which reads message 1 in two steps: between them it decides whether it knows the initiator. */
export class NoiseResponder {
  readonly #primitives: Primitives;
  readonly #own: KeyPair;
  readonly #symmetric: Symmetric;
  #initiator: Uint8Array | undefined;
  #initiatorEphemeral: Uint8Array = EMPTY;

  constructor(setting: NoiseSetting) {
    this.#primitives = setting.primitives;
    this.#own = setting.own;
    this.#symmetric = begin(setting, setting.own.public);
  }

  /** The initiator's static public key in message 1; one X25519. It is not proven before the payload was read. */
  readStatic(message: Uint8Array): Uint8Array | undefined {
    if (message.length < FIRST_OVERHEAD_BYTES) return undefined;
    const ephemeral = Uint8Array.from(message.subarray(0, KEY_BYTES));
    this.#symmetric.mixHash(ephemeral);
    if (!this.#symmetric.mixAgreement(this.#own.secret, ephemeral)) return undefined;
    this.#initiatorEphemeral = ephemeral;
    this.#initiator = this.#symmetric.decrypt(message.subarray(KEY_BYTES, FIRST_HEAD_BYTES));
    return this.#initiator;
  }

  /** The payload of the same message; a second X25519. */
  readPayload(message: Uint8Array): Uint8Array | undefined {
    if (!this.#initiator || !this.#symmetric.mixAgreement(this.#own.secret, this.#initiator))
      return undefined;
    return this.#symmetric.decrypt(message.subarray(FIRST_HEAD_BYTES));
  }

  /** Writes message 2, `SECOND_OVERHEAD_BYTES` longer than its payload, to `into`; two more X25519. */
  write(ephemeralSecret: Uint8Array, payload: Uint8Array, into: Uint8Array): NoiseKeys | undefined {
    const ephemeral = this.#primitives.publicKey(ephemeralSecret);
    into.set(ephemeral);
    this.#symmetric.mixHash(ephemeral);
    if (!this.#initiator || !this.#symmetric.mixAgreement(ephemeralSecret, this.#initiatorEphemeral))
      return undefined;
    if (!this.#symmetric.mixAgreement(ephemeralSecret, this.#initiator)) return undefined;
    this.#symmetric.encrypt(payload, into.subarray(KEY_BYTES, SECOND_OVERHEAD_BYTES + payload.length));
    return this.#symmetric.split();
  }
}
