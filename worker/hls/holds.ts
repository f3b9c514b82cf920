// Requests that origins hold until there is something new: so many of a channel at a time, since anybody may ask for any part.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { HLS_LIMITS as LIMITS } from "../../shared/limits.ts";
import { Reservations } from "../cache/reservations.ts";

const holds = new Map<string, Reservations>();
/** A place among the requests that the channel's origin holds, and what gives it back; undefined when there is none. */
export function takeHold(channel: ChannelConfig, forMs: number, now: number): (() => void) | undefined {
  let places = holds.get(channel.id);
  if (!places) {
    const [oldest] = holds.keys();
    if (oldest !== undefined && holds.size >= LIMITS.BLOCKING_CHANNELS_MAX) holds.delete(oldest);
    places = new Reservations(LIMITS.BLOCKING_MAX, LIMITS.BLOCKING_TIMEOUT_MAX_MS + forMs);
    holds.set(channel.id, places);
  }
  return places.take(1, now);
}
