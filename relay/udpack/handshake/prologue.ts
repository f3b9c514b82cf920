// Noise's prologue: binds a handshake to this protocol, its version and the client's connection id. Pure.

import { HANDSHAKE_HEADER_BYTES } from "../wire/packet.ts";

const NAME = new TextEncoder().encode("UDPack");

/** "UDPack" and the header of the initiation. */
export function prologueOf(initiation: Uint8Array): Uint8Array {
  const prologue = new Uint8Array(NAME.length + HANDSHAKE_HEADER_BYTES);
  prologue.set(NAME);
  prologue.set(initiation.subarray(0, HANDSHAKE_HEADER_BYTES), NAME.length);
  return prologue;
}
