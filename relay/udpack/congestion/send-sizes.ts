// How many bytes are sent together (docs/UDPACK.md section 7), from what the pacing rate and the peer's socket allow.

import { UDPACK_CONGESTION_LIMITS } from "../../../shared/limits.ts";

const { BURST_BUFFER_DIVISOR, PACKET_BYTES_MIN, QUANTUM_MS, QUANTUM_PACKETS_MIN, RECEIVE_BUFFER_BYTES } =
  UDPACK_CONGESTION_LIMITS;

/** The sizes of one direction of a session. */
export class SendSizes {
  /** Greatest packet so far. */
  packet: number = PACKET_BYTES_MIN;
  /** Bytes that the peer's socket holds. */
  receiveBuffer: number = RECEIVE_BUFFER_BYTES;

  onSent(bytes: number): void {
    if (bytes > this.packet) this.packet = bytes;
  }

  /** Bytes that are best sent together at that rate. */
  quantum(rate: number): number {
    const least = QUANTUM_PACKETS_MIN * this.packet;
    return Math.max(least, Math.min((rate * QUANTUM_MS) / 1_000, this.#bufferShare()));
  }

  /** Bytes that may leave at once after a pause: a timer that fires every second quantum costs nothing. */
  burst(quantum: number): number {
    return Math.max(quantum, Math.min(2 * quantum, this.#bufferShare()));
  }

  #bufferShare(): number {
    return this.receiveBuffer / BURST_BUFFER_DIVISOR;
  }
}
