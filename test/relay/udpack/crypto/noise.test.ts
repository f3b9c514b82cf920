// Noise IK against the published vector, by both libraries, and against everything that is not an answer.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyPairOf } from "../../../../relay/udpack/crypto/keys.ts";
import {
  NoiseInitiator,
  NoiseResponder,
  SECOND_OVERHEAD_BYTES,
} from "../../../../relay/udpack/crypto/noise.ts";
import type { Primitives } from "../../../../relay/udpack/crypto/primitives.ts";
import { hex, hexOf, keyOf, LIBRARIES } from "../parties.ts";
import { NOISE_IK_VECTOR as VECTOR } from "./noise-vector.ts";

const EMPTY = new Uint8Array(0);

describe.each(LIBRARIES)("Noise_IK_25519_ChaChaPoly_BLAKE2s by $name", (primitives) => {
  const setting = (secret: string) => ({
    primitives,
    prologue: hex(VECTOR.prologue),
    own: keyPairOf(primitives, hex(secret)),
  });
  const ephemeral = keyPairOf(primitives, hex(VECTOR.initEphemeral));

  function handshake() {
    const [first, second] = VECTOR.messages;
    const keys = { ephemeral, responder: hex(VECTOR.initRemoteStatic) };
    const initiator = new NoiseInitiator(setting(VECTOR.initStatic), keys, hex(first.payload));
    const responder = new NoiseResponder(setting(VECTOR.respStatic));
    const client = responder.readStatic(initiator.message);
    const payload = responder.readPayload(initiator.message);
    const answer = new Uint8Array(hex(second.payload).length + SECOND_OVERHEAD_BYTES);
    const split = responder.write(hex(VECTOR.respEphemeral), hex(second.payload), answer);
    return { initiator, client, payload, answer, split };
  }

  it("makes and reads both messages of the vector", () => {
    const { answer, client, initiator, payload, split } = handshake();
    expect(hexOf(initiator.message)).toBe(VECTOR.messages[0].ciphertext);
    expect(hexOf(client ?? EMPTY)).toBe(hexOf(keyPairOf(primitives, hex(VECTOR.initStatic)).public));
    expect(hexOf(payload ?? EMPTY)).toBe(VECTOR.messages[0].payload);
    expect(hexOf(answer)).toBe(VECTOR.messages[1].ciphertext);
    const read = initiator.read(answer);
    expect(hexOf(read?.payload ?? EMPTY)).toBe(VECTOR.messages[1].payload);
    expect(read?.keys).toEqual(split);
    expect(hexOf(read?.keys.handshakeHash ?? EMPTY)).toBe(VECTOR.handshakeHash);
  });

  it("has the vector's keys: its transport messages are packets without a header", () => {
    const { split } = handshake();
    const ciphers = [
      primitives.cipher(split?.first ?? EMPTY),
      primitives.cipher(split?.second ?? EMPTY),
    ] as const;
    VECTOR.messages.slice(2).forEach(({ ciphertext, payload }, i) => {
      const cipher = ciphers[i % 2 === 0 ? 0 : 1];
      const number = Math.floor(i / 2);
      const into = new Uint8Array(hex(ciphertext).length);
      cipher.seal(EMPTY, number, hex(payload), into);
      expect(hexOf(into)).toBe(ciphertext);
      const back = new Uint8Array(hex(payload).length);
      expect(cipher.open(EMPTY, number, hex(ciphertext), back)).toBe(true);
      expect(hexOf(back)).toBe(payload);
    });
  });

  it("reads no first message with a changed bit", () => {
    const { message } = handshake().initiator;
    fc.assert(
      fc.property(fc.nat(message.length * 8 - 1), (bit) => {
        const responder = new NoiseResponder(setting(VECTOR.respStatic));
        const forged = withBitFlipped(message, bit);
        expect(responder.readStatic(forged) && responder.readPayload(forged)).toBeUndefined();
      }),
      { numRuns: 60 },
    );
  });

  it("reads no second message with a changed bit, and the right one after any number of them", () => {
    const { answer, initiator } = handshake();
    fc.assert(
      fc.property(fc.nat(answer.length * 8 - 1), (bit) => {
        expect(initiator.read(withBitFlipped(answer, bit))).toBeUndefined();
      }),
      { numRuns: 60 },
    );
    expect(initiator.read(answer)).toBeDefined();
  });

  it("throws for no bytes", () => {
    const { initiator } = handshake();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const responder = new NoiseResponder(setting(VECTOR.respStatic));
        expect(responder.readStatic(bytes)).toBeUndefined();
        expect(responder.readPayload(bytes)).toBeUndefined();
        expect(initiator.read(bytes)).toBeUndefined();
      }),
      { numRuns: 60 },
    );
  });

  it("refuses a responder's key of low order", () => {
    const keys = { ephemeral, responder: new Uint8Array(32) };
    expect(() => new NoiseInitiator(setting(VECTOR.initStatic), keys, EMPTY)).toThrow(RangeError);
  });
});

describe.each(LIBRARIES)("primitives by $name", (primitives) => {
  it("agree on one secret from both sides", () => {
    const [a, b] = [keyOf(primitives, 7), keyOf(primitives, 9)];
    expect(Buffer.from(agreed(primitives, a.secret, b.public))).toEqual(
      Buffer.from(agreed(primitives, b.secret, a.public)),
    );
  });

  it("agree on nothing with a key of low order", () => {
    expect(primitives.agree(keyOf(primitives, 7).secret, new Uint8Array(32))).toBeUndefined();
  });

  it("seal and open in place, with numbers up to 2^48", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat({ max: 2 ** 48 - 1 }), (payload, number) => {
        const cipher = primitives.cipher(new Uint8Array(32).fill(5));
        const header = Uint8Array.of(1, 2, 3);
        const buffer = new Uint8Array(payload.length + 16);
        buffer.set(payload);
        cipher.seal(header, number, buffer.subarray(0, payload.length), buffer);
        expect(cipher.open(header, number, buffer, buffer.subarray(0, payload.length))).toBe(true);
        expect(buffer.subarray(0, payload.length)).toEqual(payload);
      }),
    );
  });
});

function agreed(primitives: Primitives, secret: Uint8Array, publicKey: Uint8Array): Uint8Array {
  return primitives.agree(secret, publicKey) ?? EMPTY;
}

function withBitFlipped(bytes: Uint8Array, bit: number): Uint8Array {
  const forged = Uint8Array.from(bytes);
  forged[bit >>> 3] = (forged[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
  return forged;
}
