// What is left of a read in which something could not be used. The system may have read several datagrams of one address as
// one buffer, and anybody can send in another's name: a stranger's datagram must not cost the client's own behind it. Pure.

import { isSameId, PACKET_KINDS, type PacketView, readPacket } from "./packet.ts";

/** Bytes that may be opened in vain, as a multiple of what was read: forged lengths could make all packets overlap. */
const WASTE_FACTOR = 2;

/**
 * Looks behind `from` for packets to `id` and hands them to `take`, by `view`, and what follows them in order. `take` tells
 * whether a packet was of use: behind one that was not, the next is looked for in the same way.
 */
export function salvage(
  read: Buffer,
  from: number,
  id: Uint8Array,
  view: PacketView,
  take: () => boolean,
): void {
  let at = from;
  for (let wasted = 0; wasted <= WASTE_FACTOR * read.length; ) {
    const found = read.indexOf(id, at + 2);
    if (found < 0) return;
    at = found - 1;
    while (readPacket(read, at, view) && take()) at = view.end;
    const isForged = at < read.length && view.kind === PACKET_KINDS.data && isSameId(id, read, at + 1);
    if (isForged) wasted += Math.min(view.end, read.length) - at;
  }
}
