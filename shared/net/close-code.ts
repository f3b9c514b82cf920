// Which WebSocket close travels on when one side of a proxied socket has ended (RFC 6455 §7.4). Pure.

/** A close as it is sent; without a code the frame is empty, which the far side reports as 1005. */
export interface SocketClose {
  readonly code?: number;
  readonly reason: string;
}

export const GOING_AWAY = 1001;
/** Stands for a close without a code; never sent. */
export const NO_STATUS = 1005;
/** Stands for an end that was no close; never sent. */
export const ABNORMAL = 1006;
/** By a rule of this side. */
export const POLICY_VIOLATION = 1008;
export const INTERNAL_ERROR = 1011;
/** To a side that reads too slowly (IANA's registry). */
export const TRY_AGAIN_LATER = 1013;

/** 1004 to 1006 and 1015 never stand on the wire; below 1000 and from 5000 on nothing is defined. */
function isSendable(code: number): boolean {
  return (
    code >= 1000 && code <= 4999 && code !== 1004 && code !== NO_STATUS && code !== ABNORMAL && code !== 1015
  );
}

/**
 * What to send to the one side after the other ended with `code`. An end that was no close (1006: the connection broke) is
 * told to the upstream as 1001, and to the client as 1011.
 */
export function relayedClose(code: number, reason: string, endedBy: "client" | "upstream"): SocketClose {
  if (isSendable(code)) return { code, reason };
  if (code === NO_STATUS) return { reason: "" };
  return endedBy === "client"
    ? { code: GOING_AWAY, reason: "client connection lost" }
    : { code: INTERNAL_ERROR, reason: "upstream connection lost" };
}
