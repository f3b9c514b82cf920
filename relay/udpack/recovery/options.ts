// What loss recovery is made of, and whom it tells. Types only.

import type { CongestionController } from "../congestion/controller.ts";
import type { PathSize } from "../path/pmtu.ts";

/** Told what became of a packet, once for each that elicits an ACK. */
export interface RecoveryEvents<F> {
  acked(frames: F): void;
  lost(frames: F): void;
}

export interface RecoveryOptions {
  readonly controller: CongestionController;
  /** The peer's parameter `ack_delay`. */
  readonly peerAckDelayMs: number;
  readonly now: number;
  /** Learns which sizes pass. */
  readonly size?: PathSize;
}
