// Stateless resets (docs/UDPACK.md section 2.5): how a server that has lost its sessions tells clients so, and nobody else
// can. Time comes in as an argument.

import { UDPACK_HANDSHAKE_LIMITS } from "../../../shared/limits.ts";
import { timingSafeEqual } from "../../../shared/net/constant-time.ts";
import { RateWindow } from "../../../shared/net/rate-window.ts";
import {
  CONNECTION_ID_BYTES,
  isSameId,
  PACKET_KINDS,
  type PacketView,
  RESET,
  writeReset,
} from "../wire/packet.ts";
import { hmac } from "./blake2s.ts";

const RATE = { count: UDPACK_HANDSHAKE_LIMITS.RESETS_PER_SECOND, windowMs: 1_000 };
export const RESET_TOKEN_BYTES = 16;

/** A server's reset tokens: the same for a connection id whenever the server has the same static key. */
export class Resets {
  readonly #key: Uint8Array;
  readonly #rate = new RateWindow();

  constructor(serverSecret: Uint8Array) {
    this.#key = hmac(serverSecret, "udpack reset");
  }

  /** The token for one of the server's connection ids; the handshake hands it to the client. */
  token(id: Uint8Array): Uint8Array {
    return hmac(this.#key, id).subarray(0, RESET_TOKEN_BYTES);
  }

  /** The answer to a packet of a session that is not known; undefined when it gets none. */
  answer(packet: PacketView, now: number): Uint8Array | undefined {
    // Only data packets are answered, which are all larger than a reset: two servers cannot keep each other busy.
    if (packet.kind !== PACKET_KINDS.data || packet.end - packet.start <= RESET.bytes) return undefined;
    if (!this.#rate.take(RATE, now).admitted) return undefined;
    const id = packet.datagram.slice(packet.idAt, packet.idAt + CONNECTION_ID_BYTES);
    return writeReset(id, this.token(id));
  }
}

/** Whether a packet is the reset of the session with these: the peer's connection id and token from the handshake. */
export function isResetOf(packet: PacketView, peerId: Uint8Array, token: Uint8Array): boolean {
  if (packet.kind !== PACKET_KINDS.reset || !isSameId(peerId, packet.datagram, packet.idAt)) return false;
  const at = packet.start + RESET.token;
  return timingSafeEqual(packet.datagram.subarray(at, at + RESET_TOKEN_BYTES), token);
}
