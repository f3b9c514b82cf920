// ACKs as a decoder would show them.

import type { AckView } from "../../../../relay/udpack/wire/frames.ts";

/** An ACK of ranges, newest first. */
export function ackOf(ranges: readonly (readonly [number, number])[], delayMs = 0): AckView {
  return {
    largest: ranges[0]?.[1] ?? -1,
    delayMs,
    ranges: ranges.length,
    start: (i) => ranges[i]?.[0] ?? -1,
    end: (i) => ranges[i]?.[1] ?? -1,
  };
}
