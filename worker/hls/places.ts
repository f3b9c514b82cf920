// Memory for segments that are collected while they stream: so much of it in one isolate, whoever asks.

import { HLS_LIMITS as LIMITS } from "../../shared/limits.ts";
import { Reservations } from "../cache/reservations.ts";
import type { Room } from "./body.ts";

const reservations = new Reservations(LIMITS.FLIGHT_BYTES_MAX, LIMITS.FLIGHT_LAPSE_MS);

interface HeldPlace {
  readonly room: Room;
  readonly giveBack: () => void;
}

/** A place for one body; one of unknown length takes more as it grows. Undefined when there is no room. */
export function takePlace(length: number | undefined): HeldPlace | undefined {
  if (length !== undefined && length > LIMITS.SHARED_BODY_BYTES_MAX) return undefined;
  let held = length ?? LIMITS.FLIGHT_STEP_BYTES;
  const first = reservations.take(held, Date.now());
  if (!first) return undefined;
  const taken = [first];
  return {
    room(bytes) {
      if (bytes > LIMITS.SHARED_BODY_BYTES_MAX) return false;
      while (bytes > held) {
        const more = reservations.take(LIMITS.FLIGHT_STEP_BYTES, Date.now());
        if (!more) return false;
        taken.push(more);
        held += LIMITS.FLIGHT_STEP_BYTES;
      }
      return true;
    },
    giveBack() {
      for (const give of taken) give();
    },
  };
}
