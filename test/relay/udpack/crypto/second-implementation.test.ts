// Data packets, MACs, key updates and reset tokens once more, written from docs/UDPACK.md alone and with nothing but
// node:crypto: whether the page says enough for somebody else to implement them.

import { createCipheriv, createDecipheriv, createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { PacketKeys } from "../../../../relay/udpack/crypto/packet-keys.ts";
import { Resets } from "../../../../relay/udpack/crypto/reset.ts";
import { UDPACK_KEY_LIMITS } from "../../../../shared/limits.ts";
import { LIBRARIES, parties, viewOf, WALL_MS } from "../parties.ts";

const { PHASE_MS } = UDPACK_KEY_LIMITS;
const ID = Buffer.from("0102030405060708", "hex");
const KEYS = [Buffer.alloc(32, 0xaa), Buffer.alloc(32, 0xbb)] as const;

/** RFC 2104 with BLAKE2s and a block of 64 bytes. */
function hmac(key: Uint8Array, data: Uint8Array): Buffer {
  const block = Buffer.concat([key, Buffer.alloc(64 - key.length)]);
  const hash = (...parts: Uint8Array[]) => createHash("blake2s256").update(Buffer.concat(parts)).digest();
  return hash(
    block.map((byte) => byte ^ 0x5c),
    hash(
      block.map((byte) => byte ^ 0x36),
      data,
    ),
  );
}

/** Section 2.1. */
function nonce(number: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeBigUInt64LE(BigInt(number), 4);
  return bytes;
}

function seal(key: Uint8Array, phase: number, number: number, frames: Uint8Array): Buffer {
  const header = Buffer.alloc(19);
  header[0] = 0x40 + (phase % 4);
  ID.copy(header, 1);
  header.writeUInt16BE(frames.length + 16, 9);
  header.writeBigUInt64BE(BigInt(number), 11);
  const cipher = createCipheriv("chacha20-poly1305", key, nonce(number), { authTagLength: 16 });
  cipher.setAAD(header, { plaintextLength: frames.length });
  return Buffer.concat([header, cipher.update(frames), cipher.final(), cipher.getAuthTag()]);
}

function open(key: Uint8Array, packet: Uint8Array): Buffer {
  const bytes = Buffer.from(packet);
  const number = Number(bytes.readBigUInt64BE(11));
  const end = 19 + bytes.readUInt16BE(9) - 16;
  const decipher = createDecipheriv("chacha20-poly1305", key, nonce(number), { authTagLength: 16 });
  decipher.setAAD(bytes.subarray(0, 19), { plaintextLength: end - 19 });
  decipher.setAuthTag(bytes.subarray(end, end + 16));
  return Buffer.concat([decipher.update(bytes.subarray(19, end)), decipher.final()]);
}

describe.each(LIBRARIES)("a second implementation beside $name", (primitives) => {
  const make = () =>
    new PacketKeys({
      primitives,
      sendKey: Uint8Array.from(KEYS[0]),
      receiveKey: Uint8Array.from(KEYS[1]),
      peerId: ID,
      now: 0,
    });

  function sealedByProduct(keys: PacketKeys, frames: Buffer, now: number): Uint8Array {
    const datagram = new Uint8Array(frames.length + 35);
    datagram.set(frames, 19);
    keys.sealPacket(datagram, 0, frames.length, keys.nextNumber(), now);
    return datagram;
  }

  function openedByProduct(keys: PacketKeys, packet: Uint8Array, now: number): string {
    const view = viewOf(packet);
    const into = Buffer.alloc(2_000);
    return into.toString("latin1", 0, view ? Math.max(0, keys.openPacket(view, into, now)) : 0);
  }

  it("seals the same bytes and opens them", () => {
    const keys = make();
    const frames = Buffer.from("frames of a packet");
    for (let number = 0; number < 300; number++) {
      const packet = sealedByProduct(keys, frames, 0);
      expect(Buffer.from(packet)).toEqual(seal(KEYS[0], 0, number, frames));
      expect(open(KEYS[0], packet)).toEqual(frames);
    }
  });

  it("makes packets that open, in two phases and with large numbers", () => {
    const keys = make();
    const update = hmac(KEYS[1], Buffer.from("udpack key update"));
    expect(openedByProduct(keys, seal(KEYS[1], 0, 0x1234_5678, Buffer.from("one")), 0)).toBe("one");
    expect(openedByProduct(keys, seal(update, 1, 0xabcd_ef01_2345, Buffer.from("two")), 0)).toBe("two");
    const answer = sealedByProduct(keys, Buffer.from("three"), 0);
    const answerKey = hmac(KEYS[0], Buffer.from("udpack key update"));
    expect(answer[0]).toBe(0x41);
    expect(open(answerKey, answer).toString()).toBe("three");
  });

  it("turns its sending keys by itself in time", () => {
    const keys = make();
    openedByProduct(keys, seal(KEYS[1], 0, 0, Buffer.from("heard")), 0);
    const packet = sealedByProduct(keys, Buffer.from("late"), PHASE_MS);
    expect(open(hmac(KEYS[0], Buffer.from("udpack key update")), packet).toString()).toBe("late");
  });

  it("makes the same MACs and reset tokens", () => {
    const { clientRandom, initiator, server } = parties(primitives);
    const initiation = Buffer.from(initiator.start(0, clientRandom, WALL_MS));
    const key = hmac(Buffer.from("udpack mac 1"), server.public);
    expect(initiation.subarray(1_168, 1_184)).toEqual(
      hmac(key, initiation.subarray(0, 1_168)).subarray(0, 16),
    );
    expect(initiation.subarray(1_184)).toEqual(Buffer.alloc(16));
    const resetKey = hmac(server.secret, Buffer.from("udpack reset"));
    expect(Buffer.from(new Resets(server.secret).token(ID))).toEqual(hmac(resetKey, ID).subarray(0, 16));
  });
});
