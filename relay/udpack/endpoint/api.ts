// What an owner of UDPack sessions sees: types and errors. No code that runs.

import type { CloseCode } from "../wire/codes.ts";

/** Why a stream or an attempt ended; programs match `code`. */
export type UdpackErrorCode =
  /** The stream's session ended; `closeCode` says why. */
  | "session_closed"
  /** A new session took the place of the stream's one after an outage. */
  | "reconnected"
  /** The peer ended its direction by RESET, or asked this side to stop; `streamCode` is its code. */
  | "stream_reset"
  | "stream_stopped"
  /** The peer allowed no further stream within the wait. */
  | "streams_exhausted"
  /** There was no session within the wait. */
  | "unreachable";

interface UdpackErrorFacts {
  readonly streamCode?: number;
  readonly closeCode?: CloseCode;
}

const MESSAGES: Readonly<Record<UdpackErrorCode, string>> = {
  session_closed: "The tunnel's session has ended",
  reconnected: "The tunnel was connected anew: connections of the old session ended",
  stream_reset: "The other end of the tunnel aborted the stream",
  stream_stopped: "The other end of the tunnel takes no more of the stream",
  streams_exhausted: "The other end of the tunnel allows no further stream",
  unreachable: "The tunnel's server does not answer",
};

/** An error of a session or a stream. Destroying a stream with one that has a `streamCode` sends that code. */
export class UdpackError extends Error {
  readonly code: UdpackErrorCode;
  /** Code of RESET and STOP (docs/UDPACK.md section 11). */
  readonly streamCode: number | undefined;
  readonly closeCode: CloseCode | undefined;

  constructor(code: UdpackErrorCode, facts: UdpackErrorFacts = {}) {
    const detail = facts.closeCode ?? facts.streamCode;
    super(detail === undefined ? MESSAGES[code] : `${MESSAGES[code]}: ${detail}`);
    this.name = "UdpackError";
    this.code = code;
    this.streamCode = facts.streamCode;
    this.closeCode = facts.closeCode;
  }
}

/** What is known of a session; bytes, milliseconds, bytes per second. */
export interface UdpackStats {
  readonly engine: "portable" | "offload" | "websocket";
  readonly remote: { readonly address: string; readonly port: number };
  readonly rttMs: number;
  readonly rttLeastMs: number;
  readonly windowBytes: number;
  readonly bytesInFlight: number;
  /** The model's estimate of the bottleneck. */
  readonly deliveryRate: number;
  /** Part of the packets sent that were lost. */
  readonly loss: number;
  readonly packetsSent: number;
  readonly packetsLost: number;
  readonly packetsReceived: number;
  readonly retransmittedBytes: number;
  /** UDP payload bytes, headers of packets included. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly mtu: number;
  readonly streams: number;
}
