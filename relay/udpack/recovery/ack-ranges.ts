// What of an ACK can still tell a sender anything. Pure.

import type { AckView } from "../wire/frames.ts";

/**
 * How many of the newest ranges reach numbers whose fate is open, from `oldest` up to, not including, `next`.
 * -1: the ranges are not descending ones of numbers that were sent. What lies below is not looked at.
 */
export function openRanges(ack: AckView, oldest: number, next: number): number {
  if (ack.ranges < 1 || ack.end(0) !== ack.largest) return -1;
  let above = next;
  for (let i = 0; i < ack.ranges; i++) {
    const start = ack.start(i);
    const end = ack.end(i);
    if (!(start >= 0 && start <= end && end < above)) return -1;
    if (end < oldest) return i;
    above = start;
  }
  return ack.ranges;
}
