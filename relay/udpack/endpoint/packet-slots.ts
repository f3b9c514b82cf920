// Where the frames of each packet of a batch go: views of an engine's batch buffer, made once per buffer and datagram
// size, because one more view per packet is what packets can do without.

import { DATA_HEADER_BYTES, TAG_BYTES } from "../wire/packet.ts";

export class PacketSlots {
  #batch: Uint8Array | undefined;
  #segment = 0;
  #views: Uint8Array[] = [];

  /** Room for the frames of packet `index`, when each datagram has `segment` bytes; header and tag lie around it. */
  frames(batch: Uint8Array, segment: number, index: number): Uint8Array {
    if (batch !== this.#batch || segment !== this.#segment) {
      this.#batch = batch;
      this.#segment = segment;
      this.#views = [];
    }
    let view = this.#views[index];
    if (view === undefined) {
      const start = batch.byteOffset + index * segment + DATA_HEADER_BYTES;
      view = new Uint8Array(batch.buffer, start, segment - DATA_HEADER_BYTES - TAG_BYTES);
      this.#views[index] = view;
    }
    return view;
  }
}
