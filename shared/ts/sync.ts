// Finds the packets in a byte stream: of 188 bytes, or with a time stamp (192) or parity (204) that is left out. After
// garbage it finds them again. Pure; never throws.

import { TS_LIMITS } from "../limits.ts";
import { PACKET_BYTES, SYNC_BYTE } from "./packet.ts";

/** Distances between sync bytes, the usual one first. */
const STRIDES = [PACKET_BYTES, 192, 204] as const;
const WINDOW_BYTES = 204 * (TS_LIMITS.SYNC_PACKETS - 1) + 1;

/** A run of packets: where the first sync byte is, and how far apart they are. */
interface Lock {
  readonly at: number;
  readonly stride: number;
}

export class PacketReader {
  #carry = new Uint8Array(0);
  #stride = 0;
  /** Bytes to pass over before the next sync byte: stamp or parity of the packet before. */
  #gap = 0;
  #garbageBytes = 0;

  /** Bytes that were no packets since the last packet. */
  get garbageBytes(): number {
    return this.#garbageBytes + (this.#stride === 0 ? this.#carry.byteLength : 0);
  }

  /** Hands over each packet that is whole; it is valid until `onPacket` returns. */
  push(bytes: Uint8Array, onPacket: (packet: Uint8Array) => void): void {
    const all = this.#carry.byteLength === 0 ? bytes : joined(this.#carry, bytes);
    let at = 0;
    for (;;) {
      if (this.#stride === 0) {
        const lock = findLock(all, at);
        if (typeof lock === "number") {
          this.#garbageBytes += lock - at;
          at = lock;
          break;
        }
        this.#garbageBytes += lock.at - at;
        at = lock.at;
        this.#stride = lock.stride;
        this.#gap = 0;
      }
      const start = at + this.#gap;
      if (start + PACKET_BYTES > all.byteLength) break;
      if (all[start] !== SYNC_BYTE) {
        this.#stride = 0;
        continue;
      }
      this.#garbageBytes = 0;
      onPacket(all.subarray(start, start + PACKET_BYTES));
      at = start + PACKET_BYTES;
      this.#gap = this.#stride - PACKET_BYTES;
    }
    this.#carry = all.slice(at);
  }
}

/** The first lock at or after `from`; a number: none yet, and what lies before it never will be part of one. */
function findLock(bytes: Uint8Array, from: number): Lock | number {
  const end = bytes.byteLength - WINDOW_BYTES;
  for (let at = bytes.indexOf(SYNC_BYTE, from); at >= 0; at = bytes.indexOf(SYNC_BYTE, at + 1)) {
    if (at > end) return at;
    for (const stride of STRIDES) if (repeats(bytes, at, stride)) return { at, stride };
  }
  return bytes.byteLength;
}

function repeats(bytes: Uint8Array, at: number, stride: number): boolean {
  for (let count = 1; count < TS_LIMITS.SYNC_PACKETS; count++)
    if (bytes[at + count * stride] !== SYNC_BYTE) return false;
  return true;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.byteLength + b.byteLength);
  all.set(a);
  all.set(b, a.byteLength);
  return all;
}
