// Puts sections together from the payloads of one PID (ISO/IEC 13818-1 section 2.4.4.1) and checks their CRC, which also
// tells when a packet was lost in between. Pure; never throws.

import { TS_LIMITS } from "../limits.ts";
import { byteAt, uint16At } from "./packet.ts";

const LENGTH_BYTES = 3;
const STUFFING = 0xff;
const CRC_TABLE = crcTable();

export class SectionReader {
  /** What has come of the section under way; undefined: between sections. */
  #open: Uint8Array | undefined;

  /** The sections that end in this payload, each a copy. `starts`: payload_unit_start_indicator of its packet. */
  push(payload: Uint8Array, starts: boolean): Uint8Array[] {
    const found: Uint8Array[] = [];
    if (!starts) {
      if (this.#open) this.#take(payload, found);
      return found;
    }
    // pointer_field: so much still belongs to the section before.
    const first = 1 + byteAt(payload, 0);
    if (this.#open) this.#take(payload.subarray(1, first), found);
    this.#open = new Uint8Array(0);
    this.#take(payload.subarray(first), found);
    return found;
  }

  #take(bytes: Uint8Array, found: Uint8Array[]): void {
    let all = new Uint8Array((this.#open?.byteLength ?? 0) + bytes.byteLength);
    if (this.#open) all.set(this.#open);
    all.set(bytes, this.#open?.byteLength ?? 0);
    while (all.byteLength > 0 && all[0] !== STUFFING) {
      const length = LENGTH_BYTES + (uint16At(all, 1) & 0x0fff);
      if (all.byteLength >= LENGTH_BYTES && length > TS_LIMITS.SECTION_BYTES_MAX) break;
      if (all.byteLength < LENGTH_BYTES || all.byteLength < length) {
        this.#open = all;
        return;
      }
      if (crcOf(all.subarray(0, length)) === 0) found.push(all.slice(0, length));
      all = all.subarray(length);
    }
    this.#open = undefined;
  }
}

function crcTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, index) => {
    let value = index << 24;
    for (let bit = 0; bit < 8; bit++) value = value & 0x80000000 ? (value << 1) ^ 0x04c11db7 : value << 1;
    return value >>> 0;
  });
}

/** CRC_32 of ISO/IEC 13818-1 annex A; 0 over a section with its own at its end. */
function crcOf(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = ((crc << 8) ^ (CRC_TABLE[(crc >>> 24) ^ byte] ?? 0)) >>> 0;
  return crc;
}
